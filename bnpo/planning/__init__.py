"""Iterative LQR: trajectories by repeated linearisation, with the controllers that hold them.

A plan is made on anything that steps batches of states (:class:`Dynamics`): a MuJoCo model
(:class:`MujocoDynamics`), or an environment that can be put into a state.
"""

from bnpo.planning.cost import Cost, Quadratic, quadratize, reaching_cost
from bnpo.planning.dynamics import Dynamics, Linear, MujocoDynamics, linearize
from bnpo.planning.plans import ILQR, Plan
from bnpo.planning.riccati import Gains, backward_pass, bounded_covariance
from bnpo.planning.solver import plan, plan_best

__all__ = [
    "ILQR",
    "Cost",
    "Dynamics",
    "Gains",
    "Linear",
    "MujocoDynamics",
    "Plan",
    "Quadratic",
    "backward_pass",
    "bounded_covariance",
    "linearize",
    "plan",
    "plan_best",
    "quadratize",
    "reaching_cost",
]
