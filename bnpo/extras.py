"""Packages that only some features need: imported on use, with the extra named when missing."""

from __future__ import annotations

import importlib
from typing import Any

from bnpo.errors import MissingExtra

__all__ = ["require"]


def require(module: str, extra: str, feature: str) -> Any:
    """Import a module that an extra brings.

    Args:
        module: what to import
        extra: name of the extra in the package's metadata
        feature: what needs it, as the user calls it

    Raises:
        MissingExtra: naming feature, package and extra.

    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise MissingExtra(f"{feature} needs {missing}: pip install 'bnpo[{extra}]'") from None
