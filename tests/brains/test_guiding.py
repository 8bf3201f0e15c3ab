"""Guided policy search in a run: guiding samples, turns, checkpoints, and what is refused."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bnpo import Agent, AgentConfig, BrainDescription, NetworkConfig, TrainConfig, Trainer
from bnpo.brains import GPS, Guidance
from bnpo.envs import make_vector_env
from bnpo.errors import ConfigError
from bnpo.networks import Normalizer, gaussian
from bnpo.planning.env_dynamics import EnvDynamics
from bnpo.planning.guiding import draw_guides, plan_guides
from bnpo.presets import PRESETS, build_agent

FIELDS: dict[str, Any] = {
    **PRESETS["gps"]["brains"]["gps"],
    "batch_size": 80,
    "optim_pool_size": 80,
    "optim_batch_size": 80,
    "learning_delay": 10,
    "learning_repeat": 2,
}
SMALL = {"plans": 6, "samples": 2, "guesses": 1, "iterations": 10, "fit_steps": 300}


def _agent(**changes: Any) -> Agent:
    fields = {**FIELDS, "rule": {"name": "gps", "guidance": SMALL}, **changes}
    return build_agent(
        {
            "env": "bnpo/GoalReacher-v0",
            "env_kwargs": {"reward_type": "dense", "episode_steps": 10},
            "seed": 0,
            "agent": {"max_steps": 10, **PRESETS["gps"]["agent"]},
            "brains": {"gps": fields},
        }
    )


@pytest.fixture(scope="module")
def trainer() -> Any:
    fresh = Trainer(
        _agent(), TrainConfig(num_envs=4, total_steps=400, eval_episodes=2), progress_bar=False
    )
    yield fresh
    fresh.close()


def test_guiding_samples_lie_in_the_replay_with_their_densities(trainer: Trainer) -> None:
    agent = trainer.agent
    assert agent.replay is not None
    stored = agent.replay.trajectories[:12]  # six plans, two samples of each
    assert (stored.length == 10).all()
    assert stored.truncated.all()
    assert agent.env_steps == 120
    log_prob = gaussian.log_prob(stored.action, stored.mu, stored.sigma)
    torch.testing.assert_close(stored.log_prob, log_prob)
    assert float(stored.sigma.min()) >= 0.05 - 1e-6
    z = (stored.action - stored.mu) / stored.sigma
    assert float(z.std()) == pytest.approx(1.0, abs=0.15)
    start, end = (
        (stored.achieved_goal[:, t] - stored.desired_goal[:, t]).norm(dim=-1).mean()
        for t in (0, 10)
    )
    assert float(end) < 0.4 * float(start)


def test_states_around_the_plans_are_labelled_and_leave_the_samples_alone() -> None:
    """One controller: between states of a plan at one step the mean moves by K (x - x')."""
    agent = _agent()
    wide, none = (
        draw_guides(
            Guidance(**SMALL, around=around, spread=2.0),
            agent.spec,
            agent.env_kwargs,
            agent.policy,
            num_envs=4,
            max_steps=10,
            seed=0,
        )
        for around in (50, 0)
    )
    for with_others, alone in zip(wide[1], none[1], strict=True):
        assert torch.equal(with_others.decision.action, alone.decision.action)
    assert none[2] == []
    assert len(wide[2]) == 10 * 50
    first, last = wide[2][:50], wide[2][-50:]
    assert all(torch.equal(one.mu, first[0].mu) for one in first)  # nothing has spread yet
    seen = torch.stack([one.observation for one in last])  # [50, K, O]
    played = wide[1][-2].reset_observation.observation
    away = (played[:6] - played[6:]).square().mean(0).div(2).sqrt()  # of two samples of a plan
    assert bool((seen.std(0).mean(0) > 1.2 * away).all())
    mu = torch.stack([one.mu for one in last])
    assert bool((mu.abs() <= 1).all())
    assert float(mu.std(0).mean()) > 0.05


def test_two_samples_of_a_plan_share_start_and_goal(trainer: Trainer) -> None:
    assert trainer.agent.replay is not None
    stored = trainer.agent.replay.trajectories
    for column in (stored.observation, stored.desired_goal):
        torch.testing.assert_close(column[:6, 0], column[6:12, 0])
    assert not torch.equal(stored.action[:6, 0], stored.action[6:12, 0])


def test_what_is_paid_is_what_the_environment_pays(trainer: Trainer) -> None:
    assert trainer.agent.replay is not None
    stored = trainer.agent.replay.trajectories[:12]
    distance = (stored.achieved_goal[:, 1:] - stored.desired_goal[:, 1:]).norm(dim=-1)
    torch.testing.assert_close(stored.reward[:, :, 0], -distance, atol=1e-5, rtol=0)


def test_the_actor_is_fitted_to_the_guiding_samples(trainer: Trainer) -> None:
    agent = trainer.agent
    assert agent.replay is not None
    stored = agent.replay.trajectories[:12]
    features = agent.encoder(
        stored.observation[:, :-1].flatten(0, 1), stored.desired_goal[:, :-1].flatten(0, 1)
    )
    mu, _ = agent.target_actors[0](features)
    error = (mu - stored.mu.flatten(0, 1)).square().mean()
    assert float(error) < 0.2 * float(stored.mu.var())


def test_a_turn_judges_the_policy_and_moves_the_weight(trainer: Trainer) -> None:
    encoder = trainer.agent.encoder
    assert isinstance(encoder, Normalizer)
    scale = encoder.scale.clone()
    for _ in range(20):
        trainer.step()
    info = trainer.progress.turns["gps"]
    assert info["log_z"] in (0.01 * 2.0**k for k in range(-2, 3))
    moved = info["log_z"] != 0.01
    assert moved or abs(info["value"] - info["best_value"]) <= info["margin"]
    assert torch.equal(scale, encoder.scale)  # those the actor was fitted with


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tau_actor": 0.1}, r"brain 0 \(gps\): tau_actor = 0.1 .*set tau_actor=0.0"),
        ({"credit": "gae"}, r"brain 0 \(gps\): credit = GAE.* leave credit=None"),
        (
            {"rule": {"name": "gps", "guidance": {"plans": 0}}},
            r"brains.gps: .*Guidance.plans = 0: allowed is greater than or equal to 1",
        ),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        _agent(**changes)


def test_an_environment_without_a_simulator_is_refused() -> None:
    fields = {**FIELDS, "rule": GPS()}
    complaint = r"brain 0: rule = GPS on FetchReach-v4, which has no simulator to linearise.*choose"
    with pytest.raises(ConfigError, match=complaint):
        Agent.for_env("FetchReach-v4", [BrainDescription(**fields)])


def test_a_shared_target_actor_is_refused() -> None:
    fields = BrainDescription(**{**FIELDS, "rule": GPS(guidance=Guidance())})
    config = AgentConfig(detach_actors=False, networks=NetworkConfig())
    with pytest.raises(ConfigError, match=r"share one target actor.*set detach_actors=True"):
        Agent.for_env("bnpo/GoalReacher-v0", [fields, fields], config=config)


def test_guides_are_not_credited_to_an_on_policy_brain() -> None:
    ppo = BrainDescription(**{**PRESETS["ppo"]["brains"]["ppo"], "rule": None, "ppo_eps": 0.2})
    gps = BrainDescription(**{**FIELDS, "rule": GPS(guidance=Guidance(**SMALL))})
    agent = Agent.for_env(
        "bnpo/GoalReacher-v0",
        [gps, ppo],
        config=AgentConfig(max_steps=10),
        env_kwargs={"episode_steps": 10},
    )
    trainer = Trainer(agent, TrainConfig(num_envs=4, total_steps=400), progress_bar=False)
    trainer.close()
    assert [len(brain.pool) for brain in agent.brains] == [80, 0]


def _trainer(agent: Agent) -> Trainer:
    return Trainer(
        agent, TrainConfig(num_envs=4, total_steps=400, eval_episodes=2), progress_bar=False
    )


def test_a_restored_run_goes_on_as_it_would_have() -> None:
    runs = [_trainer(_agent()) for _ in range(2)]
    first, second = runs
    for _ in range(12):
        first.step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(10):
        for run in runs:
            run.step()
    pairs = zip(*(run.agent.actor.parameters() for run in runs), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert first.agent.brains[0].step.state == second.agent.brains[0].step.state
    for run in runs:
        run.close()


def test_goals_that_move_are_met_where_they_will_be() -> None:
    agent = Agent.for_env(
        "bnpo/MovingReacher-v0",
        [BrainDescription(**{**FIELDS, "rule": GPS(guidance=Guidance(**SMALL))})],
        config=AgentConfig(max_steps=10),
    )
    _trainer(agent).close()
    assert agent.replay is not None
    stored = agent.replay.trajectories[:12]
    start, end = (
        (stored.achieved_goal[:, t] - stored.desired_goal[:, t]).norm(dim=-1).mean()
        for t in (0, 10)
    )
    assert float(end) < 0.4 * float(start)


def rows(count: int) -> Any:
    return make_vector_env("bnpo/GoalReacher-v0", count, threads=0).unwrapped


def test_plans_do_not_depend_on_the_seeds_luck() -> None:
    """With one first guess there is nothing to draw; drawn large it turned arms round."""
    dynamics, env = EnvDynamics(rows), rows(2)
    env.reset(seed=0)
    start, goals = dynamics.read(env), np.repeat(env.observe()["desired_goal"][:, None], 5, 1)
    guidance = Guidance(plans=2, iterations=2)
    first, second = (plan_guides(dynamics, start, goals, guidance, seed) for seed in (0, 1))
    np.testing.assert_array_equal(first.action, second.action)
    larger = plan_guides(dynamics, start, goals, replace(guidance, guess=0.5), 0)
    assert (larger.cost[0] != first.cost[0]).all()
    env.close()
    dynamics.close()
