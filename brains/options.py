"""Options that a rule may carry: the natural step, guiding samples, where Q is regressed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bnpo.config import Count, Fraction, NonNegative, Positive, config, nested

__all__ = ["Guidance", "Natural", "NaturalGradient", "Point"]

Point = Literal["auto", "point", "behaviour", "learning", "interpolate"]
"""Names of the regression points (see :func:`bnpo.brains.steps.critic.regression_point`)."""


@config
class NaturalGradient:
    """Options of a natural-gradient step: its length and how it is computed."""

    delta: Positive = 0.01
    """Largest mean KL(π_old || π_θ) that the step may reach (nats)."""

    damping: NonNegative = 0.1
    """Multiple of the identity added to the Fisher matrix."""

    iterations: Count = 10
    """Number of iterations of conjugate gradient."""

    backtracks: Annotated[int, Field(ge=0)] = 10
    """Number of steps tried by the line search; 0 takes the whole step without a search (NPG)."""

    shrink: Fraction = 0.5
    """Factor of the step's length from one try to the next."""


Natural = Annotated[NaturalGradient, BeforeValidator(nested(NaturalGradient))]
"""A rule's field: options of its natural step (as an object or its fields)."""


@config
class Guidance:
    """Guiding samples: how many, planned for what, spread how far.

    Distances are in units of the mean distance to the goal at the start, actions in units of half
    their range, so that one set of options fits many tasks.
    """

    plans: Count = 96
    """Number of starts and goals of the task for which a trajectory is planned."""

    samples: Count = 3
    """Number of trajectories drawn around each plan."""

    guesses: Count = 1
    """Number of first guesses of the actions, the same for every plan. The result of the first is
    kept where no other is clearly cheaper, so that neighbouring goals are reached alike."""

    guess: Positive = 0.01
    """Size of these guesses, constant over a trajectory: all components of the first are of this
    size, those of further ones drawn with this scale. A straight arm must be pushed to either side
    to have a slope; pushed harder it turns round and round, and plans stay there."""

    iterations: Count = 15
    """Largest number of iterations of iLQR."""

    action_weight: Positive = 0.05
    """Weight r of ½ r |u|² beside the distance to the goal."""

    smooth: Positive = 0.25
    """Distance to the goal below which it counts by its square."""

    temperature: Positive = 1e-3
    """Temperature η of the guiding covariance η Q_uu⁻¹."""

    sigma_min: Positive = 0.05
    """Smallest scale of the guiding distribution."""

    sigma_max: Positive = 0.2
    """Largest scale of the guiding distribution."""

    around: Annotated[int, Field(ge=0)] = 0
    """Further states for each of them at every step, at which the actor is fitted to the guiding
    distribution, too: put on the simulator around the plan, and never stepped."""

    spread: Positive = 3.0
    """Their scale around the plan, in units of that at which the samples lie."""

    fit_steps: Count = 2_000
    """Number of gradient steps of the actor's fit to the guiding samples, before anything else."""

    fit_batch: Count = 256
    """Number of transitions in one of these steps."""

    fit_lr: Positive = 2e-3
    """Learning rate of the fit."""
