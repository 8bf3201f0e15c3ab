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

__all__ = ["STRATEGIES", "Strategy", "check_strategy", "choose", "episode", "final", "future"]

Strategy = Callable[[Trajectories, Tensor, Tensor, Generator], Tensor]
"""Chooses goals [B, G] for the transitions at (segment, time), both [B]."""


def _uniform(after: Tensor, end: Tensor, generator: Generator) -> Tensor:
    """Uniform whole numbers of after + 1 .. end, [B]."""
    u = torch.rand(after.shape, generator=generator, device=after.device)
    return (after + 1).add_((u * (end - after)).long())  # u <= 1 - 2^-24: never above end


def future(
    trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Goals achieved later, uniform over t+1..L (Andrychowicz et al. 2017), [B, G]."""
    at = _uniform(time, trajectories.length.index_select(0, segment), generator)
    return Rows(segment, at).of(trajectories.achieved_goal)


def final(
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,  # noqa: ARG001
    generator: Generator,  # noqa: ARG001
) -> Tensor:
    """Goal achieved at the end of the segment, at L, [B, G]."""
    return Rows(segment, trajectories.length[segment]).of(trajectories.achieved_goal)


def episode(
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,  # noqa: ARG001
    generator: Generator,
) -> Tensor:
    """Goals achieved anywhere in the segment, uniform over 1..L, [B, G]."""
    length = trajectories.length[segment]
    at = _uniform(torch.zeros_like(length), length, generator)
    return Rows(segment, at).of(trajectories.achieved_goal)


STRATEGIES: dict[str, Strategy] = {"future": future, "final": final, "episode": episode}
"""Strategies by name."""


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
    strategy: Any, trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
) -> Tensor:
    """Goals [B, G] by a strategy, its name, or a mixture {strategy: probability}.

    A mixture draws the strategy of each transition on its own.

    Raises:
        ConfigError: for trajectories without goals.

    """
    if trajectories.achieved_goal.shape[-1] == 0:
        raise ConfigError(
            "hindsight needs a goal environment, whose observations are a Dict with achieved_goal "
            "and desired_goal: these trajectories have no goals; use another credit scheme"
        )
    if not isinstance(strategy, Mapping):
        one: Strategy = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
        return one(trajectories, segment, time, generator)
    shares = torch.tensor(list(strategy.values()), dtype=torch.float64).cumsum(0).tolist()
    u = torch.rand(time.shape, generator=generator, device=time.device)
    goals: Tensor | None = None
    for part, below in reversed(list(zip(strategy, shares, strict=True))):
        chosen = choose(part, trajectories, segment, time, generator)
        goals = chosen if goals is None else torch.where((u < below)[:, None], chosen, goals)
    assert goals is not None
    return goals
