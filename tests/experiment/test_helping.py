"""The help: commands, presets, tasks and keys, with what they mean."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess

import pytest

from bnpo.compose import compose_run
from bnpo.compose.overrides import flatten
from bnpo.config.keys import BRAIN, run_keys
from bnpo.experiment.command import COMMANDS, command_of
from bnpo.presets import write_config
from tests.experiment.conftest import Command


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_tells_every_option_of_a_command(command: Command, name: str) -> None:
    status, output, errors = command(f"help {name}")
    assert (status, errors) == (0, "")
    kind = command_of(name).options
    for field in () if kind is None else dataclasses.fields(kind):
        assert f"\n  {field.name}  (" in output
    assert command(f"help {name.replace('_', '-')}")[1] == output


def test_every_key_of_a_run_has_a_meaning() -> None:
    keys = run_keys()
    assert [key.path for key in keys.values() if not key.meaning] == []
    written = write_config(compose_run(["bpo"], {"env_kwargs": {}}))
    for path, _ in flatten(written):
        plain = re.sub(r"^brains\.\w+\.", f"brains.{BRAIN}.", path)
        assert plain in keys or plain.split(".")[2] in ("rule", "credit"), path


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("agent.gamma", ["agent.gamma  (number from 0 below 1; default 0.98)", "Discount factor"]),
        ("seed", ["whole number from 0 below 4,294,967,296; default 0"]),
        ("brains.ddpg.tau_actor", ["brains.NAME.tau_actor  (number from 0 to 1; must be given)"]),
        ("agent.networks", ["agent.networks.critics  (", "agent.networks.memory_window  ("]),
        ("brains.ddpg.rule", ["ppo: Clipped surrogate", "eps  (number above 0 below 1"]),
        ("brains.ddpg.sampler.clip", ["importance_ratio: ", "clip  ("]),
        ("goal_reacher", ["env = 'bnpo/GoalReacher-v0'"]),
        ("bpo", ["brains.ppo.", "brains.ddpg."]),
        ("lr_actor", ["brains.NAME.lr_actor  ("]),  # by the last part of its path
        ("gamma", ["agent.gamma  ("]),
        ("credit", ["brains.NAME.credit  (", "shifted_goals: "]),
        (
            "study",
            ["Keys of the file", "\n  presets  (", "\n  overrides  (", "default ['goal_reacher']"],
        ),
        ("sweep", ["Keys of the file", "\n  ranges  (", "\n  objective  (area or final; default"]),
    ],
)
def test_keys_and_names_have_help(command: Command, topic: str, told: list[str]) -> None:
    status, output, _ = command(f"help {topic}")
    assert status == 0
    for text in told:
        assert text in output


def test_help_on_nothing_names_the_nearest(command: Command) -> None:
    status, output, errors = command("help agent.gama")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert "did you mean 'agent.gamma'?" in errors


def test_print_config_says_what_each_key_does(command: Command) -> None:
    lines = command("print_config with ppo")[1].splitlines()
    above = lines[lines.index("agent.gamma = 0.92") - 1]
    assert above == "# Discount factor per environment step."


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("bnpo st", {"study"}),
        ("bnpo evaluate ep", {"episodes="}),
        ("bnpo with goal_r", {"goal_reacher"}),
        ("bnpo with agent.networks.memory_", {"agent.networks.memory_window="}),
        ("bnpo help tune", {"tune_threads"}),
    ],
)
def test_a_shell_completes(command: Command, typed: str, offered: set[str]) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    words = typed.split()
    script = command("completion bash")[1] + (
        f"\ncompopt() {{ :; }}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}\n_bnpo\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


def test_zsh_takes_the_same_through_its_own_bridge(command: Command) -> None:
    lines = command("completion zsh")[1].splitlines()
    assert lines[1] == "autoload -U +X bashcompinit; bashcompinit"
    assert lines[2:] == command("completion bash")[1].splitlines()[1:]
