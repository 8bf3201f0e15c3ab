"""Own rules, credit schemes and sampling laws by the name of their module."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bnpo.compose import compose_run
from bnpo.compose.composition import compose
from bnpo.compose.overrides import as_overrides
from bnpo.errors import ConfigError
from bnpo.extras import imported
from bnpo.presets import read_config, write_config
from bnpo.study.plan import StudyPlan
from tests.experiment.conftest import Command

MODULE = """
from dataclasses import dataclass

from bnpo.brains import Rule
from bnpo.credit import HER


@dataclass(frozen=True)
class Gentle(Rule):
    scale: float = 1.0
    pathwise = True

    def objective(self, sample):
        return self.scale * sample.climb(sample.mu, sample.sigma.detach()), {}


class Half:
    relabels = True
    needs_goals = True

    def __init__(self, ratio=0.5):
        self.ratio = ratio

    def assign(self, *arguments):
        return HER(ratio=self.ratio).assign(*arguments)


class Nothing:
    pass
"""


@pytest.fixture
def own(own_module: Callable[[str, str], str]) -> str:
    """Return the name of the module."""
    return own_module("own_names_of_a_test", MODULE)


def test_a_run_of_own_classes_trains_resumes_and_evaluates(
    own: str, command: Command, tmp_path: Path
) -> None:
    rule = f"brains.ddpg.rule={{'name':'{own}:Gentle','scale':0.5}}"
    assert command(f"with bpo TINY {rule} brains.ddpg.credit={own}:Half")[0] == 0
    brain = json.loads((tmp_path / "runs/1/config.json").read_text())["brains"]["ddpg"]
    assert brain["rule"] == {"name": f"{own}:Gentle", "scale": 0.5}
    assert brain["credit"] == {"name": f"{own}:Half", "ratio": 0.5}
    assert command("resume 1 total_steps=600")[0] == 0
    assert command("evaluate 1 episodes=1")[0] == 0


def test_a_study_takes_objects_whose_class_has_a_name(own: str) -> None:
    kind = imported(f"{own}:Gentle", "rule")
    changes = {"preset": "ddpg_her", "brains.ddpg.rule": kind(scale=0.25)}
    (job,) = StudyPlan(presets={"mine": changes}, seeds=1).jobs()
    assert write_config(job.run)["brains"]["ddpg"]["rule"]["scale"] == 0.25
    assert read_config(json.loads(json.dumps(write_config(job.run)))) == job.run


class Local:
    """A class of a module that other processes find."""

    def assign(self) -> None:
        """Assign nothing."""


def test_a_class_that_no_other_process_finds_is_refused() -> None:
    class Hidden(Local):
        pass

    assert as_overrides({"brains.ddpg.credit": Local()}) == {
        "brains.ddpg.credit": {"name": f"{__name__}:Local"}
    }
    with pytest.raises(ConfigError, match=r"brains.ddpg.credit: Hidden .* put it into a module"):
        as_overrides({"brains.ddpg.credit": Hidden()})


@pytest.mark.parametrize(
    ("value", "mentions"),
    [
        ("{own}:Gentl", ["'Gentl'", "did you mean 'Gentle'?"]),
        ("{own}x:Gentle", ["cannot be imported", "ModuleNotFoundError", "{own}x"]),
        ("{own}:Nothing", ["lacks pathwise, objective"]),
        ("{{'name':'{own}:Gentle','scal':1}}", ["scal"]),
        ("broken:Gentle", ["broken", "ZeroDivisionError", "division by zero"]),
    ],
)
def test_a_name_that_cannot_be_is_told_in_one_line(
    own: str, command: Command, tmp_path: Path, value: str, mentions: list[str]
) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    line = f"--dry-run with bpo brains.ddpg.rule={value.format(own=own)}"
    status, output, errors = command(line)
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert errors.startswith("bnpo: error: brains.ddpg: rule = ")
    for mention in mentions:
        assert mention.format(own=own) in errors, errors


@pytest.mark.parametrize(
    "named",
    [
        {"name": "os:mkdir", "path": "EXECUTED"},
        {"name": "subprocess:Popen", "args": ["touch", "EXECUTED"]},
        {"name": "pathlib:Path.touch", "self": "EXECUTED"},
        {"name": "builtins:open", "file": "EXECUTED", "mode": "w"},
        {"name": "builtins:exec", "source": "open('EXECUTED', 'w')"},
    ],
)
@pytest.mark.parametrize("key", ["rule", "credit", "sampler"])
def test_nothing_that_a_configuration_names_is_called_but_own_classes(
    key: str, named: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="lacks|has no"):
        compose_run(["bpo"], {"brains.ppo": {**compose(["bpo"], {})["brains"]["ppo"], key: named}})
    assert not [*tmp_path.iterdir()]


def test_to_look_at_runs_imports_nothing(
    own: str, finished_run: Path, command: Command, tmp_path: Path
) -> None:
    config = json.loads((finished_run / "config.json").read_text())
    config["brains"]["ddpg"]["credit"] = f"{own}:Half"
    for name in ("1", "2"):
        run = shutil.copytree(finished_run, tmp_path / "runs" / name)
        (run / "config.json").write_text(json.dumps({**config, "env": f"{own}:Own-v0"}))
    for line in ("runs", "compare 1 2", "plot 1"):
        assert command(line)[0] == 0
    assert own not in sys.modules


def test_names_of_the_package_are_suggested() -> None:
    with pytest.raises(ConfigError, match="module:Name; did you mean 'ppo'"):
        compose_run(["bpo"], {"brains.ppo.rule": {"name": "ppoo"}})
