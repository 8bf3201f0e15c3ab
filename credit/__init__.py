"""Credit assignment: stored trajectories in, what a brain learns from out.

A scheme is any object with ``assign(trajectories, segment, time, evaluator) -> Transitions``
(:class:`bnpo.types.CreditScheme`); it asks the agent through the Evaluator it is handed.
"""

from bnpo.credit.gae import GAE
from bnpo.credit.her import HER
from bnpo.credit.montecarlo import FullReturn, RewardToGo
from bnpo.credit.nstep import FloatingNStep, NStep
from bnpo.credit.registry import SCHEMES, resolve

__all__ = [
    "GAE",
    "HER",
    "SCHEMES",
    "FloatingNStep",
    "FullReturn",
    "NStep",
    "RewardToGo",
    "resolve",
]
