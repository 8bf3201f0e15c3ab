"""Every notebook runs at a small size, and is kept with its outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.execute import code_of, executed_code
from tests.docs.kernel import NOTEBOOKS, assigned, execute, nbformat, parameters

_ARMS = "total_steps = 1_200; eval_episodes = 2; evaluations = 1"
_WATCHED = f"video_steps = 10; {_ARMS}"
SMALL = {
    "01_quickstart": "total_steps = 1_200; more_steps = 1_000; eval_episodes = 2; "
    "video_episodes = 1",
    "02_brain_lists": "total_steps = 1_200; eval_interval = 600; eval_episodes = 2; old_pool = 800",
    "03_credit_schemes": "total_steps = 1_200; eval_episodes = 2; samples = 200",
    "04_your_own_environment": "seeds = 2; total_steps = 1_200; eval_interval = 600; "
    "eval_episodes = 2",
    "BNPO_natural_gradient": "total_steps = 1_200; eval_episodes = 2; path_steps = 3",
    "BPO": f"article_steps = 1_200; {_WATCHED}; total_steps = 4_800",
    "DDPG": _WATCHED,
    "PPO": "seeds = 1; total_steps = 6_000; video_steps = 10; eval_episodes = 2; evaluations = 1",
    "PPO_noHER_FS": _WATCHED,
    "PPO_noHER_noFS": _WATCHED,
    "ReWHEELER": _WATCHED,
    "importance_resampling": "pool_size = 16; draws = 2_000; trials = 50; seeds = 1; "
    "total_steps = 1_200; eval_episodes = 2",
    "ppo_with_her": f"samples = 2_000; ascent_steps = 2; seeds = 1; {_ARMS}",
}
"""Small parameters by notebook."""

ALL = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def test_every_notebook_has_a_small_size() -> None:
    assert set(SMALL) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_notebook_runs(name: str, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cell = parameters(notebook)
    small = "\n".join(SMALL[name].split("; "))
    assert assigned(small) <= assigned(cell.source)
    cell.source += "\n" + small
    execute(notebook, tmp_path)


@pytest.mark.parametrize("name", ALL)
def test_notebook_is_kept_executed(name: str) -> None:
    path = NOTEBOOKS / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(text) < 1_500_000
    # Empty: executed before that was kept.
    assert executed_code(notebook) in {"", code_of(notebook)}, f"make notebooks NAMES={name}"
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [out for cell in code for out in cell.outputs]
    assert not any(out.output_type == "error" for out in outputs)
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    first = notebook.cells[0].source
    assert "**What it shows.**" in first
    assert "**How long it takes.**" in first
