"""Numerical health: what is not finite ends a run, what leaves its healthy range is told."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.brains import Brain, Networks
    from bnpo.learner import Learner

__all__ = [
    "HEALTHY",
    "Diverged",
    "Healthy",
    "Monitor",
    "gradient_norms",
    "require_finite",
    "require_finite_networks",
    "require_finite_scalars",
]

SAMPLES = 256
"""States of the replay at which values are looked at."""

MARGIN = 0.1
"""Share of the range of possible returns by which a value may lie outside of it."""


class Diverged(RuntimeError):
    """A quantity became infinite or not a number; the message names brain, quantity and step."""


@dataclass(frozen=True, kw_only=True)
class Healthy:
    """Range in which a scalar of a brain should stay, and what to change where it does not."""

    quantity: str
    """Name of the scalar."""

    remedy: str
    """What it means to leave the range, and what helps."""

    low: float = -math.inf
    """Lower end."""

    high: float = math.inf
    """Upper end."""

    ratio: bool = False
    """Whether it means something for likelihood-ratio brains alone."""


HEALTHY = (
    Healthy(
        quantity="effective_sample_share",
        low=0.02,
        ratio=True,
        remedy="a few samples decide its step: lower lr_actor or learning_repeat, or give it "
        "fresher samples (a smaller optim_pool_size, a turn directly after its rollout)",
    ),
    Healthy(
        quantity="kl_behaviour",
        high=5.0,
        ratio=True,
        remedy="the policy is far from the one that acted: lower lr_actor of all brains, or give "
        "this one its turn directly after its rollout",
    ),
    Healthy(
        quantity="clip_fraction",
        high=0.7,
        remedy="most of its samples are clipped: lower lr_actor or optim_epochs, or set target_kl",
    ),
    Healthy(
        quantity="actor_gradient_norm",
        high=1e4,
        remedy="set agent.clip_norm, or lower lr_actor",
    ),
    Healthy(
        quantity="critic_gradient_norm",
        high=1e4,
        remedy="set agent.clip_norm, or lower lr_critic",
    ),
    Healthy(
        quantity="q_out_of_bounds",
        high=0.1,
        remedy="values of returns that cannot be: set agent.target_bounds, or lower lr_critic or "
        "tau_critic",
    ),
)
"""What is watched."""


def require_finite(what: str, array: NDArray[Any], env_steps: int) -> tuple[float, float]:
    """Return the least and the largest number of an array [N, ...] over environments.

    Raises:
        Diverged: naming the environment, the quantity and the step, where one is not finite.

    """
    low, high = float(array.min()), float(array.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    row, *_ = np.argwhere(~np.isfinite(array))[0]
    value = array[row][~np.isfinite(array[row])].flat[0]
    raise Diverged(
        f"environment {row}: {what} = {value} at environment step {env_steps}; the simulation "
        "or its reward is at fault"
    )


def require_finite_scalars(brain: str, scalars: Mapping[str, float], env_steps: int) -> None:
    """Let finite scalars of a brain's turn through.

    Raises:
        Diverged: naming the brain, the scalar and the step, where one is not finite.

    """
    for quantity, value in scalars.items():
        if not math.isfinite(value):
            raise Diverged(f"brain {brain!r}: {quantity} = {value} at environment step {env_steps}")


def require_finite_networks(brain: str, networks: Networks, env_steps: int) -> None:
    """Raise a :class:`Diverged` where a parameter that a brain trains is not finite."""
    trained: dict[str, nn.Module] = {
        "actor": networks.actor,
        "critic": networks.critic,
        "encoder": networks.encoder,
    }
    parameters = [p.detach() for network in trained.values() for p in network.parameters()]
    if bool(torch.stack(torch._foreach_norm(parameters)).isfinite().all()):
        return
    for title, network in trained.items():
        for name, parameter in network.named_parameters():
            finite = parameter.detach().isfinite()
            if not bool(finite.all()):
                value = float(parameter.detach()[~finite].flatten()[0])
                raise Diverged(
                    f"brain {brain!r}: parameter {title}.{name} = {value} at environment step "
                    f"{env_steps}; lower lr_actor or lr_critic, or set agent.clip_norm"
                )


def gradient_norms(brain: Brain) -> dict[str, Tensor]:
    """Norms of the gradients of a brain's last step, where the optimizer leaves them."""
    found: dict[str, Tensor] = {}
    critic, actor = brain.networks.critic.parameters(), brain.networks.actor.parameters()
    members = [("critic_gradient_norm", critic)]
    if hasattr(brain.actor_step, "optimizer"):  # a natural step follows another direction
        members.append(("actor_gradient_norm", actor))
    for name, parameters in members:
        gradients = [p.grad for p in parameters if p.grad is not None]
        if gradients:
            found[name] = torch.stack(torch._foreach_norm(gradients)).norm()
    return found


class Monitor:
    """Watches the brains of an agent; it changes nothing that a run depends on."""

    def __init__(self, agent: Agent) -> None:
        """Take the agent whose brains are watched."""
        self.agent = agent
        self._learners = {learner.name: learner for learner in agent.learners}
        self._ill: set[tuple[str, str]] = set()

    def judge(self, brain: str, info: Mapping[str, float]) -> None:
        """Warn, once until it is healthy again, of every scalar that left its healthy range."""
        learner = self._learners[brain]
        figures = dict(info)
        samples = figures.get("effective_sample_size")
        if samples is not None:
            figures["effective_sample_share"] = samples / learner.description.batch_size
        for healthy in HEALTHY:
            value = figures.get(healthy.quantity)
            if value is None or (healthy.ratio and learner.brain.rule.pathwise):
                continue
            key = (brain, healthy.quantity)
            if healthy.low <= value <= healthy.high:
                self._ill.discard(key)
            elif key not in self._ill:
                self._ill.add(key)
                _warn(brain, healthy, value, self.agent.env_steps)

    @torch.no_grad()
    def values(self, reward_low: float, reward_high: float) -> dict[str, dict[str, float]]:
        """Q of every brain at states of the replay, against what returns can be.

        Args:
            reward_low: least reward so far
            reward_high: largest

        """
        table = self.agent.replay
        if table is None or not table.transitions_stored:
            return {}
        generator = torch.Generator(table.device).manual_seed(self.agent.env_steps)
        segment, time = table.draw(SAMPLES, table.transitions_stored, generator)
        rows = table.trajectories
        features = self.agent.encoder(
            rows.observation[segment, time], rows.desired_goal[segment, time]
        )
        mu, sigma = self.agent.actor(features)
        found = {}
        for name, learner in self._learners.items():
            brain = learner.brain
            q_value = brain.networks.critic.value(features, mu, brain.critic_scale(sigma)).sum(-1)
            low, high = self._bounds(learner, reward_low, reward_high)
            room = MARGIN * (high - low)
            outside = (q_value < low - room) | (q_value > high + room)
            found[name] = {
                "q_mean": float(q_value.mean()),
                "q_low": float(q_value.min()),
                "q_high": float(q_value.max()),
                "q_out_of_bounds": float(outside.float().mean()),
            }
        return found

    def _bounds(self, learner: Learner, low: float, high: float) -> tuple[float, float]:
        """What a return can be: as configured, or rewards so far for ever."""
        bounds = self.agent.config.target_bounds
        if bounds is not None:
            return bounds
        horizon = 1.0 / (1.0 - min(learner.evaluator.gamma, 1.0 - 1e-9))
        return min(low, 0.0) * horizon, max(high, 0.0) * horizon


def _warn(brain: str, healthy: Healthy, value: float, env_steps: int) -> None:
    limit = f"below {healthy.low:g}" if value < healthy.low else f"above {healthy.high:g}"
    logging.getLogger("bnpo.health").warning(
        "brain %r: %s = %.3g at environment step %s, %s: %s",
        *(brain, healthy.quantity, value, f"{env_steps:,}", limit, healthy.remedy),
    )
