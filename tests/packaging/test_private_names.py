"""No module, test or benchmark uses a private name of another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDERS = ("bnpo", "brains", "credit", "replay", "tests", "benchmarks", "docs")

# Names with an underscore in front that are public all the same, or that have no other form.
PUBLIC = {
    "_fields": "of a NamedTuple",
    "_replace": "of a NamedTuple",
    "_exit": "os: ends a process without any clean-up",
    "_repr_html_": "what IPython asks of an object",
    "_base": "of a tensor: the one that it is a view of",
    "_foreach_copy_": "torch: one operation for a list of tensors",
    "_foreach_lerp": "torch: one operation for a list of tensors",
    "_foreach_lerp_": "torch: one operation for a list of tensors",
    "_foreach_norm": "torch: one operation for a list of tensors",
    "_fused_adam_": "torch: one operation for Adam's whole step",
    "_np_random": "of Gymnasium's Env: its generator, without making one",
    "_np_random_seed": "of Gymnasium's Env: the seed of that",
    "_n_updates": "of Stable-Baselines3: gradient steps so far, which its own classes count there",
}

ASKING = {"getattr", "hasattr", "setattr", "delattr", "setitem", "delitem"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def is_own(value: ast.expr) -> bool:
    """Whether an attribute is asked of the object or the class itself."""
    if isinstance(value, ast.Name):
        return value.id in {"self", "cls"}
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == "super"
    return False


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every private name of somebody else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node.value):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if is_private(alias.name):
                    yield node.lineno, alias.name
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in ASKING and not (node.args and is_own(node.args[0])):
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        name = argument.value.rpartition(".")[2]
                        if is_private(name):
                            yield node.lineno, name


def test_no_private_name_is_used_elsewhere(root: Path) -> None:
    files = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")]
    assert len(files) > 300
    at_fault = [
        f"{path.relative_to(root)}:{line}: {name}"
        for path in files
        if not any(parent.is_symlink() for parent in path.parents)
        for line, name in uses(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert at_fault == []


@pytest.mark.parametrize(
    "line",
    [
        "from bnpo.agent import _Brain",
        "agent._brains",
        "self.agent._brains",
        "monkeypatch.setattr(agent, '_brains', [])",
        "monkeypatch.setattr('bnpo.agent._brains', [])",
        "getattr(agent, '_brains')",
    ],
)
def test_a_private_name_is_caught(line: str) -> None:
    assert len(list(uses(ast.parse(line)))) == 1


@pytest.mark.parametrize(
    "line", ["self._brains", "super()._brains", "agent.__dict__", "step._replace(reward=1)"]
)
def test_own_and_public_names_are_not(line: str) -> None:
    assert list(uses(ast.parse(line))) == []
