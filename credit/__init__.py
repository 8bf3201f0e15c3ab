"""Credit assignment: stored trajectories in, what a brain learns from out.

A scheme is any object with ``assign(trajectories, segment, time, evaluator) -> Transitions``
(:class:`bnpo.types.CreditScheme`); it asks the agent through the Evaluator it is handed.
"""

from bnpo.credit.annealing import AnnealedDiscount, gamma_from_half_life
from bnpo.credit.checks import check_scheme
from bnpo.credit.gae import GAE
from bnpo.credit.her import HER
from bnpo.credit.kstep import with_later_ratios
from bnpo.credit.montecarlo import FullReturn, RewardToGo
from bnpo.credit.nstep import FloatingNStep, NStep
from bnpo.credit.registry import SCHEMES, resolve
from bnpo.credit.shifting import ShiftedGoals
from bnpo.credit.soft_gae import SoftGAE

__all__ = [
    "GAE",
    "HER",
    "SCHEMES",
    "AnnealedDiscount",
    "FloatingNStep",
    "FullReturn",
    "NStep",
    "RewardToGo",
    "ShiftedGoals",
    "SoftGAE",
    "check_scheme",
    "gamma_from_half_life",
    "resolve",
    "with_later_ratios",
]
