"""What all brains of an agent share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from bnpo.config.base import ConfigError, Count, Positive, Scale, config
from bnpo.config.network import NetworkConfig

__all__ = ["AgentConfig"]


Finite = Annotated[float, Field(ge=-1e30, le=1e30)]
"""A number that every floating point type holds."""


@config
class AgentConfig:
    """What all brains of an agent share."""

    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Discount factor per environment step."""

    gamma_schedule: Any = None
    """Discount factor over environment steps, a function of the step such as
    bnpo.credit.annealing.AnnealedDiscount; None: gamma throughout. Credit keeps the discount under
    which it was assigned."""

    lr_critic: Positive = 1e-3
    """Learning rate of the critic, for brains that name none of their own."""

    clip_norm: Positive | None = None
    """Bound on the norm of each network's gradient; None: unbounded."""

    target_bounds: Annotated[tuple[Finite, Finite] | None, Field(strict=False)] = None
    """Known bounds of the return to which TD targets are clipped, (low, high)."""

    exploration: Annotated[tuple[Scale, ...], Field(strict=False, min_length=1)] = (1.0,)
    """Multiples of sigma with which environments 0, 1, ... draw their actions, repeated."""

    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Environment steps before the first turn of any brain; all environments explore with the
    largest multiple until then."""

    max_log_ratio: Annotated[float, Field(gt=0, le=80)] = 10.0
    """Bound on |log rho| of every importance ratio; float32 holds e^80."""

    detach_actors: bool = True
    """Each brain owns a target actor; else all brains share one."""

    policies: Literal["shared", "copied", "swapped"] = "shared"
    """One online actor for all brains, or one for each of which the first acts; then another
    brain's weights are copied to the first after its turn, or change places with them."""

    policy_delay: Count = 5
    """Turns of the first brain between two copies of its own actor to the others."""

    detach_critics: bool = False
    """Each brain owns a critic and its target; else all share one of each."""

    stable_probs: bool = False
    """The proximal log-probability comes from the brain's own target actor, not the online one."""

    max_steps: Count = 50
    """Longest segment (environment steps)."""

    replay_size: Count = 1_000_000
    """Capacity of the shared replay (transitions)."""

    networks: NetworkConfig = NetworkConfig()
    """Actor and critic."""

    device: str = "cpu"
    """Torch device of networks, replay and pools."""

    dtype: Literal["float32", "float64"] = "float32"
    """Floating point type of networks, replay and pools."""

    def __post_init__(self) -> None:
        """Check that a schedule is a function."""
        if self.gamma_schedule is not None and not callable(self.gamma_schedule):
            raise ConfigError(
                f"AgentConfig.gamma_schedule = {self.gamma_schedule!r}: allowed is None or a "
                "function from environment steps to a discount factor"
            )
        if self.target_bounds is not None and self.target_bounds[0] >= self.target_bounds[1]:
            raise ConfigError(
                f"AgentConfig.target_bounds = {self.target_bounds!r}: allowed is (low, high) with "
                "low below high"
            )
