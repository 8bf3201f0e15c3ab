"""Actor and critic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnpo.config.base import Count, Scale, Sizes, config
from bnpo.errors import ConfigError

__all__ = ["NetworkConfig"]


@config
class NetworkConfig:
    """Widths and options of the shared actor and the critic Q(s, g, mu, sigma)."""

    actor_hidden: Sizes = (64, 64)
    """Widths of the actor's hidden layers."""

    critic_hidden: Sizes = (64, 64)
    """Widths of the critic's hidden layers."""

    critics: Count = 1
    """Number of members of the critic ensemble."""

    reduce: Literal["min", "mean"] = "min"
    """How an ensemble is reduced in TD targets and in the pathwise objective."""

    layer_norm: bool = False
    """Whether each hidden layer of the critic is followed by layer normalisation."""

    matmul: Literal["float32", "bfloat16"] = "float32"
    """Type to which the factors of wide matrix products are rounded while learning; they are summed
    up in single precision. bfloat16 needs compiled steps (``AgentConfig.compile``) and a processor
    with AVX512-BF16, and pays from some hundred units on."""

    sigma: Literal["fixed", "global", "state"] = "global"
    """Policy scale: a constant, one learned number per action, or an output of the network."""

    sigma_init: Scale = 0.3
    """Initial policy scale, as a fraction of half the action range."""

    input_gain: Scale = 1.0
    """Factor on the first layers' initial weights: above 1 lets nearby goals look different."""

    sigma_min: Scale = 0.01
    """Lower bound of the policy scale, as a fraction of half the action range."""

    sigma_max: Scale = 1.0
    """Upper bound of the policy scale, as a fraction of half the action range."""

    observe_achieved_goal: bool = True
    """Whether the state that actor and critic see holds the achieved goal, too."""

    normalize: bool = True
    """Whether observations and goals are normalised by running statistics."""

    normalize_clip: Scale = 5.0
    """Bound of normalised inputs (standard deviations)."""

    frame_history: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of last observations that actor and critic see side by side, at an episode's start its
    first one repeated. The replay holds each so many times."""

    memory: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Number of units of a GRU memory over the observations of an episode, which actor and critic
    share and train with their own learning rates (a natural step leaves it to the critic); None: no
    memory. The goal joins after it."""

    memory_window: Annotated[int, Field(ge=1, le=1000)] = 8
    """Environment steps over which gradients reach back through the memory; what is further back
    is in its stored state. The replay holds each observation so many times."""

    def __post_init__(self) -> None:
        """Check that the bounds of sigma hold its first value."""
        if not self.sigma_min <= self.sigma_init <= self.sigma_max:
            raise ConfigError(
                f"NetworkConfig.sigma_init = {self.sigma_init}: allowed is from sigma_min = "
                f"{self.sigma_min} to sigma_max = {self.sigma_max}"
            )
