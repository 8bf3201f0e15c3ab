"""A vector form of the user's own, behind what the rollout loop expects of one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from bnpo.envs.lookup import discard, in_this_folder
from bnpo.envs.vector_info import kept
from bnpo.envs.workers.care import interrupting
from bnpo.envs.workers.object_state import StateReader, StateWriter
from bnpo.errors import WorkerError, headline

__all__ = ["OwnVectorEnv", "own_vector_env"]


def own_vector_env(
    spec: EnvSpec, num_envs: int, settings: dict[str, Any], timeout: float
) -> OwnVectorEnv | None:
    """Make the vector form of an environment; None, with a line that says why, where it is no use.

    Args:
        spec: of the environment
        num_envs: environments in the batch
        settings: keyword arguments of the environment
        timeout: longest time that one step or reset may take (seconds)

    """
    try:
        with warnings.catch_warnings(), in_this_folder():
            warnings.simplefilter("ignore")
            env = gym.make_vec(
                spec, num_envs=num_envs, vectorization_mode="vector_entry_point", **settings
            )
    except (Exception, SystemExit) as error:
        _tell(spec, f"cannot be made ({headline(error)})")
        return None
    mode = env.metadata.get("autoreset_mode")
    if mode is not AutoresetMode.SAME_STEP:
        discard(env)
        _tell(
            spec,
            f"has metadata['autoreset_mode'] = {mode}: used is one that resets in the step that "
            "ends an episode, gymnasium.vector.AutoresetMode.SAME_STEP",
        )
        return None
    return OwnVectorEnv(env, spec.id, timeout)


def _tell(spec: EnvSpec, why: str) -> None:
    logging.getLogger("bnpo.envs").warning(
        "%s: its vector form %s; its single form is stepped in its place", spec.id, why
    )


class OwnVectorEnv(VectorWrapper):
    """Copies what may be written to later, and gives flags and rewards their types.

    It lives in the process that trains: what raises, exits or hangs in Python is told, what aborts
    takes the process along.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], env_id: str, timeout: float) -> None:
        """Wrap a vector environment that resets in the step that ends an episode.

        Args:
            env: the environment
            env_id: its name in messages
            timeout: longest time that one step or reset may take (seconds)

        """
        super().__init__(env)
        self.env_id = env_id
        self.timeout = timeout
        self._calls = 0

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Reset; see the environment's own."""
        observations, infos = self._call("reset", seed=seed, options=options)
        return kept(observations), kept(infos)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step; see the environment's own."""
        actions = np.asarray(actions, self.action_space.dtype)
        returned = self._call("step", actions)
        observations, rewards, terminations, truncations, infos = returned
        ends = [np.array(flag, bool).reshape(self.num_envs) for flag in (terminations, truncations)]
        rewards = np.array(rewards, np.float64)
        if rewards.size == self.num_envs:
            rewards = rewards.reshape(self.num_envs)
        infos = {key: kept(value) for key, value in infos.items() if not key.startswith("bnpo/")}
        ended = ends[0] | ends[1]
        if ended.any():
            infos |= self._finals(infos, ended)
        return kept(observations), rewards, ends[0], ends[1], infos

    def _finals(self, infos: Mapping[str, Any], ended: Any) -> dict[str, Any]:
        """Observations that episodes ended with, one by one as Gymnasium has them."""
        finals = infos.get("final_obs", infos.get("final_observation"))
        if finals is None:
            raise WorkerError(
                f"{self.env_id}: its vector form ended episodes without infos['final_obs'], the "
                "observations that they ended with"
            )
        each = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(ended):
            if isinstance(finals, dict):
                each[row] = {key: part[row] for key, part in finals.items()}
            else:
                each[row] = finals[row]
        return {"final_obs": each, "_final_obs": ended}

    def get_state(self) -> dict[str, Any]:
        """Return what the environment's own get_state does, as plain data.

        Raises:
            ValueError: it has none, or what it returns is no data.

        """
        method = getattr(self.env.unwrapped, "get_state", None)
        if not callable(method):
            raise ValueError("its vector form has no get_state() and set_state(state)")
        return {"own": StateReader().read(method(), "get_state()")}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        base: Any = self.env.unwrapped
        packages = {type(base).__module__.partition(".")[0]}
        base.set_state(StateWriter(packages).write(None, state["own"]))

    def _call(self, name: str, *values: Any, **settings: Any) -> Any:
        try:
            with interrupting(self.timeout, lambda: self._calls), in_this_folder():
                returned = getattr(self.env, name)(*values, **settings)
        except (Exception, SystemExit) as error:
            raise WorkerError(
                f"{self.env_id}: {name} of its vector form failed: {headline(error)}"
            ) from error
        self._calls += 1
        return returned

    def close(self, **_: Any) -> None:
        """Close the environment; what it raises then comes too late to matter."""
        discard(self.env)
