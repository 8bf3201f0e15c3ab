"""What is watched in a run: scalars of its brains that leave their healthy range."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from bnpo.agent import Agent
from bnpo.agent.brain import Brain
from bnpo.agent.calibration import calibration, fresh_segments

__all__ = ["HEALTHY", "Healthy", "Monitor"]

SAMPLES = 256
"""States of the replay at which values are looked at."""

MARGIN = 0.1
"""Share of the range of possible returns by which a value may lie outside of it."""


WARM_UP = 10
"""Turns of a brain that are not judged: values and policy are those of the first networks."""


LASTING = 3
"""Looks in a row at which a scalar is out of its range before that is told."""


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


@dataclass
class _Counts:
    """How often a scalar was looked at, and when it was out of its range."""

    looks: int = 0
    ill: int = 0
    in_a_row: int = 0
    warned: bool = False
    first: int = 0
    last: int = 0


class Monitor:
    """Watches the brains of an agent; it changes nothing that a run depends on."""

    def __init__(self, agent: Agent) -> None:
        """Take the agent whose brains are watched."""
        self.agent = agent
        self._brains = {brain.name: brain for brain in agent.brains}
        self._counts: dict[tuple[str, str], _Counts] = {}

    def judge(self, name: str, info: Mapping[str, float]) -> None:
        """Warn, once for each scalar, of one that stays out of its healthy range; count the rest.

        A brain's first turns are its warm-up: they are not judged.
        """
        brain = self._brains[name]
        if brain.gradient_steps < WARM_UP * brain.description.learning_repeat:
            return
        for healthy in HEALTHY:
            value = info.get(healthy.quantity)
            if value is None or (healthy.ratio and brain.step.rule.pathwise):
                continue
            counts = self._counts.setdefault((name, healthy.quantity), _Counts())
            counts.looks += 1
            if healthy.low <= value <= healthy.high:
                counts.in_a_row = 0
                continue
            counts.in_a_row += 1
            if not counts.ill:
                counts.first = self.agent.env_steps
            if counts.in_a_row == LASTING and not counts.warned:
                counts.warned = True
                _warn(name, healthy, value, self.agent.env_steps)
            counts.ill += 1
            counts.last = self.agent.env_steps

    def complaints(self) -> list[str]:
        """Say what left its healthy range, a line for each quantity of a brain."""
        return [
            f"brain {name!r}: {quantity} left its range at {one.ill:,} of {one.looks:,} looks, "
            f"from {one.first:,} to {one.last:,} steps"
            for (name, quantity), one in self._counts.items()
            if one.warned
        ]

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
        fresh = fresh_segments(table)
        figures = {}
        for name, brain in self._brains.items():
            rows, at = table.trajectories, (segment, time)
            if brain.on_policy and fresh is not None:  # of which alone it knows values
                rows, at = fresh, (segment % len(fresh), time % fresh.length[segment % len(fresh)])
            features = self.agent.encoder(rows.observation[at], rows.desired_goal[at])
            step = brain.step
            mu, sigma = step.networks.actor(features)
            q_value = step.networks.critic.value(features, mu, step.critic_scale(sigma)).sum(-1)
            low, high = self._bounds(brain, reward_low, reward_high)
            room = MARGIN * (high - low)
            outside = (q_value < low - room) | (q_value > high + room)
            figures[name] = {
                "q_mean": float(q_value.mean()),
                "q_low": float(q_value.min()),
                "q_high": float(q_value.max()),
                "q_out_of_bounds": float(outside.float().mean()),
            }
            if fresh is not None:
                errors = calibration(step, fresh, brain.evaluator.gamma)
                figures[name] |= {key: float(value) for key, value in errors.items()}
        return figures

    def _bounds(self, brain: Brain, low: float, high: float) -> tuple[float, float]:
        """What a return can be: as configured, or rewards so far for ever."""
        bounds = self.agent.config.target_bounds
        if bounds is not None:
            return bounds
        horizon = 1.0 / (1.0 - min(brain.evaluator.gamma, 1.0 - 1e-9))
        return min(low, 0.0) * horizon, max(high, 0.0) * horizon


def _warn(brain: str, healthy: Healthy, value: float, env_steps: int) -> None:
    limit = f"below {healthy.low:g}" if value < healthy.low else f"above {healthy.high:g}"
    logging.getLogger("bnpo.health").warning(
        "brain %r: %s = %.3g at environment step %s, %s: %s",
        *(brain, healthy.quantity, value, f"{env_steps:,}", limit, healthy.remedy),
    )
