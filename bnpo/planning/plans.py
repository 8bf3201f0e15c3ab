"""Options of the planner, and the plans that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnpo.config import Count, NonNegative, Positive, config
from bnpo.planning.dynamics import Dynamics, FloatArray
from bnpo.planning.riccati import Gains

__all__ = ["ILQR", "BoolArray", "IndexArray", "Plan"]

BoolArray = npt.NDArray[np.bool_]
"""Masks of plans."""
IndexArray = npt.NDArray[np.intp]
"""Indices of plans."""


@config
class ILQR:
    """Options of the planner."""

    iterations: Count = 30
    """Largest number of iterations of linearising, solving and trying."""

    tolerance: NonNegative = 1e-4
    """A trajectory is done once an iteration lowers its cost, or promises to, by less than this
    share of it."""

    line_search: Count = 6
    """Step sizes 1, 1/2, 1/4, ... that are tried side by side."""

    regularization: NonNegative = 1e-6
    """Initial μ, added to the curvature of the value of states; shrinks after a success, grows
    after a failure."""

    regularization_max: Positive = 1e6
    """A trajectory that fails beyond this μ is done."""

    epsilon: Positive = 1e-6
    """Change of states and actions in forward differences."""

    temperature: Positive = 1e-3
    """Temperature η of the guiding covariance η Q_uu⁻¹: cost that is worth one nat of entropy."""

    sigma_min: Positive = 0.02
    """Smallest scale of the guiding distribution, in units of the action."""

    sigma_max: Positive = 0.3
    """Largest scale of the guiding distribution, in units of the action."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """N trajectories of T steps with the controllers that hold them."""

    state: FloatArray
    """Nominal states x̄, [N, T+1, S]"""

    action: FloatArray
    """Nominal actions ū, [N, T, m]"""

    output: FloatArray
    """Outputs of the steps, [N, T, p]"""

    cost: FloatArray
    """Cost of each trajectory after every iteration, the first being the initial one, [I+1, N]"""

    converged: BoolArray
    """Whether the cost stopped falling before the iterations ran out, [N]"""

    gains: Gains
    """Controllers around the nominal trajectory; at a minimum k is zero"""

    covariance: FloatArray
    """Covariance of the guiding distribution, positive definite and bounded, [N, T, m, m]"""

    def __getitem__(self, rows: IndexArray) -> Plan:
        """Return the plans of some trajectories [K]."""
        gains = self.gains
        return Plan(
            state=self.state[rows],
            action=self.action[rows],
            output=self.output[rows],
            cost=self.cost[:, rows],
            converged=self.converged[rows],
            gains=Gains(
                feedback=gains.feedback[rows],
                feedforward=gains.feedforward[rows],
                curvature=gains.curvature[rows],
                promise=gains.promise[rows],
            ),
            covariance=self.covariance[rows],
        )

    def mean(self, dynamics: Dynamics, time: int, state: FloatArray) -> FloatArray:
        """Return the mean action g(x_t) = ū_t + K_t (x_t - x̄_t) in states [N, S], [N, m].

        There is one state of each trajectory. k_t is left out: the line search has found that the
        nominal actions are better without.
        """
        change = dynamics.difference(state, self.state[:, time])
        mean = self.action[:, time] + (self.gains.feedback[:, time] @ change[:, :, None])[:, :, 0]
        return np.clip(mean, dynamics.low, dynamics.high)
