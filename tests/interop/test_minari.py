"""The replay to and from Minari datasets, and brains that start from them."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bnpo
from bnpo.compose.composition import compose
from bnpo.config import BrainDescription
from bnpo.errors import MissingExtra, OfflineError
from bnpo.interop.offline import load_segments
from bnpo.presets import build_agent
from tests.envs.points import SHORT, Point, agent_on, registered

minari = pytest.importorskip("minari", reason="the extra minari is not installed")
pytest.importorskip("h5py", reason="the extra minari is not installed")

ENV = "bnpo/GoalReacher-v0"


def agent_of(seed: int = 0, preset: str = "ddpg_her", **overrides: Any) -> bnpo.Agent:
    return build_agent(compose([preset, "goal_reacher"], {"seed": seed, **overrides}))


def acted(agent: bnpo.Agent, steps: int = 480) -> bnpo.Agent:
    """Let an agent act, so that its replay holds something."""
    bnpo.train(agent, total_steps=steps, progress_bar=False, eval_episodes=1, eval_interval=steps)
    return agent


def foreign(dataset_id: str, steps: int = 60, **changes: Any) -> None:
    """Write a dataset as others do: what happened, and no word on how actions were drawn."""
    env = bnpo.envs.make_env(ENV)
    rng = np.random.default_rng(0)
    sizes = {key: space.shape for key, space in env.observation_space.spaces.items()}
    observations = {key: rng.normal(size=(steps + 1, *shape)) for key, shape in sizes.items()}
    columns: dict[str, Any] = {
        "observations": observations,
        "actions": rng.uniform(-1, 1, size=(steps, 2)).astype(np.float32),
        "rewards": np.full(steps, -1.0),
        "terminations": np.zeros(steps, bool),
        "truncations": np.arange(steps) == steps - 1,
        "infos": {},
    }
    episode = minari.data_collector.EpisodeBuffer(**columns | changes)
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no author, no link
        minari.create_dataset_from_buffers(dataset_id, [episode] * 8, **spaces)
    env.close()


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"agent.networks.observe_achieved_goal": False, "agent.dtype": "float64"},
        {"agent.max_steps": 30},  # segments that are cut within their episode
    ],
)
def test_a_replay_comes_back_bit_for_bit(overrides: dict[str, Any]) -> None:
    before = acted(agent_of(**overrides))
    bnpo.to_minari(before, "goal-reacher/replay-v0")
    after = agent_of(seed=1, **overrides)
    assert before.replay is not None
    assert bnpo.from_minari(after, "goal-reacher/replay-v0") == before.replay.transitions_stored
    assert after.replay is not None
    there, back = before.replay.finished(), after.replay.finished()
    assert len(there) == len(back) >= 8
    assert there.length.min() >= 20
    for name, column in there.columns():
        other = getattr(back, name)
        if column.ndim == 1:
            assert torch.equal(column, other), name
            continue
        longer = column.shape[1] - before.config.max_steps  # one row more of what is observed
        for row, length in enumerate(there.length.tolist()):
            written = slice(0, length + longer)
            assert torch.equal(column[row, written], other[row, written]), name
    assert (there.log_prob != 0).any()


def test_others_find_the_environments_own_columns() -> None:
    agent = acted(agent_of())
    bnpo.to_minari(agent, "goal-reacher/replay-v0")
    dataset = minari.load_dataset("goal-reacher/replay-v0")
    env = bnpo.envs.make_env(ENV)
    assert dataset.observation_space == env.observation_space
    assert dataset.env_spec.id == ENV
    for episode in dataset.iterate_episodes():
        assert len(episode.observations["achieved_goal"]) == len(episode) + 1
        assert all(action in env.action_space for action in episode.actions)
        reached = env.unwrapped.compute_reward(
            episode.observations["achieved_goal"][1:], episode.observations["desired_goal"][1:], {}
        )
        assert np.array_equal(episode.rewards, reached)
        assert episode.truncations[-1]


def test_a_policy_plays_a_dataset_and_stays_as_it_was() -> None:
    agent = acted(agent_of())
    before = agent.generator.get_state()
    bnpo.to_minari(agent, "played-v0", steps=400, num_envs=4, seed=3)
    bnpo.to_minari(agent, "again-v0", steps=400, num_envs=4, seed=3)
    assert torch.equal(before, agent.generator.get_state())
    first, again = (minari.load_dataset(name) for name in ("played-v0", "again-v0"))
    assert first.total_steps == again.total_steps == 400
    for one, other in zip(first.iterate_episodes(), again.iterate_episodes(), strict=True):
        assert np.array_equal(one.actions, other.actions)
    with pytest.raises(OfflineError, match="no finished segment"):
        bnpo.to_minari(agent, "short-v0", steps=40)


def test_a_brain_starts_from_what_another_has_played() -> None:
    teacher = acted(agent_of(), 3_000)
    bnpo.to_minari(teacher, "goal-reacher/replay-v0")
    pupil = agent_of(seed=7)
    untrained = bnpo.evaluate(pupil, 40).success_rate
    bnpo.from_minari(pupil, "goal-reacher/replay-v0")
    bnpo.learn_offline(pupil, 10, progress_bar=False)
    trained = bnpo.evaluate(pupil, 40).success_rate
    assert pupil.env_steps == 0
    assert untrained is not None
    assert trained is not None
    assert untrained <= 0.1
    assert trained >= 0.3


def test_an_unknown_behaviour_is_a_point_mass() -> None:
    foreign("foreign-v0")
    agent = agent_of()
    assert bnpo.from_minari(agent, "foreign-v0") == 8 * 60
    assert agent.replay is not None
    segments = agent.replay.finished()
    assert segments.length.tolist() == [50, 10] * 8
    assert segments.truncated.tolist() == [False, True] * 8
    assert torch.equal(segments.mu, segments.action)
    assert not segments.sigma.any()
    assert not segments.log_prob.any()
    load_segments(agent, segments)  # as many again, so that the brain has enough
    load_segments(agent, agent.replay.finished())
    (report,) = bnpo.learn_offline(agent, 1, progress_bar=False).values()
    assert report.gradient_steps > 0
    assert "kl_behaviour" not in report.info


def brain(**fields: Any) -> BrainDescription:
    """Return a small brain."""
    usual = {
        "memory_size": 1_000,
        "batch_size": 8,
        "optim_pool_size": 100,
        "optim_epochs": 1,
        "optim_batch_size": 8,
        "recalc_delay": 0,
        "lr_actor": 1e-3,
        "learning_delay": 1,
        "learning_repeat": 1,
        "sync_delta_a": 1,
        "sync_delta_c": 1,
        "tau_actor": 0.1,
        "tau_critic": 0.1,
        "bellman": True,
        "ppo_eps": None,
        "natural": False,
        "mean_only": True,
        "separate_actors": True,
    }
    return BrainDescription(**usual | fields)


@pytest.mark.parametrize(
    ("fields", "mentions"),
    [
        ({"bellman": False, "ppo_eps": 0.2, "name": "smooth"}, ["'smooth'", "bellman=True", "PPO"]),
        ({"ppo_eps": 0.2}, ["ppo_eps = 0.2", "allowed is None"]),
        ({"sampler": "importance_ratio"}, ["sampler", "'td_error'"]),
        ({"credit": "n_step"}, ["climb='point'"]),
    ],
)
def test_ratios_to_an_unknown_density_are_refused(
    fields: dict[str, Any], mentions: list[str]
) -> None:
    foreign("foreign-v0", 10)
    agent = bnpo.Agent.for_env(ENV, [brain(**fields)])
    with pytest.raises(OfflineError) as caught:
        bnpo.from_minari(agent, "foreign-v0")
    assert agent.replay is None
    assert "\n" not in str(caught.value)
    assert all(mention in str(caught.value) for mention in ["foreign-v0", *mentions])
    own = acted(bnpo.Agent.for_env(ENV, [brain(**fields)]))
    bnpo.to_minari(own, "own-v0")
    assert bnpo.from_minari(bnpo.Agent.for_env(ENV, [brain(**fields)]), "own-v0") > 0


@pytest.mark.parametrize(
    ("changes", "mentions"),
    [
        ({"rewards": np.full(10, np.nan)}, ["episode 0", "rewards", "not finite"]),
        ({"actions": np.zeros((9, 2), np.float32)}, ["actions has 9 rows", "allowed is 10"]),
        ({"terminations": np.ones(10, bool)}, ["after a termination"]),
    ],
)
def test_a_damaged_episode_is_told(changes: dict[str, Any], mentions: list[str]) -> None:
    foreign("damaged-v0", 10, **changes)
    with pytest.raises(OfflineError) as caught:
        bnpo.from_minari(agent_of(), "damaged-v0")
    assert all(mention in str(caught.value) for mention in mentions)


def test_a_dataset_of_another_task_is_refused() -> None:
    foreign("foreign-v0", 10)
    other = bnpo.Agent.for_env("FetchReach-v4", [brain()])
    with pytest.raises(OfflineError, match="FetchReach-v4 has"):
        bnpo.from_minari(other, "foreign-v0")


def test_replay_stays_when_the_number_of_environments_changes() -> None:
    agent = acted(agent_of())
    assert agent.replay is not None
    before = agent.replay.finished()
    bnpo.train(
        agent, total_steps=500, num_envs=3, progress_bar=False, eval_episodes=1, eval_interval=500
    )
    after = agent.replay.finished()
    assert torch.equal(after.action[: len(before)], before.action)


def test_a_name_is_taken_once(store: Path) -> None:
    agent = acted(agent_of())
    bnpo.to_minari(agent, "own/name-v0")
    with pytest.raises(OfflineError, match="exists"):
        bnpo.to_minari(agent, "own/name-v0")
    (store / "own" / "name-v0" / "data" / "main_data.hdf5").unlink()
    with pytest.raises(OfflineError, match="damaged"):
        bnpo.from_minari(agent, "own/name-v0")
    assert not [*store.rglob(".partial*")]


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bnpo\[minari\]'"):
        bnpo.from_minari(agent_of(), "x-v0")


def test_an_environment_registered_by_its_class_can_be_written() -> None:
    """Gymnasium cannot write a class as text: the dataset does not tell how it is made.

    20 vector steps of 4 environments are 80 transitions, in 8 episodes of 10.
    """
    with registered(Point) as env_id:
        agent, pupil = agent_on(env_id), agent_on(env_id)
        bnpo.train(agent, 80, **SHORT)
        bnpo.to_minari(agent, "point/replay-v0")
        assert bnpo.from_minari(pupil, "point/replay-v0") == 80
