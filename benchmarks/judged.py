"""How peers of Stable-Baselines3's interface are judged while they train, as BNPO's runs are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

EPISODES = 100
"""Episodes of the mean action in an evaluation, on the same seeds for all."""


class Evaluation(NamedTuple):
    """What an evaluation found, and the time of training before it."""

    env_steps: int
    """Environment steps so far"""

    cpu_s: float
    """CPU seconds of training, evaluations left out"""

    wall_s: float
    """Seconds of training, evaluations left out"""

    success: float | None
    """Share of episodes with success at their last step; None where the task tells none"""

    mean_return: float
    """Mean undiscounted return"""


def judge(
    env_id: str,
    interval: int,
    is_solved: Callable[[list[Evaluation]], bool] | None = None,
    **env_kwargs: Any,
) -> Any:
    """Return a callback of Stable-Baselines3 that evaluates a model outside the measured time.

    What the model sees is normalised as its training environments (VecNormalize) have it. The
    evaluations are in the callback's ``curve``. From here on the task is registered.

    Args:
        env_id: the task
        interval: environment steps between two evaluations
        is_solved: ends the training once the curve satisfies it; None: nothing does
        env_kwargs: of the task

    """
    import numpy as np
    from stable_baselines3.common.callbacks import BaseCallback

    from bnpo.envs import make_vector_env
    from bnpo.envs.rollout import step_info
    from bnpo.seeding import EVALUATION_SEED

    episodes = make_vector_env(env_id, EPISODES, workers=0, threads=1, **env_kwargs)

    class Judge(BaseCallback):  # type: ignore[misc,unused-ignore]
        """Evaluates at every interval."""

        def __init__(self) -> None:
            super().__init__()
            self.curve: list[Evaluation] = []
            self.cpu_s = self.wall_s = 0.0

        def _on_training_start(self) -> None:
            self._go()

        def _go(self) -> None:
            self._cpu, self._wall = time.process_time(), time.perf_counter()

        def _on_step(self) -> bool:
            if self.num_timesteps % interval:
                return True
            self.cpu_s += time.process_time() - self._cpu
            self.wall_s += time.perf_counter() - self._wall
            seconds = round(self.cpu_s, 3), round(self.wall_s, 3)
            self.curve.append(Evaluation(self.num_timesteps, *seconds, *self._evaluate()))
            self._go()
            return is_solved is None or not is_solved(self.curve)

        def _on_training_end(self) -> None:
            episodes.close()

        def _evaluate(self) -> tuple[float | None, float]:
            observation, _ = episodes.reset(seed=EVALUATION_SEED)
            returns = np.zeros(EPISODES)
            while True:
                seen = self.training_env.normalize_obs(observation)
                action, _ = self.model.predict(seen, deterministic=True)
                observation, reward, _, truncated, infos = episodes.step(action)
                returns += reward
                if truncated.all():
                    success = float(step_info(infos, "is_success", EPISODES).mean())
                    told = None if np.isnan(success) else round(success, 3)
                    return told, round(float(returns.mean()), 4)

    return Judge()


def reaches(threshold: float) -> Callable[[list[Evaluation]], bool]:
    """Return whether the last two evaluations succeed as often as a threshold."""

    def is_solved(curve: list[Evaluation]) -> bool:
        return len(curve) > 1 and min(one.success or 0.0 for one in curve[-2:]) >= threshold

    return is_solved
