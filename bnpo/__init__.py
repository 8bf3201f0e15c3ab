"""BNPO: hybrid on/off-policy reinforcement learning with one actor and several brains.

The names below load on first use, so that ``import bnpo`` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.extras import on_use
from bnpo.version import __version__ as __version__

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.config import (
        AgentConfig,
        BrainDescription,
        ConfigError,
        NetworkConfig,
        TrainConfig,
    )
    from bnpo.envs.checking import check_env
    from bnpo.interop.offline import from_minari, learn_offline, to_minari
    from bnpo.show.plotting import plot
    from bnpo.show.recording import watch
    from bnpo.study import Study, Sweep
    from bnpo.training import Trainer, train
    from bnpo.training.evaluation import Evaluation, evaluate
    from bnpo.types.history import History

__all__ = [
    "Agent",
    "AgentConfig",
    "BrainDescription",
    "ConfigError",
    "Evaluation",
    "History",
    "NetworkConfig",
    "Study",
    "Sweep",
    "TrainConfig",
    "Trainer",
    "check_env",
    "evaluate",
    "from_minari",
    "learn_offline",
    "plot",
    "to_minari",
    "train",
    "watch",
]

_HOMES = {
    "Agent": "bnpo.agent",
    "AgentConfig": "bnpo.config",
    "BrainDescription": "bnpo.config",
    "ConfigError": "bnpo.config",
    "Evaluation": "bnpo.training.evaluation",
    "History": "bnpo.types.history",
    "NetworkConfig": "bnpo.config",
    "Study": "bnpo.study",
    "Sweep": "bnpo.study",
    "TrainConfig": "bnpo.config",
    "Trainer": "bnpo.training",
    "check_env": "bnpo.envs.checking",
    "evaluate": "bnpo.training.evaluation",
    "from_minari": "bnpo.interop.offline",
    "learn_offline": "bnpo.interop.offline",
    "plot": "bnpo.show.plotting",
    "to_minari": "bnpo.interop.offline",
    "train": "bnpo.training",
    "watch": "bnpo.show.recording",
}


__getattr__ = on_use(__name__, _HOMES)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *__all__])
