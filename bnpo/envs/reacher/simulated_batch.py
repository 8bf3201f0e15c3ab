"""Base of the batches that MuJoCo simulates: their settings, spaces and simulator."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Dict, Space
from gymnasium.vector import AutoresetMode

from bnpo.envs.arguments import config_from, shortened
from bnpo.envs.reacher.batch_env import BatchEnv
from bnpo.envs.reacher.simulator import BatchSimulator
from bnpo.envs.reacher.vector_goal_env import GOAL_KEYS

__all__ = ["SimulatedBatch", "goal_space"]


class SimulatedBatch(BatchEnv):
    """A batch of copies of one MuJoCo model."""

    config_class: ClassVar[type[Any]]
    """Dataclass of the environment's settings, one of which is ``episode_steps``."""

    action_dim: ClassVar[int] = 2
    """Number of components of an action, each in [-1, 1]."""

    config: Any
    """Settings of this batch."""

    def __init__(
        self,
        *,
        num_envs: int = 1,
        threads: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **settings: Any,
    ) -> None:
        """Make the batch.

        Args:
            num_envs: Environments in the batch.
            threads: MuJoCo threads; 0 steps in the calling thread, None takes as many as pay.
            autoreset_mode: What happens at the end of an episode, see Gymnasium's AutoresetMode.
            render_mode: ``"rgb_array"`` or None.
            max_episode_steps: Shortens ``episode_steps``; what ``gymnasium.make_vec`` passes on.
            **settings: Fields of the environment's :attr:`config_class`.

        """
        self.config = config_from(self.config_class, settings)
        super().__init__(
            num_envs=num_envs,
            episode_steps=shortened(self.config.episode_steps, max_episode_steps),
            observation_space=self._space(),
            action_space=Box(-1.0, 1.0, (self.action_dim,), np.float32),
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
        )
        self._simulator = self._new_simulator(threads)

    @classmethod
    def of_one(cls, render_mode: str | None, settings: dict[str, Any]) -> Self:
        """Return a batch of one, as a single environment with such settings wraps it."""
        config_from(cls.config_class, settings)  # refuses what only a batch takes
        mode = AutoresetMode.DISABLED
        return cls(threads=0, autoreset_mode=mode, render_mode=render_mode, **settings)

    @property
    def threads(self) -> int:
        """Number of threads that the simulator steps in; 0: the calling thread."""
        return self._simulator.threads

    @abstractmethod
    def _space(self) -> Space[Any]:
        """Return the space of what one environment observes."""

    @abstractmethod
    def _new_simulator(self, threads: int | None) -> BatchSimulator:
        """Start the simulator of all environments."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the physics, by name."""
        return {"physics": self._simulator.state}

    def refresh(self) -> None:
        """Do nothing: nothing is derived from the state."""

    def close_extras(self, **_: Any) -> None:
        """Stop the simulator's threads."""
        self._simulator.close()


def goal_space(observation_dim: int, goal_dim: int) -> Dict:
    """Return the space of a goal environment's observations, all unbounded (float64)."""
    sizes = (observation_dim, goal_dim, goal_dim)
    boxes = (Box(-np.inf, np.inf, (size,), np.float64) for size in sizes)
    return Dict(dict(zip(GOAL_KEYS, boxes, strict=True)))
