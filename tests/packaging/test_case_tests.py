"""Each script of a fault has a test of the project, which is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.case_tests import TESTS

FOLDER = Path(__file__).parents[1]


@pytest.mark.parametrize("module", sorted({test.partition("::")[0] for test in TESTS.values()}))
def test_the_tests_of_the_scripts_are_there(module: str) -> None:
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    named = {test.partition("::")[2] for test in TESTS.values() if test.startswith(f"{module}::")}
    assert named <= there
