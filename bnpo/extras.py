"""What is imported on use: names of packages that load much, and packages of extras."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from bnpo.errors import MissingExtra, did_you_mean

__all__ = ["on_use", "require"]


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


def on_use(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``, which imports its names when they are first used.

    Args:
        package: its name
        homes: module of each name; a name whose module ends like it is the module itself

    """

    def get(name: str) -> Any:
        if name not in homes:
            hint = did_you_mean(name, homes)
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        module = importlib.import_module(homes[name])
        is_module = homes[name] == f"{package}.{name}"
        return module if is_module else getattr(module, name)

    return get
