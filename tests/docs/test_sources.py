"""Pages of the documents: commands run what their rows measure, links name the files."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bnpo.compose.composition import compose
from bnpo.compose.overrides import parse

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "sources").glob("*.md"))
COMMANDS = sorted(
    {
        command
        for page in PAGES
        for command in re.findall(r"`bnpo with ([^`]+)`", page.read_text(encoding="utf-8"))
    }
)
LINKS = sorted(
    {
        link
        for page in PAGES
        for link in re.findall(r"{py:mod}`(\S+\.py) <(\S+)>`", page.read_text(encoding="utf-8"))
    }
)


@pytest.fixture(scope="module")
def rules() -> Any:
    """Return the benchmark of all rules, which says on which task a preset is measured."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("rules")
    finally:
        sys.path.pop(0)


def test_the_pages_have_commands_and_links() -> None:
    assert len(COMMANDS) > 20
    assert len(LINKS) > 20


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_trains_on_the_reward_of_its_row(command: str, rules: Any) -> None:
    """A likelihood-ratio rule is measured on the dense reward, and learns nothing of the sparse."""
    names, overrides = parse(command.split())
    config = compose(names, overrides)
    if config["env"] == "bnpo/GoalReacher-v0":
        _, task, own = rules.task_of(config["preset"])
        assert task == "goal_reacher"
        asked = own["env_kwargs"]["reward_type"]
        assert config.get("env_kwargs", {}).get("reward_type", "sparse") == asked


@pytest.mark.parametrize(("file", "module"), LINKS)
def test_a_link_names_the_file_of_its_module(file: str, module: str) -> None:
    assert Path(str(importlib.import_module(module).__file__)).resolve() == ROOT / file
