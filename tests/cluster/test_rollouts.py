"""Rollout workers: the local numbers in step, recorded policies, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bnpo.config import TrainConfig
from bnpo.errors import ConfigError, RunError
from bnpo.networks import gaussian
from bnpo.runs import load_history
from tests.agent.conftest import learns, likelihood_ratio, make_trainer, pathwise, play
from tests.study.conftest import TINY, Command, command

__all__ = ["command", "make_trainer"]

pytestmark = pytest.mark.xdist_group("ray")  # started once

LADDER = (0.5, 1.0, 2.0)


def parameters(trainer: Any) -> torch.Tensor:
    agent = trainer.agent
    networks = [agent.actor, *agent.critics, *agent.target_actors, *agent.target_critics]
    return torch.cat([p.detach().reshape(-1) for n in networks for p in n.parameters()])


def on_ray(workers: int, **fields: Any) -> dict[str, Any]:
    return {"rollouts": "ray", "rollout_workers": workers, **fields}


def test_one_worker_in_step_gives_the_local_numbers(ray: Any, make_trainer: Any) -> None:
    brains = [likelihood_ratio(), pathwise(recalc_delay=1)]
    local, remote = make_trainer(*brains), make_trainer(*brains, train=on_ray(1))
    for trainer in (local, remote):
        play(trainer, 25)
    assert torch.equal(parameters(local), parameters(remote))
    assert torch.equal(local.agent.replay.version, remote.agent.replay.version)


def test_segments_tell_the_policy_that_acted_them(ray: Any, make_trainer: Any) -> None:
    """Distributions recorded are those of that snapshot, so ratios to them are exact."""
    brains = [likelihood_ratio(), pathwise(recalc_delay=1)]
    settings = on_ray(2, num_envs=4)
    trainer = make_trainer(*brains, dtype="float64", exploration=LADDER, train=settings)
    agent, snapshots = trainer.agent, {}
    for index in range(40):
        snapshots[index] = agent.policy.snapshot(version=index)
        play(trainer, 1)
    table = agent.replay.trajectories
    rows = (table.length == 10).nonzero()[:, 0]
    versions = agent.replay.version[rows]
    assert versions.unique().tolist() == [0, 10, 20, 30]
    for row, version in zip(rows, versions, strict=True):
        policy, first = snapshots[int(version)], table[row[None]]
        mu, sigma = policy.actor(policy.encoder(first.observation[:, 0], first.desired_goal[:, 0]))
        torch.testing.assert_close(first.mu[:, 0], mu)
        multiple = first.sigma[0, 0] / sigma[0]
        assert any(torch.allclose(multiple, torch.full_like(multiple, m)) for m in LADDER)
        expected = gaussian.log_prob(first.action[:, 0], first.mu[:, 0], first.sigma[:, 0])
        torch.testing.assert_close(first.log_prob[:, 0], expected)


@pytest.mark.slow
def test_a_run_is_repeated_and_resumed_exactly(ray: Any, make_trainer: Any) -> None:
    settings = on_ray(2)
    state, found = None, []
    for stops in ([30], [17, 13]):
        for steps in stops:
            trainer = make_trainer(pathwise(), train=settings)
            if state is not None and steps == 13:
                trainer.load_state_dict(state)
            play(trainer, steps)
            state = trainer.state_dict()
            found.append(parameters(trainer))
            trainer.close()
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])


@pytest.mark.slow
def test_a_lost_worker_ends_the_run_in_one_line(ray: Any, make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), train=on_ray(1))
    ray.kill(trainer.env.workers[0])
    with pytest.raises(RunError, match="a rollout worker was lost"):
        play(trainer, 1)


def test_more_workers_than_cores_are_refused(ray: Any, make_trainer: Any) -> None:
    with pytest.raises(ConfigError, match="rollout_workers = 400 .* has .* cores"):
        make_trainer(pathwise(), train=on_ray(400, num_envs=400), replay_size=100_000)


def test_more_workers_than_environments_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"rollout_workers = 9: allowed is at most num_envs = 8"):
        TrainConfig(rollouts="ray", rollout_workers=9)


@pytest.mark.parametrize(
    ("line", "mentions"),
    [
        ("with rollouts=ray ray=nowhere", ["'nowhere'", "HOST:PORT"]),
        ("with rollouts=rai", ["rollouts", "'rai'", "'ray'"]),
        ("with rollouts=ray rollout_workers=9", ["rollout_workers", "9", "num_envs"]),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    command: Command, line: str, mentions: list[str]
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    status, output, errors = command(line)
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert all(mention in errors for mention in mentions), errors


@pytest.mark.slow
def test_a_run_on_the_command_line(ray: Any, command: Command) -> None:
    words = [f"{key}={value}" for key, value in TINY.items()]
    line = " ".join(["with ddpg_her rollouts=ray", *words])
    status, _, errors = command(line)
    assert status == 0, errors
    assert [record.env_steps for record in load_history(Path("runs/1"))] == [40, 80]


@pytest.mark.slow
def test_it_learns_from_two_workers(ray: Any) -> None:
    assert learns(on_ray(2)) >= 0.8
