"""``bench/PausingReacher-v0``: the goal Reacher whose every step takes a while, and is counted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import register, registry
from gymnasium.vector import AutoresetMode

from bnpo.envs.reacher.goal_reacher import GoalReacherVectorEnv
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv

ENV_ID = "pausing_env:bench/PausingReacher-v0"


class PausingReacherVectorEnv(GoalReacherVectorEnv):
    """A batch of goal Reachers, of which each step waits ``pause`` seconds for every environment.

    Vector steps of every process are counted in a file of ``folder``, which a kill does not lose.
    The first process to come waits ``slow`` times as long. In the process ``learner`` nothing is
    waited for and nothing counted.
    """

    def __init__(
        self, *, pause: float, folder: str, learner: int, slow: float = 1.0, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.pause, self.count = 0.0, np.zeros(1, np.int64)
        if os.getpid() == learner:
            return
        self.pause = pause * self.num_envs
        place = Path(folder)
        try:
            (place / "slow").touch(exist_ok=False)
            self.pause *= slow
        except FileExistsError:
            pass
        self.count = np.memmap(place / f"{os.getpid()}.steps", np.int64, "w+", shape=1)

    def step(self, actions: Any) -> Any:
        """Wait, count, and step."""
        time.sleep(self.pause)
        self.count += 1
        return super().step(actions)


class PausingReacherEnv(SingleGoalEnv):
    """One of them."""

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        mode = AutoresetMode.DISABLED
        batch = PausingReacherVectorEnv(
            threads=0, autoreset_mode=mode, render_mode=render_mode, **settings
        )
        super().__init__(batch)


if ENV_ID.partition(":")[2] not in registry:
    register(
        id=ENV_ID.partition(":")[2],
        entry_point=f"{__name__}:PausingReacherEnv",
        vector_entry_point=f"{__name__}:PausingReacherVectorEnv",
    )
