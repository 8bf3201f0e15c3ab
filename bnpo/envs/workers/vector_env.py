"""A vector environment over worker processes, for environments that live in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from bnpo.envs.arguments import require_actions, require_int
from bnpo.envs.cores import available_cores
from bnpo.envs.seeds import seed_each
from bnpo.envs.vector_info import RESTARTED, collect
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.crew import Crew
from bnpo.envs.workers.handles import Factory
from bnpo.envs.workers.shared_arrays import (
    observation_parts,
    step_layout,
)
from bnpo.envs.workers.worker import Told
from bnpo.errors import WorkerError


class WorkerVectorEnv(VectorEnv[Any, npt.NDArray[Any], npt.NDArray[Any]]):
    """Environments in as many processes as there are cores, each stepping a chunk of them.

    The calling process is one of them, so that it does not idle while the others step: on two
    cores that is worth a sixth of the speed. ``in_caller=False`` keeps it out, and with it an
    environment that might take the process down.
    Observations, actions, rewards and flags lie in shared memory. Results come in the order of the
    environments whatever process is faster, and equal those of Gymnasium's SyncVectorEnv with the
    same autoreset mode. Workers are fresh interpreters that import neither the main script nor
    what it has loaded, so that scripts need no ``if __name__ == "__main__"``. A worker that fails
    ends them all: its traceback is raised as a :class:`WorkerError`. Where restarts are asked
    for, another process takes over with fresh episodes instead; the step in which that happened
    has ``infos["bnpo/restarted"]``, booleans [N], with zero reward and no end of the episode there.
    """

    def __init__(
        self,
        factory: Factory,
        *,
        num_envs: int,
        workers: int | None = None,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        care: WorkerCare | None = None,
        in_caller: bool = True,
    ) -> None:
        """Start the workers and make the environments.

        Args:
            factory: Makes one environment; it is sent to the workers by cloudpickle.
            num_envs: Environments in the batch.
            workers: Processes, the calling one included if it steps; None takes one per core.
                Never more than ``num_envs``.
            autoreset_mode: What happens at the end of an episode, see Gymnasium's AutoresetMode.
            care: What to do about workers that die, hang or raise.
            in_caller: Step the first chunk in the calling process; never where workers are
                restarted.

        """
        self.num_envs = require_int("num_envs", num_envs, minimum=1)
        self.care = care or WorkerCare()
        in_caller = in_caller and self.care.on_failure == "stop"
        count = available_cores() if workers is None else require_int("workers", workers, minimum=1)
        self.autoreset_mode = autoreset_mode
        self.crew = Crew(factory, num_envs, autoreset_mode, self.care)
        self.restarts = self.crew.restarts
        parts = np.array_split(np.arange(num_envs), min(count, num_envs))
        chunks = [range(rows[0], rows[-1] + 1) for rows in parts]
        try:
            answers = self.crew.start(chunks, in_caller=in_caller)
        except WorkerError as error:
            if isinstance(error.__cause__, ValueError):  # the factory's own complaint
                raise error.__cause__ from error
            raise
        self._share(answers[0])
        self.ended = np.zeros(num_envs, np.bool_)
        self._rehearsed = bool(answers[0]["known"])

    def _share(self, first: dict[str, Any]) -> None:
        """Take the spaces of the first environment and share the arrays that they need."""
        self.metadata = {**first["metadata"], "autoreset_mode": self.autoreset_mode}
        self.render_mode = first["render_mode"]
        self.spec = first["spec"]
        self.single_observation_space = first["observation_space"]
        self.single_action_space = first["action_space"]
        self.reward_space = first["reward_space"]
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        try:
            layout = step_layout(
                self.single_observation_space,
                self.single_action_space,
                self.reward_space,
                self.num_envs,
            )
            self.arrays = self.crew.share(layout)
        except BaseException:
            self.close()
            raise

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``; s seeds i with s + i."""
        seeds = seed_each(seed, self.num_envs)
        self.restarts.seed(seeds)
        options = None if options is None else dict(options)
        mask = (options or {}).pop("reset_mask", np.ones(self.num_envs, np.bool_))
        if np.shape(mask) != (self.num_envs,) or not np.any(mask):
            raise ValueError(f"reset_mask={mask!r} must be booleans of shape ({self.num_envs},)")
        requests = [
            (seeds[worker.slice], np.asarray(mask, np.bool_)[worker.slice], options)
            for worker in self.crew.workers
        ]
        infos = self._infos(self.crew.request("reset", requests))
        self.ended[mask] = False
        self.restarts.lost[mask] = False
        return self._observations(), infos

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[
        Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]
    ]:
        """Step every environment once.

        Raises:
            ValueError: actions of another shape, or not finite; no environment was stepped then.
            WorkerError: an environment raised an error or hangs, or its process died, and was not
                restarted.

        """
        self.arrays["actions"][:] = require_actions(actions, shape=self.action_space.shape or ())
        if self.autoreset_mode is AutoresetMode.DISABLED and self.ended.any():
            raise gym.error.ResetNeeded(
                f"environments {np.flatnonzero(self.ended).tolist()} have ended their episode"
            )
        infos = self._infos(self.crew.request_all("step"))
        terminations = self.arrays["terminations"].copy()
        truncations = self.arrays["truncations"].copy()
        self.ended = terminations | truncations
        rewards = self.arrays["rewards"].copy()
        lost = self.restarts.take_lost()
        if lost is not None:
            infos[RESTARTED] = lost
        return self._observations(), rewards, terminations, truncations, infos

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method, or get an attribute, of every environment."""
        answers = self.crew.request_all("call", name, args, kwargs)
        return tuple(result for chunk in answers for result in chunk)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Get an attribute of every environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of every environment, to one value or to a list with one for each."""
        each = values if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(each) != self.num_envs:
            raise ValueError(f"values={values!r} must be one value, or num_envs={self.num_envs}")
        self.crew.set_attr(name, list(each))

    def get_state(self) -> dict[str, Any]:
        """Return everything that the future depends on, as arrays, lists, dicts and plain numbers.

        Raises:
            ValueError: naming what cannot tell its state.

        """
        chunks = self.crew.request_all("get_state")
        for part in chunks:
            if isinstance(part, str):
                raise ValueError(part)
        if not self._rehearsed:
            if (fault := self.crew.rehearse()) is not None:
                raise ValueError(fault)
            self._rehearsed = True
        return {
            "envs": [state for chunk in chunks for state in chunk],
            "ended": self.ended.copy(),
            **self.restarts.get_state(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go to a state that :meth:`get_state` of an equally configured one returned.

        Raises:
            ValueError: it is of another number of environments.

        """
        states, ended = list(state["envs"]), np.asarray(state["ended"], np.bool_)
        if len(states) != self.num_envs:
            raise ValueError(f"the state is of {len(states)} environments, not {self.num_envs}")
        requests = [(states[w.slice], ended[w.slice]) for w in self.crew.workers]
        self.crew.request("set_state", requests)
        self.ended = ended.copy()
        self.restarts.set_state(state)

    def render(self) -> tuple[Any, ...] | None:
        """Return the pictures of all environments."""
        return self.call("render")

    def close_extras(self, **_: Any) -> None:
        """End the workers."""
        if hasattr(self, "crew"):  # else it was refused at once
            self.crew.end()

    def __del__(self) -> None:
        """End the workers of an environment that nobody closed."""
        self.close()

    def _observations(self) -> Any:
        """Return copies of the shared observations."""
        parts = observation_parts(self.single_observation_space)
        copies = {key: self.arrays[f"observation/{key}"].copy() for key in parts}
        return copies.get("", copies)

    def _infos(self, chunks: list[Told]) -> dict[str, Any]:
        """Return the infos in Gymnasium's vector format."""
        infos = collect(
            self.num_envs, (final_info for present, _ in chunks for final_info in present)
        )
        finals = [final for _, ended in chunks for final in ended]
        if finals:
            final_obs, mask = (
                np.full(self.num_envs, None, object),
                np.zeros(self.num_envs, np.bool_),
            )
            for row, observation, _ in finals:
                final_obs[row], mask[row] = observation, True
            infos["final_obs"], infos["_final_obs"] = final_obs, mask
            final_info = collect(self.num_envs, ((row, info) for row, _, info in finals))
            infos["final_info"], infos["_final_info"] = final_info, mask.copy()
        return infos
