"""What a user does with an agent beside training: predict actions, save it, make it by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from bnpo.agent.brain import Brain
from bnpo.agent.policy import Policy
from bnpo.config import RunConfig
from bnpo.errors import ConfigError
from bnpo.networks import Actor, Encoder, Memory
from bnpo.types import TaskSpec
from bnpo.types.history import History
from bnpo.types.step import Observation

__all__ = ["Predictor", "Usable", "require_agent"]

_GOALS = ("achieved_goal", "desired_goal")


class Predictor:
    """A trained policy as a function of observations, single or batched.

    A policy that looks back (``networks.frame_history``, ``networks.memory``) takes the
    observations of an episode in their order; :meth:`reset` begins another one.
    """

    def __init__(self, policy: Policy, spec: TaskSpec, *, deterministic: bool = True) -> None:
        """Predict the actions of a policy.

        Args:
            policy: with its networks
            spec: the task, as its networks see it
            deterministic: play the mean action; else draw from the policy

        """
        self.policy = policy
        self.spec = spec
        self.deterministic = deterministic
        self._before: Observation | None = None

    def reset(self) -> None:
        """Begin an episode: the next observation is its first."""
        self._before = None

    def __call__(self, observation: Mapping[str, Any] | Any) -> NDArray[Any]:
        """Return an action [A] for a single observation, actions [N, A] for a batch.

        Args:
            observation: of a goal environment a dict of arrays, of any other an array

        Raises:
            ConfigError: it is not what the environment shows.

        """
        parts = self._parts(observation)
        single = parts["observation"].ndim == 1
        batch = {key: np.atleast_2d(part) for key, part in parts.items()}
        policy = self.policy
        state = policy.tensors(batch, self._before)
        if isinstance(policy.encoder, Memory):
            self._before = state
        with torch.no_grad():
            mu, sigma = policy.actor(policy.encoder(state.observation, state.desired_goal))
            action = mu if self.deterministic else mu + sigma * torch.randn_like(mu)
        actions = policy.playable(action)
        return actions[0] if single else actions

    def _parts(self, observation: Any) -> dict[str, NDArray[Any]]:
        """Return observation and goals as arrays of numbers, each [.] or [N, .]."""
        keys = ("observation", *_GOALS) if self.spec.is_goal_env else ("observation",)
        named = observation if isinstance(observation, Mapping) else {"observation": observation}
        if set(named) != set(keys):
            raise ConfigError(
                f"observation with {', '.join(map(str, named))}: allowed on {self.spec.env_id} is "
                + (f"a dict of {', '.join(keys)}" if len(keys) > 1 else "an array")
            )
        parts = {key: self._array(key, named[key]) for key in keys}
        shape = parts["observation"].shape[:-1]
        for key, part in parts.items():
            if part.shape[:-1] != shape:
                raise ConfigError(
                    f"{key} has the shape {part.shape}: allowed is {(*shape, part.shape[-1])}, as "
                    "many rows as the observation has"
                )
        for key in _GOALS:
            parts.setdefault(key, np.zeros((*shape, 0), np.float32))
        return parts

    def _array(self, key: str, value: Any) -> NDArray[Any]:
        """Return a part of the observation as an array [.] or [N, .] of the width of its space."""
        width = self.spec.goal_dim if key in _GOALS else self._observed
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            raise ConfigError(f"{key} = {value!r}: allowed is an array of numbers") from None
        if array.ndim not in (1, 2) or array.shape[-1] != width:
            raise ConfigError(
                f"{key} has the shape {array.shape}: allowed on {self.spec.env_id} is ({width},) "
                f"or (N, {width})"
            )
        if not np.isfinite(array).all():
            raise ConfigError(f"{key} holds a number that is not finite: {array}")
        return array

    @property
    def _observed(self) -> int:
        """Number of components of the environment's own observation, O."""
        encoder = self.policy.encoder
        normalizer = encoder.normalizer if isinstance(encoder, Memory) else encoder
        achieved = self.policy.config.networks.observe_achieved_goal
        return normalizer.observation_dim - (self.spec.goal_dim if achieved else 0)


class Usable:
    """The side of an agent that its user calls: predicting, saving, making one by name."""

    policy: Policy
    """The actor with its normalisation and its noise, as it acts"""

    encoder: Encoder
    """Normalisation, frame history and memory"""

    actor: Actor
    """The online actor"""

    spec: TaskSpec
    """The task, its observations as wide as the state that the networks see"""

    seed: int
    """Seed of everything that the agent draws"""

    brains: list[Brain]
    """The brains at work, in the order of their turns"""

    named: ClassVar[Callable[..., Any]]
    """Makes an agent of a preset's name, an environment and the keywords of ``for_env``; set by
    :mod:`bnpo.compose.reach` as soon as this module is imported"""

    saved: ClassVar[Callable[..., Path]]
    """Writes an agent into a folder; set there, too"""

    run: RunConfig | None = None
    """The whole configuration that the agent was made by, if it was made by one"""

    history: History | None = None
    """Evaluations of all calls of :func:`bnpo.train` so far"""

    folder: Path | None = None
    """Folder of the run that the last recorded training left"""

    acts_alone: str | None = None
    """Why the agent can act but not be trained; None: it can be trained"""

    def require_trainable(self) -> None:
        """Raise a ConfigError where the agent can act but not be trained."""
        if self.acts_alone is not None:
            raise ConfigError(self.acts_alone)

    def predict(self, observation: Any, *, deterministic: bool = True) -> NDArray[Any]:
        """Return an action [A] for a Gymnasium observation, actions [N, A] for a batch of them.

        Args:
            observation: of a goal environment a dict of arrays, of any other an array
            deterministic: play the mean action; else draw from the policy

        Raises:
            ConfigError: it is not what the environment shows, or the policy looks back in time and
                needs a :meth:`predictor`.

        """
        if isinstance(self.encoder, Memory):
            raise ConfigError(
                "predict() sees one observation alone, and this policy looks back in time "
                "(networks.frame_history, networks.memory): take agent.predictor()"
            )
        return self.predictor(deterministic=deterministic)(observation)

    def predictor(self, *, deterministic: bool = True) -> Predictor:
        """Return the policy as a function of observations, which may look back in time."""
        return Predictor(self.policy, self.spec, deterministic=deterministic)

    def save(self, path: str | Path) -> Path:
        """Write all of the agent into a folder, of which ``bnpo.load`` makes it again.

        Raises:
            ConfigError: the folder holds a recorded run.
            RunError: a file cannot be written.

        """
        return Usable.saved(self, Path(path))

    @classmethod
    def of_preset(cls, preset: str, env_id: str, **settings: Any) -> Self:
        """Return an agent of a preset; the settings are keywords of ``for_env``."""
        agent: Self = Usable.named(preset, env_id, **settings)
        return agent

    def load_policy(self, state: dict[str, Any]) -> None:
        """Take over actor and normalisation alone from a saved state: enough to act."""
        self.encoder.load_state_dict(state["encoder"])
        self.actor.load_state_dict(state["actor"])

    def __repr__(self) -> str:
        """Name the task and, line by line, the brains."""
        brains = "".join(f"    {brain.name}: {brain.step.rule},\n" for brain in self.brains)
        return f"Agent({self.spec.env_id}, seed={self.seed}, brains=[\n{brains}])"


def require_agent(value: Any) -> None:
    """Raise a ConfigError for what is no agent; a run's folder is the likeliest mistake."""
    if not isinstance(value, Usable):
        hint = "; bnpo.load makes the agent of a run" if isinstance(value, str | int | Path) else ""
        raise ConfigError(f"agent = {value!r}: allowed is a bnpo.Agent{hint}")
