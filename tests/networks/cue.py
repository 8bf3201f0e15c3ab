"""``Cue-v0``: what to do at the last step is shown at the first one alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Env
from gymnasium.envs.registration import register, registry
from gymnasium.spaces import Box
from numpy.typing import NDArray

ENV_ID = "Cue-v0"


class CueEnv(Env[NDArray[Any], NDArray[Any]]):
    """A cue c = +-1 is shown at step 0; the last step's reward is 1 - (a - 0.8 c)^2.

    Observations are [c or 0, time left]. Without memory the best is a = 0: return 0.36 of 1.
    """

    def __init__(self, steps: int = 4, render_mode: str | None = None) -> None:
        self.steps = steps
        self.render_mode = render_mode
        self.observation_space = Box(-1.0, 1.0, (2,), np.float64)
        self.action_space = Box(-1.0, 1.0, (1,), np.float64)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.cue = float(self.np_random.choice([-1.0, 1.0]))
        self.time = 0
        return np.array([self.cue, 1.0]), {}

    def step(self, action: NDArray[Any]) -> Any:
        self.time += 1
        ended = self.time == self.steps
        reward = 1.0 - (float(action[0]) - 0.8 * self.cue) ** 2 if ended else 0.0
        return np.array([0.0, 1.0 - self.time / self.steps]), reward, ended, False, {}


if ENV_ID not in registry:
    register(id=ENV_ID, entry_point=f"{__name__}:CueEnv")
