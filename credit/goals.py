"""Strategies by which hindsight chooses goals, all of one signature.

``strategy(trajectories, segment, time, generator) -> goals [B, G]`` for transitions at
(segment, time), both [B]. A user's own strategy is any callable like that. Segments are cut at
the agent's ``max_steps``, so a goal comes from the segment of its transition, which is its
episode where episodes are not longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from bnpo.errors import ConfigError, did_you_mean
from bnpo.types import Rows, Trajectories

__all__ = [
    "STRATEGIES",
    "Strategy",
    "actual",
    "check_strategy",
    "choose",
    "episode",
    "final",
    "future",
    "other",
]

Strategy = Callable[[Trajectories, Tensor, Tensor, Generator], Tensor]
"""Chooses goals [B, G] for the transitions at (segment, time), both [B]."""


def _uniform(after: Tensor, end: Tensor, generator: Generator) -> Tensor:
    """Draw whole numbers uniform over after + 1 .. end, [B]."""
    u = torch.rand(after.shape, generator=generator, device=after.device)
    return (after + 1).add_((u * (end - after)).long())  # u <= 1 - 2^-24: never above end


def _future(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Rows:
    return Rows(segment, _uniform(time, trajectories.length.index_select(0, segment), generator))


def _final(
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,  # noqa: ARG001
    generator: Generator,  # noqa: ARG001
) -> Rows:
    return Rows(segment, trajectories.length[segment])


def _episode(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Rows:
    return Rows(segment, _uniform(torch.zeros_like(time), trajectories.length[segment], generator))


def _shift(time: Tensor, generator: Generator) -> int:
    """Draw how many places another transition of those asked for, [B], lies away."""
    most = max(len(time) - 1, 1)
    return 1 + int(torch.randint(most, (), generator=generator, device=time.device))


def _other(
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,
    generator: Generator,
) -> Rows:
    shift = _shift(time, generator)
    return _episode(trajectories, segment.roll(shift), time, generator)


def future(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Return the goals achieved later, uniform over t+1..L (Andrychowicz et al. 2017), [B, G]."""
    return _future(trajectories, segment, time, generator).of(trajectories.achieved_goal)


def final(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Return the goal achieved at the end of the segment, at L, [B, G]."""
    return _final(trajectories, segment, time, generator).of(trajectories.achieved_goal)


def episode(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Return the goals achieved anywhere in the segment, uniform over 1..L, [B, G]."""
    return _episode(trajectories, segment, time, generator).of(trajectories.achieved_goal)


def other(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Return the goals achieved anywhere in another transition's segment, [B, G].

    Whose outcome does not depend on this one's, so that no random outcome chose its own goal: the
    unbiased strategy where the world is random. Another of the transitions asked for is of the same
    segment about as often as that segment is among them.
    """
    return _other(trajectories, segment, time, generator).of(trajectories.achieved_goal)


def actual(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Return the goals that another transition pursued when it happened, [B, G].

    What is asked of the policy, where "future" shows what it reaches: in a mixture with "future"
    those are the "futureactual" goals of Pitis et al. 2020 (arXiv 2007.02832). They do not depend
    on the outcome, as those of "other" do not.
    """
    shift = _shift(time, generator)
    return Rows(segment.roll(shift), time.roll(shift)).of(trajectories.desired_goal)


STRATEGIES: dict[str, Strategy] = {
    "future": future,
    "final": final,
    "episode": episode,
    "other": other,
    "actual": actual,
}
"""Strategies by name."""

_ROWS = {"future": _future, "final": _final, "episode": _episode, "other": _other}
"""Where the goals of the strategies were achieved."""


def check_strategy(strategy: Any, name: str) -> None:
    """Refuse what is neither a strategy nor a mixture of them.

    Raises:
        ConfigError: with the name of the field, its value and what is allowed.

    """
    names = ", ".join(repr(known) for known in STRATEGIES)
    if isinstance(strategy, Mapping):
        for one in strategy:
            check_strategy(one, name)
        shares = list(strategy.values())
        numbers = all(isinstance(p, (int, float)) and 0 <= p <= 1 for p in shares)
        if not numbers or abs(sum(shares) - 1) > 1e-6:
            raise ConfigError(
                f"{name} = {strategy!r}: allowed are probabilities in [0, 1] that sum to 1"
            )
    elif isinstance(strategy, str):
        if strategy not in STRATEGIES:
            hint = did_you_mean(strategy, STRATEGIES)
            raise ConfigError(
                f"{name} = {strategy!r}: allowed is one of {names}, a callable "
                f"or a mapping of these to probabilities{hint}"
            )
    elif not callable(strategy):
        raise ConfigError(
            f"{name} = {strategy!r}: allowed is one of {names}, a callable "
            "or a mapping of these to probabilities"
        )


def choose(
    strategy: Any,
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,
    generator: Generator,
    *,
    moving: bool = False,
) -> Tensor:
    """Choose goals [B, G] at ``time`` by a strategy, its name, or a mixture of them.

    A mixture {strategy: probability} draws the strategy of each transition on its own. Where goals
    move, the goal that is reached at τ was at t where the desired one's way from t to τ leads back
    to: achieved_τ - (desired_τ - desired_t). Goals of a callable and those of "actual" are taken as
    they are at ``time``.

    Raises:
        ConfigError: for trajectories without goals.

    """
    if trajectories.achieved_goal.shape[-1] == 0:
        raise ConfigError(
            "hindsight needs a goal environment, whose observations are a Dict with achieved_goal "
            "and desired_goal: these trajectories have no goals; use another credit scheme"
        )
    if moving and isinstance(strategy, str) and strategy in _ROWS:
        reached = _ROWS[strategy](trajectories, segment, time, generator)
        way = reached.of(trajectories.desired_goal)
        way = way - Rows(segment, time).of(trajectories.desired_goal)
        return reached.of(trajectories.achieved_goal) - way
    if not isinstance(strategy, Mapping):
        one: Strategy = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
        return one(trajectories, segment, time, generator)
    shares = torch.tensor(list(strategy.values()), dtype=torch.float64).cumsum(0).tolist()
    u = torch.rand(time.shape, generator=generator, device=time.device)
    goals: Tensor | None = None
    for part, below in reversed(list(zip(strategy, shares, strict=True))):
        chosen = choose(part, trajectories, segment, time, generator, moving=moving)
        goals = chosen if goals is None else torch.where((u < below)[:, None], chosen, goals)
    assert goals is not None
    return goals
