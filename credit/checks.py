"""Checks that a user runs on an own credit scheme: ``check_scheme(MyScheme())``."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from bnpo.credit.registry import resolve
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = [
    "StubEvaluator",
    "check_columns",
    "check_proximal",
    "check_scheme",
    "random_trajectories",
]


class StubEvaluator:
    """An Evaluator without networks: smooth functions of what it is asked about."""

    def __init__(self, generator: Generator, gamma: float = 0.9, reward_dim: int = 1) -> None:
        """Hand out this generator and discount factor per step."""
        self.generator, self.gamma, self.reward_dim = generator, gamma, reward_dim

    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Value of a state, [B, R]."""
        level = torch.tanh(observation.sum(1) + goal.sum(1))
        return level[:, None].repeat(1, self.reward_dim)

    def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Entropy bonus of a state, [B]."""
        return 0.1 * torch.tanh(observation.sum(1) - goal.sum(1))

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of a unit normal around tanh of observation and goal, [B]."""
        mu = torch.tanh(observation.sum(1) + goal.sum(1))[:, None]
        density: Tensor = -0.5 * ((action - mu).square() + math.log(2 * math.pi)).sum(1)
        return density

    def reward(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Negative distance, [B, R]."""
        distance: Tensor = torch.linalg.vector_norm(achieved_goal - desired_goal, dim=1)[:, None]
        return -distance.repeat(1, self.reward_dim)

    def terminated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """False: no goal ends an episode, [B]."""
        return (achieved_goal[:, 0] == desired_goal[:, 0]) & False

    truncated = terminated


def random_trajectories(
    generator: Generator,
    *,
    segments: int = 8,
    steps: int = 6,
    observation_dim: int = 3,
    goal_dim: int = 2,
    action_dim: int = 2,
    reward_dim: int = 1,
    dtype: torch.dtype | None = None,
) -> Trajectories:
    """Segments of random length with NaN in every row that was not written.

    Shapes are those of :class:`bnpo.types.Trajectories`; desired goals move with time.
    """
    device = generator.device
    length = torch.randint(1, steps + 1, (segments,), generator=generator, device=device)
    end = torch.rand(segments, generator=generator, device=device)

    def column(rows: int, *width: int) -> Tensor:
        shape = (segments, rows, *width)
        made = torch.randn(shape, generator=generator, device=device, dtype=dtype)
        written = torch.arange(rows, device=device) < length[:, None] + rows - steps
        return torch.where(written.reshape(segments, rows, *[1] * len(width)), made, torch.nan)

    return Trajectories(
        observation=column(steps + 1, observation_dim),
        achieved_goal=column(steps + 1, goal_dim),
        desired_goal=column(steps + 1, goal_dim),
        action=column(steps, action_dim),
        mu=column(steps, action_dim),
        sigma=column(steps, action_dim).exp(),
        log_prob=column(steps),
        reward=column(steps, reward_dim),
        length=length,
        terminated=end < 1 / 3,
        truncated=end > 2 / 3,
    )


def _copy(trajectories: Trajectories) -> Trajectories:
    return Trajectories(**{name: column.clone() for name, column in trajectories.columns()})


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(nan=-7.7e7), other.nan_to_num(nan=-7.7e7))


def check_columns(name: str, made: Any, expected: Transitions) -> None:
    """Check shapes, types and numbers of what a scheme made, column by column.

    Args:
        name: of the scheme.
        made: what it returned.
        expected: transitions of the right shapes, such as plain one-step ones.

    Raises:
        ValueError: one line with the scheme, the column, and expected and actual.

    """
    if not isinstance(made, Transitions):
        raise ValueError(f"{name}.assign returned {type(made).__name__}: allowed is Transitions")
    for (column, actual), (_, wanted) in zip(made.columns(), expected.columns(), strict=True):
        if not isinstance(actual, Tensor):
            raise ValueError(f"{name}: {column} is a {type(actual).__name__}: allowed is a Tensor")
        if actual.shape != wanted.shape:
            raise ValueError(
                f"{name}: {column} has shape {list(actual.shape)}, expected {list(wanted.shape)}"
            )
        if actual.dtype != wanted.dtype:
            raise ValueError(f"{name}: {column} is {actual.dtype}, expected {wanted.dtype}")
        if actual.requires_grad:
            raise ValueError(f"{name}: {column} carries a gradient, expected none")
        if not bool(torch.isfinite(actual).all()):
            raise ValueError(
                f"{name}: {column} is not finite in {int((~torch.isfinite(actual)).sum())} places: "
                "were rows at or beyond the length of their segment read?"
            )


def check_proximal(name: str, scheme: CreditScheme, made: Transitions) -> None:
    """Refuse a scheme that fills ``proximal_log_prob`` without saying so: it would be overwritten.

    Raises:
        ValueError: naming the scheme and the trait to set.

    """
    untouched = torch.equal(made.proximal_log_prob, made.behaviour_log_prob)
    if not (scheme.sets_proximal or untouched):
        raise ValueError(
            f"{name}: proximal_log_prob is filled but the scheme has no attribute sets_proximal = "
            "True, without which the framework fills it itself"
        )


def _check_numbers(name: str, scheme: CreditScheme, made: Transitions, left: Tensor) -> None:
    """Steps within the segment, discounts, weights and the relabelled flag."""
    check_proximal(name, scheme, made)
    low, high = float(made.discount.min()), float(made.discount.max())
    if low < 0 or high > 1:
        raise ValueError(f"{name}: discount lies in [{low:g}, {high:g}], expected within [0, 1]")
    if bool((made.weight < 0).any()):
        raise ValueError(f"{name}: weight is {float(made.weight.min()):g}, expected at least 0")
    bad = (made.steps < 1) | (made.steps > left)
    if bool(bad.any()):
        at = int(bad.nonzero()[0])
        raise ValueError(
            f"{name}: steps is {int(made.steps[at])}, expected from 1 to {int(left[at])}, "
            "what is left of the segment"
        )
    if bool(made.relabelled.any()) and not scheme.relabels:
        raise ValueError(
            f"{name}: relabelled is set but the scheme has no attribute relabels = True, "
            "by which likelihood-ratio brains refuse it"
        )


def _run(
    name: str,
    scheme: CreditScheme,
    stored: Trajectories,
    segment: Tensor,
    time: Tensor,
    evaluator: Evaluator,
) -> Transitions:
    """Assign once; trajectories, indices and torch's own generator must stay as they were."""
    before, asked = _copy(stored), (segment.clone(), time.clone())
    state = torch.get_rng_state()
    try:
        made = scheme.assign(stored, segment, time, evaluator)
    except Exception as error:
        raise ValueError(f"{name}.assign raised {type(error).__name__}: {error}") from error
    if not torch.equal(state, torch.get_rng_state()):
        raise ValueError(
            f"{name} drew from torch's global generator: allowed is evaluator.generator"
        )
    for (column, now), (_, then) in zip(stored.columns(), before.columns(), strict=True):
        if not _same(now, then):
            raise ValueError(f"{name} wrote to the stored trajectories, column {column}")
    if not (torch.equal(segment, asked[0]) and torch.equal(time, asked[1])):
        raise ValueError(f"{name} wrote to the indices segment and time it was handed")
    return made


def check_scheme(
    scheme: Any, *, batch: int = 256, seed: int = 0, device: str = "cpu", **sizes: Any
) -> None:
    """Check a credit scheme on random trajectories and a stub Evaluator.

    Checked are: shape, type and finiteness of every column; that the stored trajectories and the
    indices are not written to; that one generator state gives one answer and torch's global
    generator is not used; steps in 1..L-t; discounts in [0, 1]; ``relabels`` where goals are
    flagged as relabelled. Rows that were never written hold NaN.

    Args:
        scheme: an object with ``assign``, or a name.
        batch: transitions asked for, B.
        seed: of the trajectories and of the scheme's random numbers.
        device: where the trajectories lie.
        sizes: of the trajectories, as in :func:`random_trajectories`, such as goal_dim=0.

    Raises:
        ValueError: one line with the scheme, the column, and expected and actual.

    """
    scheme = resolve(scheme, "scheme")
    name = type(scheme).__name__
    draw = Generator(device).manual_seed(seed)
    stored = random_trajectories(draw, **sizes)
    segment = torch.randint(len(stored), (batch,), generator=draw, device=device)
    left = stored.length[segment]
    time = (torch.rand(batch, generator=draw, device=device) * left).long()
    expected = stored.n_step(segment, time, torch.ones_like(time), 0.9)
    made = []
    for _ in range(2):
        same = Generator(device).manual_seed(seed + 1)
        evaluator = StubEvaluator(same, reward_dim=stored.reward.shape[-1])
        made.append(_run(name, scheme, stored, segment, time, evaluator))
        check_columns(name, made[-1], expected)
    for (column, one), (_, other) in zip(made[0].columns(), made[1].columns(), strict=True):
        if not torch.equal(one, other):
            raise ValueError(f"{name}: {column} differs between two runs of one generator state")
    _check_numbers(name, scheme, made[0], left - time)
