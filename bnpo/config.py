"""Configuration: frozen, keyword-only, validated at construction, with one clear line per error.

Every public configuration object of BNPO is made with :func:`config`. A bad value is refused
when the object is made, with the object, the field, the value and what is allowed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

import pydantic
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as validated_dataclass

__all__ = [
    "AgentConfig",
    "BrainDescription",
    "ConfigError",
    "Count",
    "Fraction",
    "NetworkConfig",
    "NonNegative",
    "Positive",
    "Scale",
    "Sizes",
    "TrainConfig",
    "config",
    "nested",
]

T = TypeVar("T")

Count = Annotated[int, Field(ge=1)]
"""A whole number of at least one."""

Fraction = Annotated[float, Field(ge=0, le=1)]
"""A number in [0, 1]."""

Positive = Annotated[float, Field(gt=0)]
"""A number above zero."""

NonNegative = Annotated[float, Field(ge=0)]
"""A number of at least zero."""

Scale = Annotated[float, Field(ge=1e-6, le=1e6)]
"""A factor: what is smaller or larger makes densities that no floating point number can hold."""

Sizes = Annotated[tuple[Count, ...], Field(strict=False)]
"""Widths of hidden layers, input side first."""


class ConfigError(ValueError):
    """A value that cannot work, told in one line: where, what it is and what is allowed."""


def _one_line(name: str, error: ValidationError) -> str:
    errors = error.errors(include_url=False)
    first = errors[0]
    path = [str(first["loc"][0])] if len(errors) > 1 and first["loc"] else first["loc"]
    field = ".".join(str(part) for part in path)
    if first["type"] == "unexpected_keyword_argument":
        return f"{name} has no field {field!r}"
    if first["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"{name}.{field} is missing: it has no default"
    same = [found for found in errors if found["loc"][:1] == first["loc"][:1]]
    allowed = " or ".join(dict.fromkeys(_allowed(found["msg"]) for found in same))
    if not first["loc"]:
        return allowed  # __post_init__ has said it all
    return f"{name}.{field} = {first['input']!r}: allowed is {allowed}"


def _allowed(message: str) -> str:
    """Return what pydantic says is allowed, without its introduction."""
    for introduction in ("Input should be ", "Value error, ", "Tuple should have "):
        message = message.removeprefix(introduction)
    return message


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(pydantic.fields.Field,)
)
def config(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only, strictly validated dataclass.

    Its constructor raises :class:`ConfigError` (a ValueError) naming the first bad field.
    """
    rules = ConfigDict(
        strict=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )
    made: Any = validated_dataclass(frozen=True, kw_only=True, config=rules)(cls)
    validating_init: Callable[..., None] = made.__init__

    @functools.wraps(validating_init)
    def init(self: Any, *args: Any, **fields: Any) -> None:
        if args:
            raise ConfigError(f"{cls.__name__} takes its fields by keyword only")
        try:
            validating_init(self, **fields)
        except ValidationError as error:
            raise ConfigError(_one_line(cls.__name__, error)) from None

    made.__init__ = init
    checked: type[T] = made
    return checked


def nested(kind: type[Any]) -> Callable[[Any], Any]:
    """Return a validator that makes the named configuration object of a dict of its fields."""

    def make(value: Any) -> Any:
        return kind(**value) if isinstance(value, Mapping) else value

    return make


@config
class BrainDescription:
    """One brain: a learning rule, its schedule, its view of the replay and its targets.

    The field names are the article's own, so that its brain lists construct unchanged.
    """

    memory_size: Count
    """How far back into the shared replay this brain may look (transitions)."""

    batch_size: Count
    """Minibatch: samples in one gradient step (transitions)."""

    optim_pool_size: Count
    """Capacity of the brain's own pool of transitions with assigned credit (transitions)."""

    optim_epochs: Count
    """Minibatches taken from one draw of the pool, one gradient step each."""

    optim_batch_size: Count
    """Drawn from the pool at the start of a round; the brain waits until the pool holds so many."""

    recalc_delay: Annotated[int, Field(ge=0)]
    """Reanalysis: on average one round in recalc_delay + 1 re-assigns credit from the replay."""

    lr_actor: Positive
    """Learning rate of the brain's own optimizer over the shared actor."""

    learning_delay: Count
    """Steps of the vector environment between two turns of this brain."""

    learning_repeat: Count
    """Gradient steps in one turn: learning_repeat // optim_epochs rounds."""

    sync_delta_a: Count
    """Learning rounds between two updates of its target actor."""

    sync_delta_c: Count
    """Learning rounds between two updates of its target critic."""

    tau_actor: Fraction
    """Polyak coefficient of the target actor: target += tau (online - target)."""

    tau_critic: Fraction
    """Polyak coefficient of the target critic."""

    bellman: bool
    """True: pathwise, climb Q. False: likelihood ratio, weight log pi by the advantage."""

    ppo_eps: Annotated[float, Field(gt=0, lt=1)] | None
    """Clip range of the importance ratio, or None for no clip."""

    natural: bool
    """Precondition the actor's gradient with the inverse Fisher matrix."""

    mean_only: bool
    """No gradient through sigma inside Q."""

    separate_actors: bool
    """TD targets bootstrap from the brain's own target actor, else from one drawn at random."""

    prio_schedule: Callable[[int], float] | float | None = None
    """Exponent of the priorities over environment steps: a number or a function of the step."""

    credit: Any = None
    """Credit scheme or its name; None: HER for a pathwise brain on goals, GAE otherwise."""

    rule: Any = None
    """Learning rule or its name; None: derived from bellman, ppo_eps and natural."""

    sampler: Any = None
    """Sampling law of the pool or its name; None: uniform, or by importance ratio with a
    prio_schedule."""

    regress: Literal["auto", "point", "behaviour", "learning", "interpolate"] = "auto"
    """Where the critic is regressed (see bnpo.brains.critic.regression_point)."""

    climb: Literal["auto", "point", "distribution"] = "auto"
    """Where Q is climbed and bootstrapped: at (mu, 0) or at (mu, sigma). auto: point where
    the credit scheme relabels goals."""

    lr_critic: Positive | None = None
    """Learning rate of the brain's own optimizer over its critic; None: the agent's."""

    actor_delay: Count = 1
    """Critic steps per actor step."""

    name: str | None = None
    """How the brain is called in logs; None: its rule and position."""

    def __post_init__(self) -> None:
        """Check what one field alone cannot tell."""
        if not self.bellman and self.ppo_eps is None and self.rule is None:
            if self.natural:
                raise ConfigError(
                    "BrainDescription.natural = True with bellman=False, ppo_eps=None and "
                    "rule=None: the natural step has no objective to constrain; set rule='trpo', "
                    "another rule, or ppo_eps"
                )
            raise ConfigError(
                "BrainDescription.rule = None with bellman=False and ppo_eps=None: no learning "
                "rule follows from that; set ppo_eps for PPO or name a rule"
            )
        if not self.batch_size <= self.optim_batch_size <= self.optim_pool_size:
            raise ConfigError(
                f"BrainDescription.optim_batch_size = {self.optim_batch_size}: allowed is from "
                f"batch_size = {self.batch_size} to optim_pool_size = {self.optim_pool_size}"
            )
        if self.learning_repeat < self.optim_epochs:
            raise ConfigError(
                f"BrainDescription.learning_repeat = {self.learning_repeat}: allowed is at least "
                f"optim_epochs = {self.optim_epochs}, else a turn has no round"
            )


@config
class NetworkConfig:
    """Widths and options of the shared actor and the critic Q(s, g, mu, sigma)."""

    actor_hidden: Sizes = (64, 64)
    """Widths of the actor's hidden layers."""

    critic_hidden: Sizes = (64, 64)
    """Widths of the critic's hidden layers."""

    critics: Count = 1
    """Members of the critic ensemble."""

    reduce: Literal["min", "mean"] = "min"
    """How an ensemble is reduced in TD targets and in the pathwise objective."""

    layer_norm: bool = False
    """Layer normalisation after each hidden layer of the critic."""

    sigma: Literal["fixed", "global", "state"] = "global"
    """Policy scale: a constant, one learned number per action, or an output of the network."""

    sigma_init: Scale = 0.3
    """First policy scale, as a fraction of half the action range."""

    input_gain: Scale = 1.0
    """Factor on the first layers' initial weights: above 1 lets nearby goals look different."""

    sigma_min: Scale = 0.01
    """Lower bound of the policy scale, as a fraction of half the action range."""

    sigma_max: Scale = 1.0
    """Upper bound of the policy scale, as a fraction of half the action range."""

    observe_achieved_goal: bool = True
    """The state that actor and critic see holds the achieved goal beside the observation."""

    normalize: bool = True
    """Running normalisation of observations and goals."""

    normalize_clip: Scale = 5.0
    """Normalised inputs are clipped to this many standard deviations."""

    def __post_init__(self) -> None:
        """Check that the bounds of sigma hold its first value."""
        if not self.sigma_min <= self.sigma_init <= self.sigma_max:
            raise ConfigError(
                f"NetworkConfig.sigma_init = {self.sigma_init}: allowed is from sigma_min = "
                f"{self.sigma_min} to sigma_max = {self.sigma_max}"
            )


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

    target_bounds: Annotated[tuple[float, float] | None, Field(strict=False)] = None
    """Known bounds of the return to which TD targets are clipped, (low, high)."""

    exploration: Annotated[tuple[Scale, ...], Field(strict=False, min_length=1)] = (1.0,)
    """Multiples of sigma with which environments 0, 1, ... draw their actions, repeated."""

    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Environment steps before the first turn of any brain; all environments explore with the
    largest multiple until then."""

    max_log_ratio: Positive = 10.0
    """Bound on |log rho| of every importance ratio."""

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


@config
class TrainConfig:
    """One training run: how long, on how many environments, evaluated how often."""

    total_steps: Count = 40_000
    """Length of the run (single-environment steps)."""

    num_envs: Count = 8
    """Environments stepped as one batch."""

    eval_interval: Count = 1_000
    """Steps between evaluations (single-environment steps)."""

    eval_episodes: Count = 100
    """Episodes of one evaluation, on fixed evaluation seeds."""

    train_episode_steps: Count | None = None
    """Training episodes are cut to this many steps; None: as long as the environment's own."""

    solve_metric: Literal["success_rate", "mean_return", "mean_score"] | None = None
    """What decides when the task is solved; None: success_rate with goals, else mean_return."""

    solve_threshold: float = 0.95
    """Value of the metric from which on the task counts as solved."""

    stop_when_solved: bool = False
    """End the run at the first of two evaluations in a row at or above the threshold."""

    threads: Count = 1
    """Threads of torch and of the simulator; decides the last bits of a result."""

    checkpoint_interval: Count = 10_000
    """Steps between checkpoints (single-environment steps)."""

    checkpoint_keep: Count = 2
    """How many of the last checkpoints stay, beside the best policy."""
