"""Guided policy search: its credit, its judgement, its guiding samples, and that it learns."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bnpo import Agent, AgentConfig, BrainDescription, NetworkConfig, TrainConfig, Trainer
from bnpo.brains import GPS, Guidance
from bnpo.brains.guided import guided_credit, review
from bnpo.brains.off_policy import start_baseline
from bnpo.config import ConfigError
from bnpo.networks import Normalizer, gaussian
from bnpo.presets import PRESETS, build_agent
from bnpo.types import Trajectories

STEPS = 4


def _draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _trajectories(action: Tensor, mu: Tensor, reward: Tensor, start: Tensor) -> Trajectories:
    """Trajectories of Normal(mu, 1) behaviour that stand at their start."""
    size, steps, _ = action.shape
    sigma = torch.ones_like(action)
    observation = start[:, None].expand(size, steps + 1, -1)
    return Trajectories(
        observation=observation,
        achieved_goal=observation[:, :, :0],
        desired_goal=observation[:, :, :0],
        action=action,
        mu=mu,
        sigma=sigma,
        log_prob=gaussian.log_prob(action, mu, sigma),
        reward=reward,
        length=torch.full((size,), steps),
        terminated=torch.zeros(size, dtype=torch.bool),
        truncated=torch.ones(size, dtype=torch.bool),
    )


def test_the_credit_is_the_gradient_of_the_objective() -> None:
    """S dPhi/d log pi = c + w_r z, by automatic differentiation of Phi as the paper writes it."""
    reward, length, log_z = _draw(9, STEPS, 2), torch.tensor([4, 1, 2, 4, 3, 4, 4, 2, 4]), 0.3
    written = torch.arange(STEPS) < length[:, None]
    log_ratio = torch.where(written, 0.5 * _draw(9, STEPS, seed=1), 0.0).requires_grad_()
    w = log_ratio.cumsum(1).exp()
    z = w.sum(0)
    discount = 0.9 ** torch.arange(STEPS)
    paid = torch.where(written[:, :, None], reward, 0.0).sum(-1)
    phi = (discount * (w * paid).sum(0) / z + log_z * z.log()).sum()
    (expected,) = torch.autograd.grad(phi, log_ratio)
    made = guided_credit(reward, log_ratio.detach(), length, 0.9)
    credit = (made.value.sum(-1) + log_z * made.log_z) / 9
    torch.testing.assert_close(credit[written], expected[written])


def test_the_baseline_expects_what_the_start_decides() -> None:
    start = _draw(400, 2)
    fixed = start[:, :1].square() - 2 * start[:, 1:]  # [S, 1]
    chance = 0.1 * _draw(400, STEPS, 1, seed=1)
    reward = fixed[:, None] + chance
    zeros = torch.zeros(400, STEPS, 1).double()
    expected = start_baseline(_trajectories(zeros, zeros, reward, start))
    rest = (reward - expected).std()
    assert 0.09 < float(rest) < 0.105  # the chance of 0.1, against 2.4 in all
    torch.testing.assert_close(expected.mean(), reward.mean(), rtol=0, atol=0.01)


class _Judge:
    """Two linear policies Normal(w, 1) as a review sees them."""

    gamma = 1.0

    def __init__(self, online: nn.Linear, best: nn.Linear) -> None:
        self.online, self.best = online, best

    def _density(self, policy: nn.Linear, observation: Tensor, action: Tensor) -> Tensor:
        mu = policy(torch.ones_like(observation[:, :1]))
        return gaussian.log_prob(action, mu, torch.ones_like(mu))

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        return self._density(self.online, observation, action)

    def target_log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        return self._density(self.best, observation, action)


def _policy(mean: float) -> nn.Linear:
    policy = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(policy.weight, mean)
    return policy


@pytest.mark.parametrize(("online", "best"), [(0.5, -0.5), (-0.5, 0.5)])
@pytest.mark.parametrize("returns", [True, False])
def test_the_better_policy_is_kept(online: float, best: float, returns: bool) -> None:
    """A step pays -(a - 1)^2, so that the mean 0.5 is worth -1.25 and -0.5 is worth -3.25."""
    action = _draw(4_000, 1, 1)
    zeros = torch.zeros_like(action)
    stored = _trajectories(action, zeros, -(action - 1).square(), _draw(4_000, 1, seed=1))
    policies = _policy(online), _policy(best)
    rule = GPS(log_z=0.1, log_z_factor=2.0, return_to_best=returns)
    found = review(rule, stored, _Judge(*policies), *policies, {"log_z": 0.1})
    worth = {0.5: -1.25, -0.5: -3.25}
    assert found["value"] == pytest.approx(worth[online], abs=0.25)
    assert found["best_value"] == pytest.approx(-1.25, abs=0.25)
    better = online > best
    assert found["log_z"] == pytest.approx(0.05 if better else 0.2)
    weights = [float(policy.weight.detach()) for policy in policies]
    assert weights == ([0.5, 0.5] if better or returns else [online, best])


def test_the_weight_of_log_z_stays_in_its_bounds() -> None:
    rule = GPS(log_z=0.1, log_z_bounds=(0.08, 0.15))
    assert rule.review(True, {"log_z": 0.1}) == {"log_z": 0.08}
    assert rule.review(False, {"log_z": 0.1}) == {"log_z": 0.15}


def test_climbing_finds_the_best_policy_from_guiding_samples() -> None:
    """Two steps, r_1 = -(a_1 - 0.6)^2, r_2 = -(a_2 - a_1)^2; samples of a policy around 0.4.

    The mean of the first action goes to 0.6 and the second follows the first.
    """
    action = 0.4 + 0.5 * _draw(2_000, 2, 1)
    reward = torch.stack(
        (-(action[:, 0] - 0.6).square(), -(action[:, 1] - action[:, 0]).square()), 1
    )
    mu, sigma = torch.full_like(action, 0.4), torch.full_like(action, 0.5)
    behaviour = gaussian.log_prob(action, mu, sigma)
    mean = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    slope = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([mean, slope], 0.02)
    for _ in range(300):
        means = torch.stack((mean[0].expand(2_000, 1), mean[1] + slope * action[:, 0]), 1)
        log_prob = gaussian.log_prob(action, means, 0.6 * sigma)
        log_ratio = (log_prob - behaviour).detach()
        credit = guided_credit(reward, log_ratio, torch.full((2_000,), 2), 1.0)
        optimizer.zero_grad()
        (-(log_prob * (credit.value[:, :, 0] + 1e-3 * credit.log_z)).mean()).backward()
        optimizer.step()
    mean, slope = mean.detach(), slope.detach()
    assert float(mean[0]) == pytest.approx(0.6, abs=0.05)
    assert float(slope) == pytest.approx(1.0, abs=0.1)
    assert float(mean[1]) == pytest.approx(0.0, abs=0.06)


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
    made = Trainer(
        _agent(), TrainConfig(num_envs=4, total_steps=400, eval_episodes=2), progress_bar=False
    )
    yield made
    made.close()


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
        trainer._step()
    info = trainer.progress.turns["gps"]
    assert info["log_z"] in (0.01 * 2.0**k for k in range(-2, 3))
    assert info["log_z"] != 0.01 or trainer.agent.learners[0].gradient_steps == 4
    assert info["best_value"] >= info["value"]
    assert torch.equal(scale, encoder.scale)  # those the actor was fitted with


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tau_actor": 0.1}, r"brain 0 \(gps\): tau_actor = 0.1 .*set tau_actor=0.0"),
        ({"credit": "gae"}, r"brain 0 \(gps\): credit = 'gae' .* leave credit=None"),
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
    assert [len(learner.pool) for learner in agent.learners] == [80, 0]


def _trainer(agent: Agent) -> Trainer:
    return Trainer(
        agent, TrainConfig(num_envs=4, total_steps=400, eval_episodes=2), progress_bar=False
    )


def test_a_restored_run_goes_on_as_it_would_have() -> None:
    runs = [_trainer(_agent()) for _ in range(2)]
    first, second = runs
    for _ in range(12):
        first._step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(10):
        for run in runs:
            run._step()
    pairs = zip(*(run.agent.actor.parameters() for run in runs), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert first.agent.learners[0].brain.state == second.agent.learners[0].brain.state
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
