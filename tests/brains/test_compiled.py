"""Several steps in one call of compiled C++ are the steps one by one, up to rounding."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from bnpo.brains import DDPG, GradientStep, LearningStep, Rule, target_of
from bnpo.brains.networks import Networks
from bnpo.brains.steps.actor import ActorStep, Delayed, Draw
from bnpo.brains.steps.closed_form import ClosedFormCritic, MeanClimb
from bnpo.brains.steps.compiled import CompiledSteps, compiled
from bnpo.brains.steps.native import build
from bnpo.brains.steps.optimizers import LeanAdam
from bnpo.compose import compose
from bnpo.config import NetworkConfig
from bnpo.networks import Actor, Critic, Normalizer
from bnpo.presets import build_agent, build_train_config
from bnpo.training import Trainer
from bnpo.types import TaskSpec, Transitions

needs_compiler = pytest.mark.skipif(
    build.library(torch.float32) is None, reason="there is no C++ compiler"
)

ROWS, SIZE, STEPS = 100, 37, 4  # the third minibatch reaches the end of the draw and wraps
BOX = ((-1.0, -2.0, 0.0), (1.0, 5.0, 0.5))
UNIT = ((-1.0,) * 3, (1.0,) * 3)


def make_step(
    box: Any = UNIT,
    *,
    rule: Rule | None = None,
    dtype: torch.dtype = torch.float64,
    clip_norm: float | None = None,
    regress: Any = "auto",
    point: bool = True,
    every: int = 1,
    bounds: tuple[float, float] | None = None,
    reward_dim: int = 1,
    **networks: Any,
) -> LearningStep:
    """A brain's learning step in closed form, on random networks."""
    torch.manual_seed(0)
    low, high = box
    spec = TaskSpec(
        env_id="toy",
        observation_dim=4,
        goal_dim=2,
        action_low=low,
        action_high=high,
        reward_dim=reward_dim,
    )
    config = NetworkConfig(**{"actor_hidden": (40, 8), "critic_hidden": (33, 16), **networks})
    actor, critic = Actor(6, spec, config).to(dtype), Critic(6, spec, config).to(dtype)
    encoder = Normalizer(4, 2, enabled=config.normalize, clip=1.5, dtype=dtype)
    encoder.put_in_force(
        torch.stack([torch.randn(6), torch.rand(6) + 0.5, torch.randn(6)]).to(dtype)
    )
    with torch.no_grad():
        actor.head.weight.mul_(10)
    own = Networks(
        encoder=encoder,
        actor=actor,
        critic=critic,
        target_actor=target_of(actor),
        target_critic=target_of(critic),
    )
    with torch.no_grad():
        for parameter in (*own.target_actor.parameters(), *own.target_critic.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
    optimizer = GradientStep(list(actor.parameters()), 3e-3, clip_norm, adam=LeanAdam)
    rule = rule or DDPG(mean_only=True, action_l2=0.1)
    climb: Any = MeanClimb.of(rule, actor, critic, optimizer, point=point)
    climb = climb or ActorStep(actor, optimizer)
    generator = torch.Generator().manual_seed(0)
    return LearningStep(
        rule,
        own,
        Delayed(climb, every) if every > 1 else climb,
        ClosedFormCritic(
            own,
            LeanAdam(critic.parameters(), 2e-3),
            regress=regress,
            clip_norm=clip_norm,
            generator=generator,
        ),
        climb_point=point,
        generator=generator,
        target_bounds=bounds,
    )


def make_draw(step: LearningStep, *, weighted: bool = False) -> Draw:
    """Random transitions whose columns lie apart in memory, as those of a gathered draw."""
    actor = step.networks.actor
    dtype, actions = actor.half_range.dtype, actor.action_dim
    rewards = step.networks.critic.layers[-1][1].shape[-1]
    generator = torch.Generator().manual_seed(5)

    def draw(*width: int) -> torch.Tensor:
        wide = torch.randn(ROWS, *width, 2, generator=generator, dtype=dtype)
        return wide[..., 0].contiguous() if width == (3,) else wide[..., 0]

    batch = Transitions(
        observation=draw(4),
        goal=draw(2),
        action=draw(actions),
        mu=draw(actions).tanh(),
        sigma=draw(actions).exp(),
        behaviour_log_prob=draw(),
        proximal_log_prob=draw(),
        reward=draw(rewards),
        discount=draw().sigmoid(),
        next_observation=draw(4),
        next_goal=draw(2),
        weight=torch.ones(ROWS, dtype=dtype),
        relabelled=torch.rand(ROWS, generator=generator) < 0.5,
        steps=torch.ones(ROWS, dtype=torch.int64),
        log_ratio_rest=torch.zeros(ROWS, dtype=dtype),
    )
    weight = torch.rand(ROWS, generator=generator, dtype=dtype) if weighted else None
    return Draw(batch, None, weight, SIZE, 10, STEPS)


def parameters(step: LearningStep) -> list[torch.Tensor]:
    networks = step.networks
    return [p.detach() for one in (networks.actor, networks.critic) for p in one.parameters()]


def take(steps: LearningStep | CompiledSteps, step: LearningStep, draw: Draw, number: int) -> Any:
    actors = [step.networks.target_actor, step.networks.actor] * (STEPS // 2)
    return [*steps.take_each(draw, actors, False, number)]


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "box": {"box": BOX, "bounds": (-1.0, 0.5), "sigma": "fixed", "point": False},
    "several critics, least": {"critics": 3, "reduce": "min", "sigma": "global"},
    "several critics, mean": {"critics": 2, "reduce": "mean", "sigma": "state", "point": False},
    "normalised layers": {"layer_norm": True, "critics": 2, "box": BOX, "point": False},
    "bounded norms": {"clip_norm": 0.01, "every": 3},
    "no hidden layers": {"actor_hidden": (), "critic_hidden": ()},
    "several rewards": {"reward_dim": 3, "critics": 2, "regress": "behaviour"},
    "at actions": {"regress": "point", "rule": DDPG(mean_only=True)},
    "wide": {"actor_hidden": (70, 64), "critic_hidden": (128, 96)},
    "not normalised": {"normalize": False},
}


@needs_compiler
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_call_takes_the_steps_one_by_one(case: str, weighted: bool) -> None:
    one, other = make_step(**CASES[case]), make_step(**CASES[case])
    several = compiled(other, "on")
    assert several is not None
    for number in (0, STEPS):  # the second draw goes on with the moments of the first
        draw = make_draw(one, weighted=weighted)
        expected = take(one, one, draw, number)
        learnt = take(several, other, draw, number)
        for own, theirs in zip(learnt, expected, strict=True):
            torch.testing.assert_close(own.error, theirs.error, rtol=1e-9, atol=1e-11)
            assert own.info.keys() == theirs.info.keys()
            for name, value in theirs.info.items():
                assert float(own.info[name]) == pytest.approx(float(value), rel=1e-8, abs=1e-10)
    for own, theirs in zip(parameters(other), parameters(one), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-9, atol=1e-10)
    for own_p, their_p in zip(*(s.networks.critic.parameters() for s in (other, one)), strict=True):
        torch.testing.assert_close(own_p.grad, their_p.grad, rtol=1e-7, atol=1e-10)
    moments = [s.critic_step.optimizer.state_dict()["state"] for s in (one, other)]
    torch.testing.assert_close(*moments, rtol=1e-8, atol=1e-12)


@needs_compiler
def test_single_precision_is_as_near() -> None:
    fields: dict[str, Any] = {"dtype": torch.float32, "critics": 2, "actor_hidden": (64, 64)}
    one, other = make_step(**fields), make_step(**fields)
    several = compiled(other, "on")
    assert several is not None
    draw = make_draw(one)
    take(one, one, draw, 0)
    take(several, other, draw, 0)
    for own, theirs in zip(parameters(other), parameters(one), strict=True):
        torch.testing.assert_close(own, theirs, rtol=0.0, atol=2e-5)


@needs_compiler
@pytest.mark.parametrize("reach", [1e-4, 0.2, 0.34, 0.36, 1.0, 9.0, 60.0])
def test_the_tangent_of_single_precision_is_within_roundings(reach: float) -> None:
    """An actor without hidden layers and with weight 1 squashes its input and nothing else."""
    fields: dict[str, Any] = {"dtype": torch.float32, "actor_hidden": (), "normalize": False}
    # One critic without hidden layers that reads the first mean: Q = μ₀, so q_value is mean tanh.
    step = make_step(**fields, critic_hidden=(), rule=DDPG(mean_only=True))
    actor, critic = step.networks.actor, step.networks.critic
    with torch.no_grad():
        for parameter in (*actor.parameters(), *critic.parameters()):
            parameter.zero_()
        actor.head.weight[0, 0] = 1.0
        critic.layers[0][0][0, 6, 0] = 1.0
    step.critic_step.optimizer.param_groups[0]["lr"] = 0.0
    several = compiled(step, "on")
    assert several is not None
    draw = make_draw(step)
    draw.batch.observation[:, 0] = reach
    (learnt, *_) = take(several, step, draw, 0)
    expected = float(torch.tensor(reach, dtype=torch.float32).double().tanh())
    assert float(learnt.info["q_value"]) == pytest.approx(expected, rel=3e-7)


@needs_compiler
def test_what_is_no_number_comes_through() -> None:
    step = make_step(dtype=torch.float32)
    several = compiled(step, "on")
    assert several is not None
    draw = make_draw(step)
    draw.batch.reward[12] = float("nan")
    learnt = take(several, step, draw, 0)
    assert bool(learnt[0].info["critic_loss"].isnan())
    assert all(bool(p.isnan().any()) for p in step.networks.critic.parameters())


def make_trainer(mode: str) -> Trainer:
    updates = {
        "seed": 1,
        "agent.compile": mode,
        "agent.warmup_steps": 0,
        "agent.dtype": "float64",
        "threads": 1,
    }
    config = compose(["bpo", "goal_reacher"], updates)
    for brain in config["brains"].values():
        brain["learning_repeat"] = 8
    return Trainer(build_agent(config), build_train_config(config), progress_bar=False)


def networks_after(trainer: Trainer, steps: int) -> list[torch.Tensor]:
    for _ in range(steps):
        trainer.step()
    agent = trainer.agent
    networks = [agent.actor, *agent.critics, *agent.target_actors, *agent.target_critics]
    return [p.detach().clone() for network in networks for p in network.parameters()]


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_a_run_goes_on_to_the_same_bits(mode: str) -> None:
    whole, first = make_trainer(mode), make_trainer(mode)
    expected = networks_after(whole, 150)
    networks_after(first, 100)
    state = copy.deepcopy(first.state_dict())
    other = make_trainer(mode)
    other.load_state_dict(state)
    assert all(map(torch.equal, networks_after(other, 50), expected))


@needs_compiler
def test_a_run_may_go_on_in_the_other_mode() -> None:
    """The state is the same: 100 steps compiled and 50 one by one are 150 either way."""
    first, other = make_trainer("on"), make_trainer("off")
    networks_after(first, 100)
    other.load_state_dict(copy.deepcopy(first.state_dict()))
    expected = networks_after(first, 50)
    for own, theirs in zip(networks_after(other, 50), expected, strict=True):
        torch.testing.assert_close(own, theirs, rtol=0.0, atol=1e-9)


@needs_compiler
def test_copied_steps_move_copied_networks() -> None:
    step = make_step()
    several = compiled(step, "on")
    assert several is not None
    draw = make_draw(step)
    take(several, step, draw, 0)
    before = [p.clone() for p in parameters(step)]
    other, copied = copy.deepcopy((several, step))
    take(other, copied, draw, STEPS)
    assert all(map(torch.equal, parameters(step), before))
    take(several, step, draw, STEPS)
    assert all(map(torch.equal, parameters(step), parameters(copied)))
