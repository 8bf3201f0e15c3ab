"""Shared types: the task, trajectories as they happened, transitions with credit, protocols.

Data flows one way: environment -> :class:`Trajectories` -> a :class:`CreditScheme` ->
:class:`Transitions` -> a brain. Letters of shapes: S segments, T steps, B samples, O observation,
G goal, A action and R reward dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.extras import on_use

if TYPE_CHECKING:
    from bnpo.types.protocols import CreditScheme, Evaluator, adopted, log_ratios
    from bnpo.types.task import InfoKey, TaskSpec
    from bnpo.types.trajectories import Rows, Trajectories
    from bnpo.types.transitions import Transitions

__all__ = [
    "CreditScheme",
    "Evaluator",
    "InfoKey",
    "Rows",
    "TaskSpec",
    "Trajectories",
    "Transitions",
    "adopted",
    "log_ratios",
]

__getattr__ = on_use(
    __name__,
    {
        "CreditScheme": "bnpo.types.protocols",
        "Evaluator": "bnpo.types.protocols",
        "InfoKey": "bnpo.types.task",
        "Rows": "bnpo.types.trajectories",
        "TaskSpec": "bnpo.types.task",
        "Trajectories": "bnpo.types.trajectories",
        "Transitions": "bnpo.types.transitions",
        "adopted": "bnpo.types.protocols",
        "log_ratios": "bnpo.types.protocols",
    },
)
