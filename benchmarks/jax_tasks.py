"""Goal tasks on which presets race SBX: the tasks, the presets and their rivals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Rival:
    """One algorithm of SBX with hindsight, observations normalised."""

    algorithm: str
    """Class of sbx"""

    settings: dict[str, Any]
    """Its arguments"""

    noise: float | None = None
    """Standard deviation of the action noise; None: the algorithm explores by itself"""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A goal task, our presets on it and their rivals."""

    env_id: str
    interval: int
    """Environment steps between evaluations"""

    steps: int
    """After which it is not solved"""

    presets: tuple[str, ...]
    rivals: dict[str, Rival]


_HER: dict[str, Any] = {"batch_size": 256, "buffer_size": 100_000, "learning_starts": 800}


_PLANAR = {**_HER, "learning_rate": 5e-3, "gamma": 0.92, "tau": 0.08}


# Ours are set by their presets; the rivals by searches on seeds 100-104.
TASKS = {
    "goal_reacher": Task(
        env_id="bnpo/GoalReacher-v0",
        interval=1_000,
        steps=30_000,
        presets=("bpo", "ddpg_her"),
        rivals={
            "sbx_td3_her": Rival(
                algorithm="TD3",
                settings={**_PLANAR, "train_freq": 25, "gradient_steps": 150},
                noise=0.4,
            ),
            "sbx_sac_her": Rival(
                algorithm="SAC", settings={**_PLANAR, "train_freq": 5, "gradient_steps": 40}
            ),
        },
    ),
    "fetch_reach": Task(
        env_id="FetchReach-v4",
        interval=200,
        steps=4_000,
        presets=("bpo", "ddpg_her"),
        rivals={
            "sbx_td3_her": Rival(
                algorithm="TD3",
                settings={
                    **_HER,
                    **{"learning_starts": 400, "learning_rate": 5e-3, "gamma": 0.95, "tau": 0.08},
                    **{"train_freq": 25, "gradient_steps": 300},
                },
                noise=0.4,
            )
        },
    ),
}
