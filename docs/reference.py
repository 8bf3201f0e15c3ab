"""The API reference, built from the docstrings; fails where a public name has none.

    python docs/reference.py                 check, then build into build/docs
    python docs/reference.py --check         check alone
    python docs/reference.py --check MODULE  check these modules instead of all of bnpo

Public are the names in every module's ``__all__``, and of classes among them the methods,
properties and fields that do not begin with an underscore.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pdoc
import pdoc.doc
import pdoc.render

OUTPUT = Path(__file__).parents[1] / "build" / "docs"


def main(argv: Sequence[str] | None = None) -> int:
    """Check and build; return 1 where a public name is undocumented."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", help="modules to check (default: all of bnpo)")
    parser.add_argument("--check", action="store_true", help="build nothing")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the pages")
    given = parser.parse_args(argv)
    names = given.modules or all_modules("bnpo")
    missing = undocumented([importlib.import_module(name) for name in names])
    for name in missing:
        print(f"{name} is public and has no docstring", file=sys.stderr)
    if missing:
        return 1
    if not given.check:
        pdoc.render.configure(docformat="google", footer_text="BNPO")
        pdoc.pdoc(*names, output_directory=given.output)
        print(f"{given.output / 'index.html'}: {len(names)} modules")
    return 0


def all_modules(package: str) -> list[str]:
    """Return the names of a package and of all modules in it, but those that only run."""
    found = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    return [package, *(info.name for info in found if not info.name.endswith("__main__"))]


def undocumented(modules: Sequence[ModuleType]) -> list[str]:
    """Return the full names of what is public and has no docstring.

    A variable that one module takes over from another counts as documented where it is defined, a
    constant of a class where another class, its Protocol, tells what it means.
    """
    pages = [pdoc.doc.Module(load_names(module)) for module in modules]
    told: set[object] = set()
    missing: dict[str, object] = {page.modulename: None for page in pages if not page.docstring}
    for page in pages:
        for member in public(page):
            found: list[tuple[pdoc.doc.Doc[object], object]]
            found = [(member, (member.name, id(member.obj)))]
            if isinstance(member, pdoc.doc.Class):
                found += [(own, own.name if is_constant(own) else None) for own in parts(member)]
            told |= {key for one, key in found if one.docstring.strip()}
            told |= {one.name for one, _ in found[1:] if one.docstring.strip()}
            missing |= {
                f"{page.modulename}.{one.qualname}": key
                for one, key in found
                if not one.docstring.strip()
            }
    return sorted(name for name, key in missing.items() if key is None or key not in told)


def load_names(module: ModuleType) -> ModuleType:
    """Import what a module imports on first use, which the generator would not find."""
    for name in getattr(module, "__all__", ()):
        vars(module).setdefault(name, getattr(module, name))
    return module


def public(page: pdoc.doc.Module) -> Iterator[pdoc.doc.Doc[Any]]:
    """Yield what the generator found for the names in a module's ``__all__``."""
    for name in getattr(page.obj, "__all__", ()):
        member = page.get(name)
        if member is not None and not isinstance(member, pdoc.doc.Module):
            yield member


def parts(page: pdoc.doc.Class) -> Iterator[pdoc.doc.Doc[Any]]:
    """Yield the methods, properties and fields of a class itself.

    What ``__init__`` or ``__slots__`` alone names is left out, since the arguments' descriptions
    tell it; so is a variable that a base class has, since that one's tells it.
    """
    declared = {*vars(page.obj), *inspect.get_annotations(page.obj)}
    declared -= {*getattr(page.obj, "__slots__", ())} - {*inspect.get_annotations(page.obj)}
    inherited = {name for base in page.obj.__mro__[1:] for name in vars(base)}
    for member in page.own_members:
        if member.name.startswith("_") or member.name not in declared:
            continue
        if not (isinstance(member, pdoc.doc.Variable) and member.name in inherited):
            yield member


def is_constant(member: pdoc.doc.Doc[Any]) -> bool:
    """Whether a part of a class is a ClassVar."""
    return isinstance(member, pdoc.doc.Variable) and member.is_classvar


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sys.exit(main())
