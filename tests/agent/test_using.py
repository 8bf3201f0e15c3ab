"""What users do with an agent: make one by name, predict, save, load, train again."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import bnpo
from bnpo.compose.overrides import parse
from bnpo.experiment import main
from bnpo.presets import TASKS, build_agent
from tests.experiment.conftest import TINY

SMALL: dict[str, Any] = dict(parse(TINY)[1])
QUIET: dict[str, Any] = {"progress_bar": False}


def made(**changes: Any) -> bnpo.Agent:
    return bnpo.make_agent("bpo", "goal_reacher", **{**SMALL, **changes})


def same(one: bnpo.Agent, other: bnpo.Agent) -> bool:
    """Whether the actors and critics of two agents have the same parameters."""
    pairs = zip(
        [*one.actor.parameters(), *one.critics[0].parameters()],
        [*other.actor.parameters(), *other.critics[0].parameters()],
        strict=True,
    )
    return all(torch.equal(a, b) for a, b in pairs)


def test_an_agent_by_name_trains_to_the_numbers_of_the_command_line(tmp_path: Path) -> None:
    words = ["-F", str(tmp_path), "with", "bpo", "goal_reacher", "seed=3", *TINY]
    assert main(words) == 0
    agent = made(seed=3)
    history = bnpo.train(agent, **QUIET)
    assert agent.env_steps == 400
    run = bnpo.load(tmp_path / "1")
    assert same(agent, run)
    there = bnpo.runs.load_history(tmp_path / "1")
    assert [r.mean_return for r in history] == [r.mean_return for r in there]


def test_names_compose_what_the_command_line_composes() -> None:
    by_env = bnpo.Agent.for_env(TASKS["goal_reacher"]["env"], "bpo", seed=2)
    by_task = bnpo.make_agent("bpo", "goal_reacher", seed=2)
    assert by_env.run == by_task.run
    assert same(by_env, by_task)
    other = bnpo.make_agent("ppo", "Pendulum-v1", agent={"gamma": 0.9}, total_steps=80)
    assert (other.spec.env_id, other.config.gamma) == ("Pendulum-v1", 0.9)
    assert other.run is not None
    assert other.run.train.total_steps == 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bop",), "unknown preset or task 'bop'; did you mean 'bpo'"),
        (("bpo", "goal_reachr"), "'goal_reachr'; did you mean 'goal_reacher'?"),
        (("bpo", "goal_reacher", {"agnt": {}}), "unknown config key agnt; did you mean 'agent'?"),
        (("bpo", "goal_reacher", {"total_steps": 0}), "total_steps = 0"),
        (({"brains": {}},), "preset = \"{'brains': {}}\": allowed is a name"),
        (("bpo", Path("x")), "task = 'x': allowed is a name"),
    ],
)
def test_a_name_that_does_not_exist_is_told_with_the_nearest(
    arguments: tuple[Any, ...], message: str
) -> None:
    names, overrides = arguments[:2], arguments[2] if len(arguments) > 2 else {}
    with pytest.raises(ValueError, match="(?s)" + message.replace("?", r"\?")):
        bnpo.make_agent(*names, **overrides)


def test_predictions_are_the_actions_that_are_evaluated() -> None:
    agent = made()
    env = bnpo.envs.make_vector_env("bnpo/GoalReacher-v0", 3)
    batch = env.reset(seed=0)[0]
    env.close()
    expected = agent.policy.playable(agent.policy.best_action(agent.policy.tensors(batch)))
    assert np.array_equal(agent.predict(batch), expected)
    for row in range(3):
        single = {key: part[row] for key, part in batch.items()}
        assert np.allclose(agent.predict(single), expected[row], atol=1e-6)
        assert agent.predict(single).shape == (agent.spec.action_dim,)
    drawn = agent.predict(batch, deterministic=False)
    assert drawn.shape == expected.shape
    assert not np.array_equal(drawn, expected)
    assert (np.abs(drawn) <= np.array(agent.spec.action_high)).all()


def test_a_policy_plays_an_environment_of_gymnasium() -> None:
    agent = bnpo.make_agent("ppo", "Pendulum-v1")
    env = gym.make("Pendulum-v1")
    observation, _ = env.reset(seed=0)
    for _ in range(3):
        action = agent.predict(observation)
        assert env.action_space.contains(action)
        observation = env.step(action)[0]
    env.close()


def test_a_policy_that_looks_back_is_asked_through_its_predictor() -> None:
    agent = bnpo.make_agent("ppo", "Pendulum-v1", agent={"networks": {"frame_history": 2}})
    observations = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    with pytest.raises(bnpo.ConfigError, match="looks back in time"):
        agent.predict(observations[0])
    policy = agent.predictor()
    first = policy(observations[0])
    second = policy(observations[1])
    policy.reset()
    assert np.array_equal(policy(observations[0]), first)
    assert np.array_equal(policy(observations[1]), second)
    policy.reset()
    assert not np.array_equal(policy(observations[1]), second)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (np.zeros(3), "allowed on bnpo/GoalReacher-v0 is a dict of observation, achieved_goal"),
        ({"observation": np.zeros(3)}, "a dict of"),
        ({"observation": np.zeros(99), "achieved_goal": 0, "desired_goal": 0}, r"shape \(99,\)"),
        ("text", "a dict of"),
    ],
)
def test_an_observation_of_another_kind_is_refused(observation: Any, message: str) -> None:
    with pytest.raises(bnpo.ConfigError, match=message):
        made().predict(observation)


def test_rows_that_do_not_match_are_refused() -> None:
    agent = bnpo.make_agent("ppo", "Pendulum-v1")
    with pytest.raises(bnpo.ConfigError, match=r"allowed on Pendulum-v1 is \(3,\) or \(N, 3\)"):
        agent.predict(np.zeros((2, 2, 3)))
    with pytest.raises(bnpo.ConfigError, match="not finite"):
        agent.predict(np.array([0.0, np.nan, 0.0]))


ROLLOUTS = {
    f"brains.ppo.{size}": "rollout"
    for size in ("batch_size", "optim_batch_size", "optim_pool_size")
}
"""As the preset has it: every turn takes all that arrived since the last one."""


@pytest.mark.parametrize("changes", [{}, ROLLOUTS], ids=["pool", "rollouts"])
def test_a_saved_agent_is_loaded_and_trains_on(tmp_path: Path, changes: dict[str, Any]) -> None:
    agent = made(**changes)
    bnpo.train(agent, 200, **QUIET)
    place = agent.save(tmp_path / "mine")
    again = bnpo.load(place)
    assert same(agent, again)
    assert again.history is not None
    assert [r.env_steps for r in again.history] == [200]
    assert again.run is not None
    assert agent.run is not None
    assert again.run.brains == agent.run.brains
    for one in (agent, again):
        bnpo.train(one, 400, **QUIET)
        assert one.env_steps == 400
        assert one.gradient_steps > 0
    assert main(["evaluate", str(place), "episodes=2"]) == 0


def test_an_agent_of_an_own_list_is_saved_too(tmp_path: Path) -> None:
    run = made().run
    assert run is not None
    agent = bnpo.Agent.for_env(
        run.task.env, list(run.brains.values()), env_kwargs=run.task.env_kwargs, config=run.agent
    )
    again = bnpo.load(agent.save(tmp_path / "own"))
    assert same(agent, again)
    assert [brain.name for brain in again.brains] == ["ppo", "ddpg"]


FIRST = {
    "bnpo.load": "import bnpo",
    "bnpo.agent": "from bnpo.agent import Agent",
    "bnpo.compose.agents": "import bnpo.compose.agents",
    "bnpo.presets": "import bnpo.presets",
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_loaded_agent_is_saved_again_whatever_was_imported_first(
    first: str, tmp_path: Path
) -> None:
    made().save(tmp_path / "one")
    words = f"{first}; import bnpo; bnpo.load('one').save('two')"
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert same(bnpo.load(tmp_path / "one"), bnpo.load(tmp_path / "two"))


def test_a_recorded_run_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(bnpo.ConfigError, match="holds a recorded run"):
        made().save(tmp_path)


def test_a_second_call_goes_on_or_says_why_not(caplog: pytest.LogCaptureFixture) -> None:
    agent = made()
    assert len(bnpo.train(agent, 200, **QUIET)) == 1
    with caplog.at_level(logging.WARNING, "bnpo"):
        assert len(bnpo.train(agent, 200, **QUIET)) == 1
    (said,) = [text for text in caplog.messages if "total_steps" in text]
    assert said.startswith("total_steps = 200: the agent has taken 200 steps in total already")
    history = bnpo.train(agent, 400, **QUIET)
    assert [record.env_steps for record in history] == [200, 400]
    assert history[0].wall_s < history[1].wall_s


def test_modules_are_attributes_of_the_package() -> None:
    assert bnpo.presets.PRESETS["bpo"]
    assert Path("runs") == bnpo.runs.RUNS
    assert bnpo.envs.make_env is not None
    assert build_agent is bnpo.presets.build_agent


def test_what_is_no_brain_run_or_count_is_told() -> None:
    with pytest.raises(ValueError, match="brains holds 'ppo': allowed are BrainDescriptions"):
        bnpo.Agent.for_env("Pendulum-v1", ["ppo"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="run = None: allowed is a folder, a number or a name"):
        bnpo.load(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="episodes=0 must be an integer of at least 1"):
        bnpo.evaluate(made(), episodes=0)
