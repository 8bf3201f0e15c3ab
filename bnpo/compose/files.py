"""Files that people write: configurations in JSON or YAML, plans of studies and sweeps in YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnpo.errors import ConfigError
from bnpo.extras import require

__all__ = ["ENDINGS", "read_mapping"]

ENDINGS = (".json", ".yaml", ".yml")
"""Endings of files that hold a configuration."""

_EXPONENT = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)[eE][-+]?\d+$")
"""Numbers such as 1e-3, which are numbers to YAML 1.2 and to everybody, but text to PyYAML."""


def read_mapping(path: Path, what: str) -> dict[str, Any]:
    """Return what a file of JSON or, by any other ending, of YAML holds.

    Args:
        path: the file
        what: it is, for messages

    Raises:
        ConfigError: naming the file that cannot be read, or holds something else.
        MissingExtra: PyYAML is not installed and the file is not JSON.

    """
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if kind == "JSON" else _yaml(text, f"a {what}")
    except OSError as error:
        raise ConfigError(f"{what} {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{what} {path} cannot be read: no text, so not {kind}") from None
    except RecursionError:
        raise ConfigError(f"{what} {path} is not {kind}: it is nested too deeply") from None
    except ConfigError:
        raise
    except (ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{what} {path} is not {kind}: {reason}") from None
    if not isinstance(content, Mapping):
        raise ConfigError(f"{what} {path} holds {type(content).__name__}: allowed is a mapping")
    return dict(content)


def _yaml(text: str, feature: str) -> Any:
    """Return what a text of YAML holds.

    Raises:
        ValueError: it is not YAML.

    """
    yaml = require("yaml", "study", feature)

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """PyYAML's loader, with the exponents of YAML 1.2."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
