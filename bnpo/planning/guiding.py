"""Guiding samples: trajectories planned on an environment's simulator, before training starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bnpo import seeding
from bnpo.brains import GradientStep
from bnpo.brains.options import Guidance
from bnpo.brains.rule import Rule
from bnpo.envs import make_vector_env, true_next_observation
from bnpo.envs.reacher.vector_goal_env import VectorGoalEnv
from bnpo.envs.rollout import Converter, Rollout
from bnpo.errors import ConfigError
from bnpo.networks import Actor, Encoder, gaussian
from bnpo.planning.cost import reaching_cost
from bnpo.planning.dynamics import FloatArray
from bnpo.planning.env_dynamics import EnvDynamics
from bnpo.planning.plans import ILQR, Plan
from bnpo.planning.solver import plan_best
from bnpo.replay import SegmentTable
from bnpo.types import TaskSpec, Trajectories
from bnpo.types.step import Decision, Observation, Step

__all__ = ["Around", "draw_guides", "fit", "plan_guides", "require_simulator", "store_guides"]

_MARGIN = 0.1  # share of the cost by which a later guess must win
_LAST_STEP = 3.0  # weight of the last step's distance, against 1 of every other


class Around(NamedTuple):
    """Guiding distributions at states around plans, which nobody has played."""

    observation: Tensor
    """[B, O]"""

    goal: Tensor
    """[B, G], desired"""

    mu: Tensor
    """[B, A]"""

    sigma: Tensor
    """[B, A]"""


def require_simulator(rule: Rule, env_id: str, env_kwargs: Mapping[str, Any]) -> None:
    """Refuse a rule that plans guiding samples on an environment without a simulator.

    Raises:
        ConfigError: naming the rule, the environment and what to change.

    """
    if rule.guidance is None:
        return
    try:
        env = _make_env(env_id, 1, env_kwargs)
    except ValueError as error:
        env, reason = None, f" ({error})"
    else:
        reason = ""
    if not isinstance(env, VectorGoalEnv):
        raise ConfigError(
            f"rule = {type(rule).__name__} on {env_id}, which has no simulator to linearise"
            f"{reason}: its guiding samples are planned on one that can be put into any state; "
            "choose bnpo/GoalReacher-v0 or bnpo/MovingReacher-v0, or rule='is_return'"
        )
    env.close()


def _make_env(env_id: str, num_envs: int, env_kwargs: Mapping[str, Any]) -> Any:
    """Return the environments of a task, without wrappers."""
    return make_vector_env(env_id, num_envs, threads=0, **env_kwargs).unwrapped


def plan_guides(
    dynamics: EnvDynamics, start: FloatArray, goals: FloatArray, guidance: Guidance, seed: int
) -> Plan:
    """Plan from starts [N, S] to goals [N, T, G], desired after each step."""
    count, steps, _ = goals.shape
    size, guesses = len(dynamics.low), guidance.guesses
    draw = np.random.default_rng(seed)
    _, near = dynamics.step(start, np.zeros((count, size)))
    scale = float(np.linalg.norm(near - goals[:, 0], axis=1).mean())
    weight = np.full((count, steps, 1), 1.0 / scale)
    weight[:, -1] *= _LAST_STEP
    options = ILQR(
        iterations=guidance.iterations,
        temperature=guidance.temperature,
        sigma_min=guidance.sigma_min,
        sigma_max=guidance.sigma_max,
    )
    guess = guidance.guess * draw.standard_normal((guesses, 1, 1, size))
    guess[0] = guidance.guess  # whatever the seed: whether plans converge is not left to chance
    cost = reaching_cost(guidance.action_weight, guidance.smooth * scale)
    context = np.concatenate((goals, weight), 2)
    guess = np.broadcast_to(guess, (guesses, count, steps, size))
    return plan_best(dynamics, cost, start, guess, context, options, margin=_MARGIN)


def draw_guides(
    guidance: Guidance,
    spec: TaskSpec,
    env_kwargs: Mapping[str, Any],
    policy: Converter,
    *,
    num_envs: int,
    max_steps: int,
    seed: int,
) -> tuple[Observation, list[Step], list[Around]]:
    """Plan trajectories, and draw around the plans.

    Args:
        guidance: how many, spread how far
        spec: the task
        env_kwargs: arguments with which its environments are made
        policy: makes tensors of arrays
        num_envs: environments of the replay; the rows drawn are a multiple of them
        max_steps: longest segment of the replay (environment steps)
        seed: of the run

    Returns:
        What the environments of all rows [K] show at first, their steps in order of time, and the
        guiding distributions at further states around the plans.

    """
    make = partial(_make_env, spec.env_id, env_kwargs=env_kwargs)
    seeds = seeding.derived(seed, seeding.GUIDES, count=3)
    steps = min(spec.max_episode_steps or max_steps, max_steps)
    dynamics = EnvDynamics(make)
    env = make(guidance.plans)
    env.reset(seed=seeds[0])
    start = dynamics.read(env)
    goals = _future_goals(env, steps)
    guides = plan_guides(dynamics, start, goals, guidance, seeds[1])
    env.close()
    count = -(-guidance.plans * guidance.samples // num_envs) * num_envs
    of = np.arange(count) % guidance.plans  # plan of each row
    env = make(count)
    env.reset(seed=0)
    dynamics.write(env, start[of])
    first = policy.tensors(env.observe())
    beside = make(count)
    beside.reset(seed=0)
    steps_taken, around = _draw(policy, env, beside, dynamics, guides[of], guidance, seeds[2])
    for user in (env, beside, dynamics):
        user.close()
    return first, steps_taken, around


def _future_goals(env: VectorGoalEnv, steps: int) -> FloatArray:
    """Return the goals desired after each step, [N, T, G]: they move without regard to actions."""
    goals = []
    rest = np.zeros(env.action_space.shape or ())
    for _ in range(steps):
        observations, _, _, _, infos = env.step(rest)
        goals.append(true_next_observation(observations, infos)["desired_goal"])
    return np.stack(goals, 1)


def _draw(
    policy: Converter,
    env: VectorGoalEnv,
    beside: VectorGoalEnv,
    dynamics: EnvDynamics,
    plan: Plan,
    guidance: Guidance,
    seed: int,
) -> tuple[list[Step], list[Around]]:
    """Play the guiding distributions Normal(g(x_t), diag Σ_t) of plans [K] to the end.

    States around the plan at each step are normally distributed with ``guidance.spread`` times the
    scale at which those of the samples lie about theirs; they are put on the environments beside.
    """
    noise, others = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    scale = np.sqrt(np.diagonal(plan.covariance, axis1=2, axis2=3)) * dynamics.half_range
    rollout, steps = Rollout(env, policy, env.observe(), checks=False), []
    around: list[Around] = []

    def guide(t: int, state: FloatArray) -> FloatArray:
        return dynamics.middle + dynamics.half_range * plan.mean(dynamics, t, state)

    for t in range(plan.action.shape[1]):
        state, nominal = dynamics.read(env), plan.state[:, t]
        away = np.sqrt(np.square(dynamics.difference(state, nominal)).mean(0))  # [n]
        for _ in range(guidance.around):
            change = guidance.spread * away * others.standard_normal((len(nominal), len(away)))
            moved = dynamics.shift(nominal, change)
            dynamics.write(beside, moved)
            seen = policy.tensors(beside.observe())
            mu, sigma = (policy.tensor(array) for array in (guide(t, moved), scale[:, t]))
            around.append(Around(seen.observation, seen.desired_goal, mu, sigma))
        mean = guide(t, state)
        drawn = mean + scale[:, t] * noise.standard_normal(mean.shape)
        action, mu, sigma = (policy.tensor(array) for array in (drawn, mean, scale[:, t]))
        log_prob = gaussian.log_prob(action, mu, sigma)
        steps.append(rollout.step(Decision(action, mu, sigma, log_prob)))
    return steps, around


def store_guides(table: SegmentTable, start: Observation, steps: Sequence[Step]) -> Tensor:
    """Write guiding samples to a replay, as many at a time as it has environments.

    Args:
        table: the replay, whose open segments are dropped
        start: first observations of all rows [K]
        steps: of all rows, in order of time

    Returns:
        Rows of the segments, [K].

    """
    finished = []
    for first in range(0, len(start.observation), table.num_envs):
        part = slice(first, first + table.num_envs)
        table.begin(Observation(*(column[part] for column in start)))
        for step in steps:
            rows = table.append(step.rows(part))
        finished.append(rows)
    return torch.cat(finished)


def fit(
    guidance: Guidance,
    trajectories: Trajectories,
    around: Sequence[Around],
    actor: Actor,
    encoder: Encoder,
    generator: torch.Generator,
) -> None:
    """Fit an actor to guiding samples by maximum likelihood (line 3 of algorithm 1).

    The likelihood is that of every action that might have been drawn where one was: its expectation
    under the guiding distribution q, up to a constant -KL(q || π_θ), instead of one sample of it.

    Args:
        guidance: steps of the fit
        trajectories: [K], the samples
        around: guiding distributions at further states
        actor: is moved
        encoder: features of its states
        generator: source of minibatches

    """
    device = trajectories.mu.device
    taken = torch.arange(trajectories.mu.shape[1], device=device) < trajectories.length[:, None]
    played = Around(
        trajectories.observation[:, :-1][taken],
        trajectories.desired_goal[:, :-1][taken],
        trajectories.mu[taken],
        trajectories.sigma[taken],
    )
    columns = zip(played, *around, strict=True)
    observation, goal, mu, sigma = (torch.cat(column) for column in columns)
    with torch.no_grad():
        features = encoder(observation, goal)
    step = GradientStep(list(actor.parameters()), guidance.fit_lr)
    for _ in range(guidance.fit_steps):
        at = torch.randint(len(mu), (guidance.fit_batch,), generator=generator, device=device)

        def likelihood(at: Tensor = at) -> Tensor:
            return -gaussian.kl_divergence(mu[at], sigma[at], *actor(features[at])).mean()

        step.ascend(likelihood, lambda: actor(features))
