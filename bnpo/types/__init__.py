"""Shared types: the task, trajectories as they happened, transitions with credit, protocols.

Data flows one way: environment -> :class:`Trajectories` -> a :class:`CreditScheme` ->
:class:`Transitions` -> a brain. Letters of shapes: S segments, T steps, B samples, O observation,
G goal, A action and R reward dimensions.
"""

from bnpo.types.protocols import CreditScheme, Evaluator, adopted
from bnpo.types.task import TaskSpec
from bnpo.types.trajectories import Rows, Trajectories
from bnpo.types.transitions import Transitions

__all__ = [
    "CreditScheme",
    "Evaluator",
    "Rows",
    "TaskSpec",
    "Trajectories",
    "Transitions",
    "adopted",
]
