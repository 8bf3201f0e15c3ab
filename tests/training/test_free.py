"""Learning from workers that wait for nobody: staleness, cut segments, corrected returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bnpo import Agent, AgentConfig
from bnpo.cluster.segment_worker import Delivery, SegmentWorker
from bnpo.cluster.sending import policy_copy, policy_tensors
from bnpo.credit import GAE, NStep
from bnpo.training.free import FreeFeed
from bnpo.training.stream import Tally
from tests.agent.conftest import SMALL, likelihood_ratio, pathwise
from tests.envs.points import agent_on, registered
from tests.envs.test_hindsight_info import Priced

ENVS, LENGTH = 4, 10


class OneWorker:
    """Rollouts of one worker in this process, which plays when it is asked."""

    def __init__(self, agent: Agent, lag: int = 2) -> None:
        self.num_envs, self.lag, self.replaced = ENVS, lag, 0
        self.worker = SegmentWorker(
            agent.spec,
            policy_copy(agent.policy, 0, ENVS),
            num_envs=ENVS,
            first=0,
            seed=0,
            threads=1,
            settings=agent.env_kwargs,
        )

    def publish(self, policy: Any, version: int) -> None:
        tensors = policy_tensors(self.worker.policy)
        for mine, theirs in zip(tensors, policy_tensors(policy), strict=True):
            mine.copy_(theirs)
        self.worker.version = version

    def next(self) -> Delivery:
        delivery = self.worker.run(self.worker.version, [], 0, lag=self.lag)
        return delivery if delivery.transitions else self.next()


def make_agent(*brains: Any) -> Agent:
    config = AgentConfig(networks=SMALL, max_steps=LENGTH, replay_size=1_000)
    return Agent.for_env("bnpo/GoalReacher-v0", list(brains), config=config)


def test_it_counts_and_learns_as_a_run_in_step() -> None:
    """Segments of ten steps of four environments: a turn of four gradient steps every ten steps."""
    agent = make_agent(likelihood_ratio())
    feed = FreeFeed(agent, OneWorker(agent), max_staleness=4)  # type: ignore[arg-type]
    lags = []
    for _ in range(40):
        lags.append(feed.step().lag)
        agent.learn()
    assert (agent.vector_steps, agent.env_steps, agent.gradient_steps) == (40, 160, 16)
    assert agent.replay is not None
    assert agent.replay.transitions_stored == 160
    # Each of four rollouts begins with its own version, but for the first one's environments: the
    # learner asks for segments after the turn that they follow.
    assert sorted(agent.replay.version[agent.replay.trajectories.length > 0].tolist()) == [
        version for version in range(4) for _ in range(ENVS)
    ]
    assert max(lags) == 0


def test_training_episodes_are_told_with_the_segments_that_end_them() -> None:
    """Episodes of 50 steps in segments of ten: four end with the last of every five deliveries.

    What a worker sums up over its segments is what the rewards of the stored ones sum up to, over
    all: 2 x 4 episodes of 50 steps. Every step of the sparse reward costs 1 short of the goal.
    """
    agent = make_agent(likelihood_ratio())
    feed = FreeFeed(agent, OneWorker(agent), max_staleness=0)  # type: ignore[arg-type]
    tally = Tally(agent, ENVS)
    ended, lengths, returns = [], [], []
    for step in range(1, 101):
        tally.note_arrival(feed.step())
        tally.publish()
        if tally.ended is not None:
            ended.append(step)
            lengths += tally.ended.lengths.tolist()
            returns += tally.ended.returns.tolist()
    assert ended == [41, 91]  # a delivery comes with the first of the ten steps that it is for
    assert lengths == [50.0] * 8
    assert agent.replay is not None
    assert sum(returns) == agent.replay.trajectories.reward.sum().item()
    line = tally.stream.line(agent.env_steps, 0, 1.0).values
    assert line["rollout/episodes"] == 8.0
    assert line["rollout/return"] == sum(returns) / 8


def test_what_is_too_stale_is_counted_and_not_learnt_from() -> None:
    agent = make_agent(likelihood_ratio())
    rollouts = OneWorker(agent)
    feed = FreeFeed(agent, rollouts, max_staleness=1)  # type: ignore[arg-type]
    stale = rollouts.next()  # by version 0
    rollouts.next = lambda: stale  # type: ignore[method-assign]
    for version, stored, dropped in ((1, 40, 0), (2, 40, 4)):
        feed.version = version
        lags = [feed.step().lag for _ in range(LENGTH)]  # all that one delivery is counted for
        assert agent.replay is not None
        assert agent.replay.transitions_stored == stored
        assert feed.segments_dropped == dropped
        assert max(lags) == (1 if version == 1 else 0)
    assert agent.env_steps == 2 * ENVS * LENGTH
    assert feed.figures()["segments_dropped"] == 4


@pytest.mark.parametrize(("lag", "length"), [(1, 7), (2, 10), (9, 10)])
def test_open_segments_are_cut_before_they_are_too_stale(lag: int, length: int) -> None:
    """A new version after every third step; a segment ends with the first step ``lag`` + 1 behind.

    Steps 0 to 2 are of version 0, 3 to 5 of version 1, 6 to 8 of version 2: with lag = 1 step 6 is
    the first that is two versions ahead of step 0, and the segment's seventh; with lag = 2 it is
    step 9, the tenth, which ends it anyway.
    """
    agent = make_agent(pathwise())
    worker = OneWorker(agent).worker
    lengths: list[int] = []
    for step in range(30):
        observation = worker.rollout.observation
        decision = worker.policy.act(observation, 0, worker.generator)
        version = step // 3
        rows = worker.table.append(
            worker.rollout.step(decision), version=version, oldest=version - lag
        )
        lengths += worker.table.trajectories.length[rows].tolist()
    assert lengths[:ENVS] == [length] * ENVS


def test_likelihood_ratio_brains_learn_from_corrected_returns() -> None:
    agent = make_agent(
        likelihood_ratio(), pathwise(credit="gae"), likelihood_ratio(credit=NStep(steps=3))
    )
    FreeFeed(agent, OneWorker(agent), max_staleness=4)  # type: ignore[arg-type]
    schemes = [brain.credit.scheme for brain in agent.brains]
    assert schemes == [GAE(rho_max=1.0), GAE(), NStep(steps=3)]


def test_recorded_densities_are_those_of_the_version() -> None:
    agent = make_agent(likelihood_ratio())
    rollouts = OneWorker(agent)
    feed = FreeFeed(agent, rollouts, max_staleness=4)  # type: ignore[arg-type]
    feed.step()
    assert agent.replay is not None
    rows = (agent.replay.trajectories.length > 0).nonzero()[:, 0]
    first = agent.replay.trajectories[rows]
    policy = rollouts.worker.policy
    mu, _ = policy.actor(policy.encoder(first.observation[:, 0], first.desired_goal[:, 0]))
    torch.testing.assert_close(first.mu[:, 0], mu)
    assert agent.replay.on_policy[rows].all()


def test_what_rewards_read_of_info_goes_with_the_segments() -> None:
    """A step of Priced costs its place on the first axis, and 1 + 2 contacts."""
    with registered(Priced) as env_id:
        agent = agent_on(env_id)
        delivery = OneWorker(agent).next()
    assert [key.name for key in agent.spec.info] == ["price", "contacts"]
    info, place = delivery.columns["info"], delivery.columns["achieved_goal"][:, 1:, 0]
    at = np.arange(place.shape[1]) < delivery.columns["length"][:, None]
    np.testing.assert_allclose(
        info[at], np.stack([place[at], 0 * place[at] + 1, 0 * place[at] + 2], 1)
    )
