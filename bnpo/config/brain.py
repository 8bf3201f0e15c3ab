"""What one brain of a list is configured with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from bnpo.config.base import Count, Fraction, Positive, config
from bnpo.errors import ConfigError

__all__ = ["BrainDescription"]


Size = Count | Literal["rollout"]
"""A number of transitions, or what arrives between two turns."""


@config
class BrainDescription:
    """One brain: a learning rule, its schedule, its view of the replay and its targets.

    The field names are the article's own, so that its brain lists construct unchanged.
    """

    memory_size: Count
    """How far back into the shared replay this brain may look (transitions)."""

    batch_size: Size
    """Size of the minibatch of one gradient step (transitions). "rollout": an equal part of what
    has arrived since the brain's last turn, which optim_epochs minibatches use up."""

    optim_pool_size: Size
    """Capacity of the brain's own pool of transitions with assigned credit (transitions).
    "rollout": what arrives between two turns, whatever the number of environments."""

    optim_epochs: Count
    """Number of minibatches taken from one draw of the pool, one gradient step each."""

    optim_batch_size: Size
    """Size of a round's draw from its pool, which the brain waits to hold so many (transitions).
    "rollout": all that has arrived since its last turn, in a new order; never reanalysed."""

    recalc_delay: Annotated[int, Field(ge=0)]
    """Reanalysis: on average one round in recalc_delay + 1 re-assigns credit from the replay."""

    lr_actor: Positive
    """Learning rate of the brain's own optimizer over the shared actor."""

    learning_delay: Count
    """Number of steps of the vector environment between two turns of this brain."""

    learning_repeat: Count
    """Number of gradient steps in one turn: learning_repeat // optim_epochs rounds."""

    sync_delta_a: Count
    """Number of learning rounds between two updates of the brain's target actor."""

    sync_delta_c: Count
    """Number of learning rounds between two updates of the brain's target critic."""

    tau_actor: Fraction
    """Polyak coefficient τ of the target actor: target += τ (online - target)."""

    tau_critic: Fraction
    """Polyak coefficient τ of the target critic: target += τ (online - target)."""

    bellman: bool
    """Whether the actor climbs Q (pathwise); else log π is weighted by the advantage."""

    ppo_eps: Annotated[float, Field(gt=0, lt=1)] | None
    """Clip range ε of the importance ratio; None: no clip."""

    natural: bool
    """Whether the actor's gradient is preconditioned with the inverse Fisher matrix."""

    mean_only: bool
    """Whether the actor climbs Q by its mean alone, without a gradient through sigma."""

    separate_actors: bool
    """Whether TD targets bootstrap from the brain's own target actor; else from one at random."""

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
    """Where the critic is regressed (see bnpo.brains.steps.critic.regression_point)."""

    climb: Literal["auto", "point", "distribution"] = "auto"
    """Where Q is climbed and bootstrapped: at (mu, 0) or at (mu, sigma). auto: point where
    the credit scheme relabels goals."""

    lr_critic: Positive | None = None
    """Learning rate of the brain's own optimizer over its critic; None: the agent's."""

    sources: Literal["auto", "on_policy", "all"] = "auto"
    """Behaviour that the brain learns from: segments that the policy itself acted (exploration
    multiple 1), or all. auto: on_policy for a likelihood-ratio rule that does not weigh the data of
    other policies by itself."""

    critic: Literal["auto", "shared", "own"] = "auto"
    """Whether the brain has a critic of its own. auto: a likelihood-ratio brain beside one that
    climbs Q at (mu, 0) has, since the one critic cannot value both policies."""

    kl_budget: Positive | None = None
    """Mean KL between the policies before and after a turn, at states of the newest segments
    (nats): a turn that goes further is taken back in part, and trains the critic alone from there
    on. None: no bound."""

    actor_delay: Count = 1
    """Number of critic steps per actor step."""

    ess_floor: Fraction | None = None
    """Least effective sample size of the actor's minibatch, as a share of it, by the ratios of the
    learning policy to the ones that acted; below it ess_action is taken. None: no floor."""

    ess_action: Literal["skip", "shrink"] = "skip"
    """Below ess_floor: leave the actor's step out, or go (share / ess_floor) of its way."""

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
        sizes = (self.batch_size, self.optim_batch_size, self.optim_pool_size)
        if self.by_rollout:
            self._check_rollout(sizes)
        elif not self.batch_size <= self.optim_batch_size <= self.optim_pool_size:  # type: ignore[operator]
            raise ConfigError(
                f"BrainDescription.optim_batch_size = {self.optim_batch_size}: allowed is from "
                f"batch_size = {self.batch_size} to optim_pool_size = {self.optim_pool_size}"
            )
        if self.learning_repeat < self.optim_epochs:
            raise ConfigError(
                f"BrainDescription.learning_repeat = {self.learning_repeat}: allowed is at least "
                f"optim_epochs = {self.optim_epochs}, else a turn has no round"
            )

    @property
    def by_rollout(self) -> bool:
        """Whether the pool holds what arrived since the last turn."""
        return "rollout" in (self.batch_size, self.optim_batch_size, self.optim_pool_size)

    def _check_rollout(self, sizes: tuple[Any, ...]) -> None:
        """Refuse a rollout of which a part is counted, or that is drawn by priorities."""
        names = ("batch_size", "optim_batch_size", "optim_pool_size")
        for name, size in zip(names, sizes, strict=True):
            if size != "rollout":
                raise ConfigError(
                    f"BrainDescription.{name} = {size}: allowed is 'rollout', as the other two of "
                    f"{', '.join(names)} are, or numbers for all three"
                )
