"""The API reference: fails where a public name has no docstring, and writes the site's pages.

    python docs/reference.py          check all of bnpo
    python docs/reference.py MODULE   check these modules instead

Public are the names in every module's ``__all__``, and of classes among them the methods,
properties and fields that do not begin with an underscore.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pdoc.doc


def main(argv: Sequence[str] | None = None) -> int:
    """Check; return 1 where a public name is undocumented."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", help="modules to check (default: all of bnpo)")
    options = parser.parse_args(argv)
    names = options.modules or all_modules("bnpo")
    missing = undocumented([importlib.import_module(name) for name in names])
    for name in missing:
        print(f"{name} is public and has no docstring", file=sys.stderr)
    return int(bool(missing))


def write_pages(folder: Path) -> None:
    """Write one page for each room of the package, whose modules Sphinx describes, and an index."""
    rooms: dict[str, list[ModuleType]] = {}
    for name in all_modules("bnpo"):
        module = importlib.import_module(name)
        rooms.setdefault(".".join(name.split(".")[:2]), []).append(module)
    pages = {room: page_of(room, modules) for room, modules in rooms.items()}
    entries = "\n".join(rooms)
    index = (
        "# API reference\n\nOne page for each room of the package, from the docstrings.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"
    )
    folder.mkdir(exist_ok=True)
    for name, text in {**pages, "index": index}.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # else it is built anew
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.stem not in {*pages, "index"}:
            path.unlink()


def page_of(room: str, modules: Sequence[ModuleType]) -> str:
    """Return the page of a room: each module with what is defined in it."""
    parts = [f"# {room}\n"]
    for module in modules:
        if module.__name__ != room:
            parts.append(f"## {module.__name__.removeprefix(f'{room}.')}\n")
        own = [name for name in getattr(module, "__all__", ()) if defined_in(module, name)]
        members = f"   :members: {', '.join(own)}\n" if own else ""
        parts.append(f"```{{eval-rst}}\n.. automodule:: {module.__name__}\n{members}```\n")
        if others := [name for name in getattr(module, "__all__", ()) if name not in own]:
            links = [f"{{py:obj}}`{name} <{home_of(module, name)}>`" for name in others]
            parts.append(f"Public here: {', '.join(links)}.\n")
    return "\n".join(parts)


def defined_in(module: ModuleType, name: str) -> bool:
    """Whether a public name is defined in a module, not taken over from another."""
    return home_of(module, name) == f"{module.__name__}.{name}"


def home_of(module: ModuleType, name: str) -> str:
    """Return the full name of what a public name stands for."""
    member = getattr(module, name)
    if hasattr(member, "__qualname__") and hasattr(member, "__module__"):
        return f"{member.__module__}.{member.__qualname__}"
    origin = {
        one.asname or one.name: node.module
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }
    return f"{origin.get(name, module.__name__)}.{name}"


def all_modules(package: str) -> list[str]:
    """Return the names of a package and of all modules in it, but those that only run."""
    packages = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    return [package, *(info.name for info in packages if not info.name.endswith("__main__"))]


def undocumented(modules: Sequence[ModuleType]) -> list[str]:
    """Return the full names of what is public and has no docstring.

    A variable that one module takes over from another counts as documented where it is defined, a
    constant of a class where another class, its Protocol, tells what it means.
    """
    pages = [pdoc.doc.Module(load_names(module)) for module in modules]
    documented: set[object] = set()
    missing: dict[str, object] = {page.modulename: None for page in pages if not page.docstring}
    for page in pages:
        for member in public(page):
            members: list[tuple[pdoc.doc.Doc[object], object]]
            members = [(member, (member.name, id(member.obj)))]
            if isinstance(member, pdoc.doc.Class):
                members += [(own, own.name if is_constant(own) else None) for own in parts(member)]
            documented |= {key for one, key in members if one.docstring.strip()}
            documented |= {one.name for one, _ in members[1:] if one.docstring.strip()}
            missing |= {
                f"{page.modulename}.{one.qualname}": key
                for one, key in members
                if not one.docstring.strip()
            }
    return sorted(name for name, key in missing.items() if key is None or key not in documented)


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
