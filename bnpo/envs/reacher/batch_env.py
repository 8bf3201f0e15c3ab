"""Base of the environments that step a whole batch in one call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Space
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from bnpo.envs.arguments import refuse_unknown, require_actions, require_choice, require_int
from bnpo.envs.reacher.autoreset import autoreset_mode as parse_mode
from bnpo.envs.reacher.drawing import tile
from bnpo.envs.seeds import generator_in, seed_each
from bnpo.envs.vector_info import add_final, add_info

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]


class BatchEnv(VectorEnv[Any, npt.NDArray[Any], npt.NDArray[Any]]):
    """Seeding, episodes, autoreset and saved state; a subclass adds the physics.

    Environment i of a batch that was reset with seed s draws from its own generator, seeded s + i,
    and gives the numbers of a single environment that was reset with seed s + i. Episodes end by
    truncation after ``episode_steps`` steps, or earlier where :meth:`_terminated` says so. Step and
    reset return arrays that nothing writes to afterwards. ``final_obs`` and ``final_info`` follow
    Gymnasium's vector format.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }
    reset_options: ClassVar[tuple[str, ...]] = ()
    """Keys that ``reset(options=...)`` understands, besides ``reset_mask``."""

    draws_per_episode: ClassVar[int]
    """Number of uniform random numbers that begin an episode, D."""

    def __init__(
        self,
        *,
        num_envs: int,
        episode_steps: int,
        observation_space: Space[Any],
        action_space: Box,
        autoreset_mode: AutoresetMode | str,
        render_mode: str | None,
    ) -> None:
        """Prepare the bookkeeping of ``num_envs`` environments; nothing is simulated yet."""
        self.num_envs = require_int("num_envs", num_envs, minimum=1)
        if render_mode is not None:
            require_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.autoreset_mode = parse_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.episode_steps = episode_steps
        self.single_observation_space = observation_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.single_action_space = action_space
        self.action_space = batch_space(action_space, num_envs)
        self.generators: list[np.random.Generator] = []
        """One random generator per environment; empty before the first reset."""
        self.elapsed: npt.NDArray[np.int64] = np.zeros(num_envs, np.int64)
        """Number of steps since each episode began, [N]."""
        self._finished: BoolArray = np.zeros(num_envs, np.bool_)

    @abstractmethod
    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        """Put environments ``rows`` [K] at the start of an episode made of ``uniforms`` [K, D]."""

    def _draw_luck(self, row: int, generator: np.random.Generator) -> None:
        """Draw what chance will do in the coming episode of one environment, if anything."""

    @abstractmethod
    def _parse_options(self, options: Mapping[str, Any]) -> dict[str, FloatArray]:
        """Check reset options and return them one row per environment; changes nothing."""

    @abstractmethod
    def _apply_options(self, rows: IndexArray, options: dict[str, FloatArray]) -> None:
        """Replace what ``_begin`` drew for ``rows`` by what the parsed options fix."""

    @abstractmethod
    def simulate(self, actions: FloatArray) -> None:
        """Advance every environment by one step under finite ``actions`` [N, A]."""

    @abstractmethod
    def observe(self) -> Any:
        """Return fresh arrays [N, .], one or one for each key of the observation."""

    @abstractmethod
    def _outcome(self, observations: Any) -> tuple[FloatArray, dict[str, Any]]:
        """Return the reward [N] or [N, R] of the step just taken, and info arrays [N]."""

    def _terminated(self, observations: Any) -> BoolArray:
        """Return whether the step just taken ended each episode, [N]: never, if not overridden."""
        return np.zeros(self.num_envs, np.bool_)

    def disturb(self, actions: FloatArray) -> FloatArray:
        """Return the actions [N, A] that the motors carry out: these, unless a subclass adds luck.

        What chance does to a step happens here, so that :meth:`simulate` has none.
        """
        return actions

    @abstractmethod
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the physics, by name; :meth:`set_state` writes to them."""

    def drawn(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was drawn for the present episodes, by name; saved with :meth:`arrays`."""
        return {}

    @abstractmethod
    def refresh(self) -> None:
        """Recompute what is derived from :meth:`arrays` after these were written."""

    @abstractmethod
    def draw(self, index: int, *, size: int = 400) -> npt.NDArray[np.uint8]:
        """Return the picture of environment ``index`` [size, size, 3]."""

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin new episodes.

        Args:
            seed: s seeds environment i with s + i; a sequence holds one seed per environment; None
                goes on drawing from the generators as they are.
            options: ``reset_mask``, booleans [N] of the environments to reset (default: all), and
                the environment's own ``reset_options``, which hold for this one episode.

        Raises:
            ValueError: an unknown option, or one out of range.

        """
        options = dict(options or {})
        mask = self._reset_mask(options.pop("reset_mask", None))
        refuse_unknown(options, self.reset_options, what="reset option")
        parsed = self._parse_options(options)
        self._reseed(seed, mask)
        rows = np.flatnonzero(mask)
        self._start(rows)
        if parsed:
            self._apply_options(rows, parsed)
        self.refresh()
        return self.observe(), {}

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step every environment once; ``actions`` [N, A] beyond the Box are clipped to it.

        Raises:
            ValueError: actions of another shape, or not finite; nothing was simulated then.
            ResetNeeded: before the first reset, or after an episode's end without autoreset.

        """
        values = require_actions(actions, shape=self.action_space.shape or ())
        restarting = self._restarting()
        self.simulate(self.disturb(values))
        self.elapsed += 1
        if restarting is not None:
            self._start(np.flatnonzero(restarting))
            self.refresh()
        observations = self.observe()
        rewards, info = self._outcome(observations)
        terminations = self._terminated(observations)
        truncations = (self.elapsed >= self.episode_steps) & ~terminations
        ended = terminations | truncations
        infos: dict[str, Any] = {}
        if restarting is not None:
            rewards[restarting] = 0.0
            terminations[restarting] = ended[restarting] = False
            add_info(infos, info, ~restarting)
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and ended.any():
            add_final(infos, observations, info, ended)
            add_info(infos, info, ~ended)
            self._start(np.flatnonzero(ended))
            self.refresh()
            observations = self.observe()
        else:
            add_info(infos, info, None)
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._finished = ended
        return observations, rewards, terminations, truncations, infos

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Return the pictures of all environments, each [H, W, 3]; None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self.draw(index) for index in range(self.num_envs))

    def draw_grid(self, *, size: int = 200, columns: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the pictures of all environments, each of ``size`` pixels, in one [H, W, 3]."""
        pictures = [self.draw(index, size=size) for index in range(self.num_envs)]
        return tile(pictures, columns=columns)

    def get_state(self) -> dict[str, Any]:
        """Return everything that the future depends on, as arrays, lists, dicts and plain numbers.

        After ``other.set_state(env.get_state())`` both give the same numbers under the same
        actions, resets included.
        """
        return {
            "arrays": {name: array.copy() for name, array in self._saved().items()},
            "elapsed": self.elapsed.copy(),
            "finished": self._finished.copy(),
            "generators": [generator.bit_generator.state for generator in self.generators],
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go to a state that :meth:`get_state` of an equally configured batch returned.

        Raises:
            ValueError: the state belongs to another environment or another batch size.

        """
        arrays = self._saved()
        incoming = {**state.get("arrays", {}), "elapsed": state.get("elapsed")}
        for name, array in {**arrays, "elapsed": self.elapsed}.items():
            shape = np.shape(incoming.get(name, ()))
            if shape != array.shape:
                raise ValueError(f"state[{name!r}] has shape {shape}, allowed is {array.shape}")
        if len(state["generators"]) not in (0, self.num_envs):
            raise ValueError(
                f"state['generators'] holds {len(state['generators'])} generators, "
                f"allowed are num_envs={self.num_envs}"
            )
        for name, array in arrays.items():
            array[...] = incoming[name]
        self.elapsed[:] = incoming["elapsed"]
        self._finished = np.array(state["finished"], np.bool_)
        self.generators = [generator_in(saved) for saved in state["generators"]]
        self.refresh()

    def _saved(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays of a state."""
        return {**self.arrays(), **self.drawn()}

    def _reset_mask(self, mask: object) -> BoolArray:
        """Return which environments to reset [N]."""
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        array = np.asarray(mask)
        if array.shape != (self.num_envs,) or array.dtype != np.bool_ or not array.any():
            raise ValueError(
                f"reset_mask={mask!r} must be booleans of shape ({self.num_envs},), not all False"
            )
        if not self.generators and not array.all():
            raise ResetNeeded("reset_mask can leave environments out only after a full reset")
        return array

    def _reseed(self, seed: int | Sequence[int | None] | None, mask: BoolArray) -> None:
        """Seed the generators of the masked environments; without a seed only missing ones."""
        seeds = seed_each(seed, self.num_envs)
        if not self.generators:
            self.generators = [seeding.np_random(one)[0] for one in seeds]
            return
        for index in np.flatnonzero(mask):
            if seeds[index] is not None:
                self.generators[index] = seeding.np_random(seeds[index])[0]

    def _restarting(self) -> BoolArray | None:
        """Return which environments this step resets instead (NEXT_STEP), [N]; None if none."""
        if not self.generators:
            raise ResetNeeded("reset must be called before step")
        if not self._finished.any():
            return None
        if self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"environments {np.flatnonzero(self._finished).tolist()} have ended their episode: "
                "reset them, with options={'reset_mask': ...} for a part of the batch"
            )
        return self._finished.copy()

    def _start(self, rows: IndexArray) -> None:
        """Draw the start of an episode for ``rows`` [K], each from its own generator."""
        uniforms = np.empty((len(rows), self.draws_per_episode))
        for draw, row in zip(uniforms, rows, strict=True):
            generator = self.generators[row]
            generator.random(out=draw)
            self._draw_luck(row, generator)
        self._begin(rows, uniforms)
        self.elapsed[rows] = 0
        self._finished[rows] = False
