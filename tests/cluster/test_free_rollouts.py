"""Free rollout workers on Ray: recorded versions, lost workers, resuming, learning."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from bnpo.config import TrainConfig
from bnpo.errors import ConfigError, WorkerError
from bnpo.networks import gaussian
from tests.agent.conftest import learns, likelihood_ratio, make_trainer, play
from tests.study.conftest import Command, command

__all__ = ["command", "make_trainer"]

pytestmark = pytest.mark.xdist_group("ray")  # started once

LENGTH = 10
"""Steps of an episode and of a segment."""


def free(workers: int, **fields: Any) -> dict[str, Any]:
    return {"rollouts": "ray", "rollout_workers": workers, "overlap": "free", **fields}


@pytest.mark.slow
def test_segments_tell_the_policy_that_acted_them(ray: Any, make_trainer: Any) -> None:
    """The first action of a segment is drawn by the policy whose version the segment has."""
    trainer = make_trainer(likelihood_ratio(), dtype="float64", train=free(2, max_staleness=100))
    agent, snapshots = trainer.agent, {}
    publish = trainer.env.publish

    def published(policy: Any, version: int) -> None:
        snapshots[version] = policy.snapshot(version=version)
        publish(policy, version)

    trainer.env.publish = published
    play(trainer, 60)
    table = agent.replay.trajectories
    rows = (table.length > 0).nonzero()[:, 0]
    assert len(rows) >= 60 * 4 // LENGTH
    versions = agent.replay.version[rows]
    assert len(versions.unique()) > 2
    assert agent.replay.on_policy[rows].all()
    for row, version in zip(rows, versions, strict=True):
        policy, first = snapshots[int(version)], table[row[None]]
        mu, sigma = policy.actor(policy.encoder(first.observation[:, 0], first.desired_goal[:, 0]))
        torch.testing.assert_close(first.mu[:, 0], mu)
        expected = gaussian.log_prob(first.action[:, 0], mu, sigma)
        torch.testing.assert_close(first.log_prob[:, 0], expected)
    # as many steps as a run without workers counts, and the turns that go with them
    assert (agent.env_steps, agent.vector_steps) == (240, 60)
    assert agent.gradient_steps == 6 * 4  # due at 10, 20, ... 60


@pytest.mark.slow
def test_lost_workers_are_replaced_up_to_a_limit(ray: Any, make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(), train=free(2, worker_restarts=2))
    for number in (1, 2):
        ray.kill(trainer.env.workers[number % 2])
        until = time.monotonic() + 60
        while trainer.env.replaced < number and time.monotonic() < until:
            play(trainer, 1)
        assert trainer.env.replaced == number
        before = trainer.env.steps_of.copy()
        while (trainer.env.steps_of == before).any():  # both of them go on
            play(trainer, 1)
    trainer.evaluate()
    assert [entry["cause"].split(":")[0] for entry in trainer.progress.worker_restarts] == [
        "rollout worker 1 was lost",
        "rollout worker 0 was lost",
    ]
    ray.kill(trainer.env.workers[0])
    with pytest.raises(WorkerError, match=r"rollout worker 0 was lost.*worker_restarts = 2"):
        play(trainer, 10_000)


@pytest.mark.slow
def test_a_run_goes_on_from_a_checkpoint(ray: Any, make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(), train=free(2))
    play(trainer, 30)
    state = trainer.state_dict()
    trainer.close()  # its workers take the cluster's cores
    other = make_trainer(likelihood_ratio(), train=free(2))
    other.load_state_dict(state)
    assert other.agent.env_steps == 120
    assert other.free.version == trainer.free.version
    assert other.agent.replay.transitions_stored == trainer.agent.replay.transitions_stored
    play(other, 20)
    assert other.agent.env_steps == 200
    plain = make_trainer(likelihood_ratio())
    with pytest.raises(ValueError, match="not one of overlap = 'off'"):
        plain.load_state_dict(state)


def test_what_promises_bits_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"overlap = 'lockstep' with rollouts='ray': .* 'free'"):
        TrainConfig(rollouts="ray", overlap="lockstep")


def test_it_is_told_in_one_line(command: Command) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    status, output, errors = command("with ppo rollouts=ray overlap=lockstep")
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert "overlap = 'lockstep'" in errors


@pytest.mark.slow
def test_it_learns_from_two_workers(ray: Any) -> None:
    assert learns(free(2)) >= 0.8
