"""What all brains of an agent share."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from bnpo.config.base import Count, Fraction, Positive, Scale, config
from bnpo.config.network import NetworkConfig
from bnpo.errors import ConfigError

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

    on_policy_share: Fraction = 0.0
    """Share of the environments, the first ones, in which the policy itself acts (multiple 1); the
    multiples of ``exploration`` go to the others."""

    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Environment steps before the first turn of any brain; all environments explore with the
    largest multiple until then."""

    parameter_noise: Scale | None = None
    """Scale of the noise on the weights of the actor that explores, over the square root of a
    layer's inputs (0.5 in the paper on noisy layers); None: no noise. Evaluation and learning are
    without it."""

    resample_delay: Count = 1
    """Vector environment steps between renewals of the parameter noise, of one layer at a time."""

    freeze_delta: Count | None = None
    """Encoder freezing: period (learning rounds of a brain); None: it always learns. The encoder is
    the GRU memory that actor and critic share."""

    freeze_count: Count | None = None
    """Number of rounds at the end of each freeze_delta in which the encoder stays as it is."""

    max_log_ratio: Annotated[float, Field(gt=0, le=80)] = 10.0
    """Bound on |log ρ| of every importance ratio ρ; float32 holds e^80."""

    detach_actors: bool = True
    """Whether each brain owns a target actor; else all brains share one."""

    policies: Literal["shared", "copied", "swapped"] = "shared"
    """One online actor for all brains, or one for each of which the first acts; then what another
    brain's moves in its turn is added to the first, or the two change places."""

    policy_delay: Count = 5
    """Number of turns of the first brain between two copies of its own actor to the others."""

    detach_critics: bool = False
    """Whether each brain owns a critic and its target; else all share one critic."""

    detach_targets: bool = True
    """Whether each brain owns a slow copy of the critic that all share, with its own tau_critic;
    else all share one target critic, which every brain moves."""

    stable_probs: bool = False
    """The proximal log-probability comes from the brain's own target actor, not the online one."""

    trust: Literal["fixed", "annealed", "effective_sample_size", "calibration", "progress"] = (
        "fixed"
    )
    """How gradient steps and KL budgets are divided between the brains (see
    bnpo.agent.arbiter.Arbiter)."""

    trust_floor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Least share of its turn that a brain keeps, whatever the arbiter thinks of it."""

    trust_steps: Count = 50_000
    """Environment steps over which trust = 'annealed' goes from one kind of brain to the other."""

    max_steps: Count = 50
    """Longest segment (environment steps)."""

    replay_size: Count = 1_000_000
    """Capacity of the shared replay (transitions)."""

    networks: NetworkConfig = NetworkConfig()
    """Widths and options of actor and critic."""

    closed_form: bool = True
    """Gradients in closed form where a rule has them, and a leaner Adam: the same steps sooner.
    False takes automatic differentiation and torch's Adam throughout."""

    compile: Literal["auto", "off", "on"] = "auto"
    """Whether C++ takes the steps that have a closed form, several in one call: where there is a
    compiler, never, or always (an error without one). It is compiled once per machine, at a start;
    rounding differs from the steps one by one."""

    device: str = "cpu"
    """Torch device of networks, replay and pools; ``auto`` on the command line: cuda where there is
    such a device, else cpu."""

    dtype: Literal["float32", "float64"] = "float32"
    """Floating point type of networks, replay and pools."""

    def multiples(self, num_envs: int) -> tuple[float, ...]:
        """Return the multiple of sigma with which each environment draws its actions, [N]."""
        own = min(num_envs, math.ceil(self.on_policy_share * num_envs))
        ladder = self.exploration
        rest = (ladder[index % len(ladder)] for index in range(num_envs - own))
        return (1.0,) * own + tuple(rest)

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
        self._check_freezing()
        if self.compile == "on" and not self.closed_form:
            raise ConfigError(
                "AgentConfig.compile = 'on' with closed_form = False: allowed is 'auto' or 'off', "
                "since what is compiled are the steps in closed form; set closed_form=True"
            )
        networks = self.networks
        compiles = self.closed_form and self.compile != "off" and self.dtype == "float32"
        if networks.matmul == "bfloat16" and not compiles:
            raise ConfigError(
                f"NetworkConfig.matmul = 'bfloat16' with compile = {self.compile!r}, closed_form = "
                f"{self.closed_form} and dtype = {self.dtype!r}: allowed is 'float32', or compiled "
                "steps in single precision (compile='auto', closed_form=True, dtype='float32')"
            )
        if networks.memory is not None and self.max_steps < networks.memory_window:
            raise ConfigError(
                f"AgentConfig.max_steps = {self.max_steps} with networks.memory = "
                f"{networks.memory}: allowed is at least networks.memory_window = "
                f"{networks.memory_window}, since in shorter segments the memory's state cannot be "
                "computed anew; raise max_steps or lower networks.memory_window"
            )

    def _check_freezing(self) -> None:
        delta, count = self.freeze_delta, self.freeze_count
        if (delta is None) != (count is None):
            raise ConfigError(
                f"AgentConfig.freeze_count = {count} with freeze_delta = {delta}: allowed is to "
                "set both or neither"
            )
        if delta is None or count is None:
            return
        if count > delta:
            raise ConfigError(
                f"AgentConfig.freeze_count = {count}: allowed is from 1 to freeze_delta = {delta}"
            )
        if self.networks.memory is None:
            raise ConfigError(
                f"AgentConfig.freeze_delta = {delta} with networks.memory = None: allowed is None, "
                "since there is no encoder that learns; set networks.memory to freeze it"
            )
