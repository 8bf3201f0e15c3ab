"""What is imported on use: names of packages that load much, and packages of extras."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from bnpo.errors import ConfigError, MissingExtra, did_you_mean

__all__ = ["import_after", "import_here_too", "imported", "on_use", "require"]


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
            known = {*homes, *vars(sys.modules[package])}
            hint = did_you_mean(name, [one for one in known if not one.startswith("_")])
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        module = importlib.import_module(homes[name])
        is_module = homes[name] == f"{package}.{name}"
        return module if is_module else getattr(module, name)

    return get


def import_after(module: str, also: str) -> None:
    """Import a module as soon as another one is imported; at once where it has been.

    Args:
        module: which may be imported later, or never
        also: imported after it

    """
    if module in sys.modules:
        importlib.import_module(also)
    else:
        sys.meta_path.insert(0, _After(module, also))


class _After(importlib.abc.MetaPathFinder):
    """Finds one module as others would find it, and has another one imported after it."""

    def __init__(self, module: str, also: str) -> None:
        self.module = module
        self.also = also

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                importlib.import_module(self.also)

            loader.exec_module = exec_module
        return spec


def import_here_too() -> None:
    """Let modules of the working folder be imported, behind all others."""
    with contextlib.suppress(OSError):  # the folder is gone
        here = str(Path.cwd())
        if here not in sys.path and "" not in sys.path:
            sys.path.append(here)


def imported(name: str, where: str) -> Any:
    """Return the object that a name such as ``package.module:Name`` stands for.

    Args:
        name: of the module, which may lie in the working folder, and of something in it
        where: how an error calls the field that holds the name

    Raises:
        ConfigError: the module cannot be imported, or has no such name.

    """
    path, _, parts = name.partition(":")
    import_here_too()
    try:
        thing: Any = importlib.import_module(path)
    except Exception as error:  # whatever the module raises
        reason = " ".join(str(error).split()) or "no reason given"
        raise ConfigError(
            f"{where} = {name!r}: module {path!r} cannot be imported: {type(error).__name__}: "
            f"{reason}"
        ) from None
    for part in parts.split("."):
        if not hasattr(thing, part):
            hint = did_you_mean(part, [one for one in vars(thing) if not one.startswith("_")])
            raise ConfigError(f"{where} = {name!r}: {path} has no {part!r}{hint}")
        thing = getattr(thing, part)
    return thing
