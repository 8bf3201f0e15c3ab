"""A single Gymnasium environment that is a batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from bnpo.envs.arguments import require_actions
from bnpo.envs.reacher.batch_env import BatchEnv


class SingleEnv(gym.Env[Any, npt.NDArray[Any]]):
    """One environment of a :class:`BatchEnv`, in Gymnasium's single-environment interface.

    It owns a batch of one, so that both forms run the same code and give the same numbers.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, batch: BatchEnv) -> None:
        """Take ownership of ``batch``, a batch of one without autoreset."""
        self.batch = batch
        self.metadata = {key: batch.metadata[key] for key in type(self).metadata}
        self.render_mode = batch.render_mode
        self.observation_space = batch.single_observation_space
        self.action_space = batch.single_action_space
        self.reward_space = getattr(batch, "reward_space", None)

    @property
    def episode_steps(self) -> int:
        """Steps after which the environment truncates an episode."""
        return self.batch.episode_steps

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see :meth:`BatchEnv.reset` for what ``options`` may fix."""
        super().reset(seed=seed)
        self.batch.generators = [self.np_random]
        observations, info = self.batch.reset(options=options)
        return _first(observations), info

    def step(self, action: npt.NDArray[Any]) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step once; an action beyond the Box is clipped to it.

        Raises:
            ValueError: an action of another shape, or not finite; nothing was simulated then.
            ResetNeeded: before the first reset, or after the end of an episode.

        """
        actions = require_actions(action, shape=self.action_space.shape or ())
        observations, rewards, terminations, truncations, infos = self.batch.step(actions[None])
        reward = float(rewards[0]) if rewards.ndim == 1 else rewards[0]
        info = {key: values[0].item() for key, values in infos.items() if key[0] != "_"}
        return _first(observations), reward, bool(terminations[0]), bool(truncations[0]), info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the picture [H, W, 3]; None without a render mode."""
        return None if self.render_mode is None else self.batch.draw(0)

    def get_state(self) -> dict[str, Any]:
        """Return everything that the future depends on; see :meth:`BatchEnv.get_state`."""
        return self.batch.get_state()

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go to a state that :meth:`get_state` returned."""
        self.batch.set_state(state)
        if self.batch.generators:
            self.np_random = self.batch.generators[0]

    def close(self) -> None:
        """Release the simulator."""
        self.batch.close()


def _first(observations: Any) -> Any:
    """Return row 0 of the array, or of every array."""
    if isinstance(observations, dict):
        return {key: rows[0] for key, rows in observations.items()}
    return observations[0]
