"""Guiding samples: trajectories planned on an environment's simulator, before training starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bnpo.brains import GradientStep
from bnpo.brains.guided import Guidance, Reviewing
from bnpo.brains.rule import Rule
from bnpo.config import BrainDescription, ConfigError
from bnpo.env_dynamics import EnvDynamics
from bnpo.envs import make_vector_env, true_next_observation
from bnpo.envs.vector_goal_env import VectorGoalEnv
from bnpo.ilqr import ILQR, Plan, plan_best, reaching_cost
from bnpo.ilqr.dynamics import FloatArray
from bnpo.networks import gaussian

if TYPE_CHECKING:
    from bnpo.agent import Agent, Observation
    from bnpo.learner import Learner

__all__ = ["guide", "is_guided", "plan_guides", "require_guidable"]

_STREAM = 2_000
_GUESS = 0.1  # scale of the first guesses, constant over a trajectory
_MARGIN = 0.1  # share of the cost by which a later guess must win
_LAST_STEP = 3.0  # weight of the last step's distance, against 1 of every other


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One step of all guiding samples, rows [K]."""

    shown: Observation
    action: Tensor
    mu: Tensor
    sigma: Tensor
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    outcome: Observation


def require_guidable(agent: Agent, description: BrainDescription, rule: Rule) -> None:
    """Refuse a rule that needs guiding samples or a best policy where it cannot have them.

    Raises:
        ConfigError: naming the field and what to change.

    """
    if isinstance(rule, Reviewing) and description.tau_actor != 0.0:
        raise ConfigError(
            f"tau_actor = {description.tau_actor} with the rule {type(rule).__name__}, which keeps "
            "its best policy in the target actor: set tau_actor=0.0"
        )
    if isinstance(rule, Reviewing) and len(agent.target_actors) < len(agent.brains):
        raise ConfigError(
            f"rule = {type(rule).__name__} among brains that share one target actor, in which it "
            "keeps its best policy: set detach_actors=True"
        )
    if not isinstance(getattr(rule, "guidance", None), Guidance):
        return
    env_id = agent.spec.env_id
    try:
        env = _make_env(agent, 1)
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


def _make_env(agent: Agent, num_envs: int) -> Any:
    """Environments of the agent's task, without wrappers."""
    return make_vector_env(agent.spec.env_id, num_envs, threads=0, **agent.env_kwargs).unwrapped


def is_guided(learner: Learner) -> bool:
    """Whether the brain's rule asks for guiding samples."""
    return isinstance(getattr(learner.brain.rule, "guidance", None), Guidance)


def guide(agent: Agent, num_envs: int) -> None:
    """Put guiding samples into a fresh replay for every brain that asks; fit the actor to them.

    The samples count as environment steps; the planner's own steps of the simulator do not. They
    are credited for the brains that asked and for pathwise ones: an on-policy rule has no use for
    what another policy did.
    """
    assert agent.replay is not None, "begin() comes first"
    for learner in agent.learners:
        guidance = getattr(learner.brain.rule, "guidance", None)
        if not isinstance(guidance, Guidance):
            continue
        rows = _store(agent, _sample(agent, guidance, num_envs), num_envs)
        _fit(agent, guidance, rows)
        for other in agent.learners:
            if other is learner or other.brain.rule.pathwise:
                other.receive(agent.replay, rows, agent.env_steps)


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
    guess = _GUESS * draw.standard_normal((guesses, 1, 1, size))
    cost = reaching_cost(guidance.action_weight, guidance.smooth * scale)
    context = np.concatenate((goals, weight), 2)
    guess = np.broadcast_to(guess, (guesses, count, steps, size))
    return plan_best(dynamics, cost, start, guess, context, options, margin=_MARGIN)


def _sample(agent: Agent, guidance: Guidance, num_envs: int) -> list[_Step]:
    """Plan, and draw around the plans; as many rows as fill the replay's environments evenly."""
    seeds = np.random.SeedSequence([agent.seed, _STREAM]).generate_state(3) >> 1
    limit = agent.spec.max_episode_steps or agent.config.max_steps
    steps = min(limit, agent.config.max_steps)
    dynamics = EnvDynamics(partial(_make_env, agent))
    env = _make_env(agent, guidance.plans)
    env.reset(seed=int(seeds[0]))
    start = dynamics.read(env)
    goals = _future_goals(env, steps)
    made = plan_guides(dynamics, start, goals, guidance, int(seeds[1]))
    env.close()
    count = -(-guidance.plans * guidance.samples // num_envs) * num_envs
    of = np.arange(count) % guidance.plans  # plan of each row
    env = _make_env(agent, count)
    env.reset(seed=0)
    dynamics.write(env, start[of])
    drawn = _draw(agent, env, dynamics, made, of, int(seeds[2]))
    for user in (env, dynamics):
        user.close()
    return drawn


def _future_goals(env: VectorGoalEnv, steps: int) -> FloatArray:
    """Goals desired after each step, [N, T, G]: they move without regard to actions."""
    goals = []
    rest = np.zeros(env.action_space.shape or ())
    for _ in range(steps):
        shown, _, _, _, infos = env.step(rest)
        goals.append(true_next_observation(shown, infos)["desired_goal"])
    return np.stack(goals, 1)


def _draw(
    agent: Agent,
    env: VectorGoalEnv,
    dynamics: EnvDynamics,
    made: Plan,
    of: Any,
    seed: int,
) -> list[_Step]:
    """Play the guiding distributions Normal(g(x_t), diag Σ_t) of plans ``of`` [K] to the end."""
    noise = np.random.default_rng(seed)
    chosen = made[of]
    scale = np.sqrt(np.diagonal(chosen.covariance, axis1=2, axis2=3)) * dynamics.half_range
    shown, drawn = agent.policy.tensors(env._observe()), []
    for t in range(made.action.shape[1]):
        unit = chosen.mean(dynamics, t, dynamics.read(env))
        mu = dynamics.middle + dynamics.half_range * unit
        action = mu + scale[:, t] * noise.standard_normal(mu.shape)
        following, reward, terminated, truncated, infos = env.step(
            np.clip(
                action,
                dynamics.middle - dynamics.half_range,
                dynamics.middle + dynamics.half_range,
            )
        )
        drawn.append(
            _Step(
                shown=shown,
                action=agent.policy.tensor(action),
                mu=agent.policy.tensor(mu),
                sigma=agent.policy.tensor(scale[:, t]),
                reward=agent.policy.tensor(reward).reshape(len(of), agent.spec.reward_dim),
                terminated=agent.policy.tensor(terminated),
                truncated=agent.policy.tensor(truncated),
                outcome=agent.policy.tensors(true_next_observation(following, infos), before=shown),
            )
        )
        shown = drawn[-1].outcome
    return drawn


def _store(agent: Agent, drawn: list[_Step], num_envs: int) -> Tensor:
    """Write guiding samples to the replay, put their statistics in force; their rows [K]."""
    table = agent.replay
    assert table is not None, "begin() comes first"
    rows = []
    for first in range(0, len(drawn[0].action), num_envs):
        part = slice(first, first + num_envs)
        table.begin(*(column[part] for column in drawn[0].shown))
        for step in drawn:
            own = (step.action[part], step.mu[part], step.sigma[part])
            outcome = tuple(column[part] for column in step.outcome)
            finished = table.append(
                *own,
                gaussian.log_prob(*own),
                step.reward[part],
                step.terminated[part],
                step.truncated[part],
                *outcome,
                *outcome,
            )
        rows.append(finished)
        agent.env_steps += num_envs * len(drawn)
    stored = torch.cat(rows)
    agent.statistics.observe(table.trajectories, stored)
    agent.statistics.put_in_force()
    return stored


def _fit(agent: Agent, guidance: Guidance, rows: Tensor) -> None:
    """Fit the actor to the guiding samples by maximum likelihood (line 3 of algorithm 1)."""
    assert agent.replay is not None
    table = agent.replay.trajectories
    taken = torch.arange(table.action.shape[1], device=agent.device) < table.length[rows, None]
    action = table.action[rows][taken]
    with torch.no_grad():
        features = agent.encoder(
            table.observation[rows, :-1][taken], table.desired_goal[rows, :-1][taken]
        )
    step = GradientStep(list(agent.actor.parameters()), guidance.fit_lr)
    for _ in range(guidance.fit_steps):
        at = torch.randint(
            len(action), (guidance.fit_batch,), generator=agent.generator, device=agent.device
        )

        def likelihood(at: Tensor = at) -> Tensor:
            return gaussian.log_prob(action[at], *agent.actor(features[at])).mean()

        step.ascend(likelihood, lambda: agent.actor(features))
    for target in agent.target_actors:
        target.load_state_dict(agent.actor.state_dict())
