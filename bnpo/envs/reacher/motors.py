"""Motors that fail by chance: noise on the torques, and a zone of the workspace to stall in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bnpo.envs.reacher.batch_env import BoolArray, FloatArray


class Motors:
    """Chance in the motors of a batch of arms.

    Each environment draws the luck of a whole episode from its own generator when the episode
    begins, so that a step of the batch is a few operations on arrays: ε [T, A] ~ N(0, 1) for the
    noise on the actions and u [T] ~ U[0, 1) for the stalls. At a step that begins with the
    fingertip inside the zone the motors stall if u < p: brakes hold the arm where it is, in this
    step and the following ones.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        episode_steps: int,
        action_dim: int,
        noise: float,
        zone: tuple[float, float, float] | None,
        probability: float,
        stall_steps: int | None,
    ) -> None:
        """Make room for the luck of every environment.

        Args:
            num_envs: N
            episode_steps: T
            action_dim: A
            noise: standard deviation of the noise, in units of the action
            zone: x, y and radius of the disc in which motors stall (metres); None: nowhere
            probability: p, that they do so in one step
            stall_steps: how long they stall (environment steps); None: until the episode ends

        """
        self.noise, self.zone, self.probability = noise, zone, probability
        self._duration = episode_steps + 1 if stall_steps is None else stall_steps
        self._scale = 1 if stall_steps is None else stall_steps
        self._last = episode_steps - 1
        self._rows = np.arange(num_envs)
        self._normals = np.zeros((num_envs, episode_steps if noise else 0, action_dim))
        self._uniforms = np.zeros((num_envs, episode_steps if zone else 0))
        self.remaining: npt.NDArray[np.int64] = np.zeros(num_envs, np.int64)
        """Number of steps for which each arm will yet stand still, [N]."""

    @property
    def certain(self) -> bool:
        """Whether chance plays no part: neither noise nor a zone is set."""
        return not self.noise and self.zone is None

    @property
    def stalled(self) -> BoolArray:
        """Whether each arm stands still because its motors stall, [N]."""
        held: BoolArray = self.remaining > 0
        return held

    @property
    def observation(self) -> FloatArray:
        """State of the motors as observed, [N]: 0 at work; stalled 1, or the share that is left."""
        return np.minimum(self.remaining / self._scale, 1.0)

    def draw(self, row: int, generator: np.random.Generator) -> None:
        """Draw the luck of an episode of one environment; where there is none, nothing is drawn."""
        if self.noise:
            generator.standard_normal(out=self._normals[row])
        if self.zone:
            generator.random(out=self._uniforms[row])

    def begin(self, rows: npt.NDArray[np.intp]) -> None:
        """Let the motors of these environments work again."""
        self.remaining[rows] = 0

    def disturb(
        self, actions: FloatArray, fingertip: FloatArray, elapsed: npt.NDArray[np.int64]
    ) -> FloatArray:
        """Let chance act on one step of every environment.

        Args:
            actions: [N, A]
            fingertip: [N, 2], where the step begins (metres)
            elapsed: [N], steps taken in each episode

        Returns:
            Actions [N, A], inside [-1, 1] before the noise is added.

        """
        step = np.minimum(elapsed, self._last)
        if self.zone:
            struck = self._uniforms[self._rows, step] < self.probability
            starts = self.inside(fingertip) & struck & (self.remaining == 0)
            self.remaining[starts] = self._duration
        if not self.noise:
            return actions
        return np.clip(actions, -1.0, 1.0) + self.noise * self._normals[self._rows, step]

    def inside(self, points: FloatArray) -> BoolArray:
        """Return whether points [..., 2] lie in the zone, [...]."""
        if self.zone is None:
            return np.zeros(points.shape[:-1], np.bool_)
        within: BoolArray = np.square(points - self.zone[:2]).sum(-1) <= self.zone[2] ** 2
        return within

    def pass_step(self) -> None:
        """Count one step of every stall."""
        np.maximum(self.remaining - 1, 0, out=self.remaining)

    def drawn(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the luck of the present episodes, by name."""
        luck: dict[str, npt.NDArray[np.float64]] = {}
        if self.noise:
            luck["motor_noise"] = self._normals
        if self.zone:
            luck["stall_luck"] = self._uniforms
        return luck
