"""BNPO: hybrid on/off-policy reinforcement learning with one actor and several brains.

The names below load on first use, so that ``import bnpo`` is cheap. The environments are registered
as soon as Gymnasium is imported, which has had no entry point for that since its version 1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.extras import import_after, on_use
from bnpo.version import __version__ as __version__

if TYPE_CHECKING:
    from bnpo import brains, config, credit, envs, presets, replay, runs
    from bnpo.compose.agents import Agent, make_agent
    from bnpo.config import (
        AgentConfig,
        BrainDescription,
        ConfigError,
        NetworkConfig,
        TrainConfig,
    )
    from bnpo.envs.checking import check_env
    from bnpo.experiment.calls import train
    from bnpo.interop.offline import from_minari, learn_offline, to_minari
    from bnpo.runs.saving import load
    from bnpo.show.plotting import plot
    from bnpo.show.recording import watch
    from bnpo.study import Study, Sweep
    from bnpo.training import Trainer
    from bnpo.training.evaluation import Evaluation, evaluate
    from bnpo.types.callback import Callback
    from bnpo.types.history import History

__all__ = [
    "Agent",
    "AgentConfig",
    "BrainDescription",
    "Callback",
    "ConfigError",
    "Evaluation",
    "History",
    "NetworkConfig",
    "Study",
    "Sweep",
    "TrainConfig",
    "Trainer",
    "brains",
    "check_env",
    "config",
    "credit",
    "envs",
    "evaluate",
    "from_minari",
    "learn_offline",
    "load",
    "make_agent",
    "plot",
    "presets",
    "replay",
    "runs",
    "to_minari",
    "train",
    "watch",
]

_HOMES = {
    "Agent": "bnpo.compose.agents",
    "AgentConfig": "bnpo.config",
    "BrainDescription": "bnpo.config",
    "Callback": "bnpo.types.callback",
    "ConfigError": "bnpo.config",
    "Evaluation": "bnpo.training.evaluation",
    "History": "bnpo.types.history",
    "NetworkConfig": "bnpo.config",
    "Study": "bnpo.study",
    "Sweep": "bnpo.study",
    "TrainConfig": "bnpo.config",
    "Trainer": "bnpo.training",
    "brains": "bnpo.brains",
    "config": "bnpo.config",
    "credit": "bnpo.credit",
    "envs": "bnpo.envs",
    "check_env": "bnpo.envs.checking",
    "evaluate": "bnpo.training.evaluation",
    "from_minari": "bnpo.interop.offline",
    "learn_offline": "bnpo.interop.offline",
    "load": "bnpo.runs.saving",
    "make_agent": "bnpo.compose.agents",
    "plot": "bnpo.show.plotting",
    "presets": "bnpo.presets",
    "replay": "bnpo.replay",
    "runs": "bnpo.runs",
    "to_minari": "bnpo.interop.offline",
    "train": "bnpo.experiment.calls",
    "watch": "bnpo.show.recording",
}


__getattr__ = on_use(__name__, _HOMES)

import_after("gymnasium.envs", "bnpo.envs")
import_after("bnpo.agent.predicting", "bnpo.compose.reach")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *__all__])
