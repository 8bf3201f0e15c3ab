"""What acts: an actor behind its normalisation, the agent's own or a copy that stays as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnpo.config import AgentConfig
from bnpo.networks import Actor, Encoder, ParameterNoise, Recall, gaussian

__all__ = ["Decision", "Observation", "Policy"]


class Observation(NamedTuple):
    """What a batch of environments shows."""

    observation: Tensor
    """[N, O]"""

    achieved_goal: Tensor
    """[N, G]"""

    desired_goal: Tensor
    """[N, G]"""


class Decision(NamedTuple):
    """Actions of a batch of environments with the distribution they were drawn from."""

    action: Tensor
    """[N, A], as drawn: clip it to the Box before it goes to an environment"""

    mu: Tensor
    """[N, A]"""

    sigma: Tensor
    """[N, A]"""

    log_prob: Tensor
    """[N]"""


class Policy:
    """Draws actions: π(· | s, g) = Normal(μ(s, g), m σ(s, g)), m the multiple of exploration.

    The agent's own policy holds the networks that its brains train. A :meth:`snapshot` holds copies
    of them, so that environments can be stepped elsewhere while the brains learn.
    """

    def __init__(
        self,
        encoder: Encoder,
        actor: Actor,
        config: AgentConfig,
        *,
        seed: int = 0,
        version: int = 0,
    ) -> None:
        """Act by these networks.

        Args:
            encoder: normalisation, frame history, memory
            actor: distribution of actions
            config: its exploration and warm-up
            seed: of parameter noise
            version: vector steps whose turns of the brains the networks have had

        """
        self.encoder = encoder
        self.actor = actor
        self.config = config
        self.seed = seed
        self.version = version
        scale = config.parameter_noise
        self.noise = None if scale is None else ParameterNoise(scale, config.resample_delay, seed)

    def tensors(
        self,
        shown: Mapping[str, NDArray[Any]],
        before: Observation | None = None,
        ended: NDArray[np.bool_] | None = None,
    ) -> Observation:
        """Observations of a batch of environments as state and goals of the networks.

        Args:
            shown: by the environments
            before: state and goals one step before, for what the policy recalls of the past; None:
                episodes begin here
            ended: [N], environments that show the first observation of a new episode; None: none

        """
        observation, achieved, desired = (
            self.tensor(shown[key]) for key in ("observation", "achieved_goal", "desired_goal")
        )
        if self.config.networks.observe_achieved_goal:
            observation = torch.cat((observation, achieved), -1)
        now = Observation(observation, achieved, desired)
        return self._recall(now, before, ended)

    def _recall(
        self, shown: Observation, before: Observation | None, ended: NDArray[np.bool_] | None
    ) -> Observation:
        """Let states hold what is recalled of the past, where the encoder recalls any."""
        encoder = self.encoder
        if not isinstance(encoder, Recall):
            return shown
        if before is None:
            return shown._replace(observation=encoder.start(shown.observation))
        state = encoder.follow(before.observation, shown.observation)
        if ended is not None and ended.any():
            begun = self.tensor(ended)[:, None]
            state = torch.where(begun, encoder.start(shown.observation), state)
        return shown._replace(observation=state)

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """Array on the networks' device, in their floating point type unless it holds booleans."""
        tensor = torch.from_numpy(array)
        dtype = torch.bool if tensor.dtype == torch.bool else getattr(torch, self.config.dtype)
        return tensor.to(self.config.device, dtype)

    @torch.no_grad()
    def act(self, shown: Observation, env_steps: int, generator: torch.Generator) -> Decision:
        """Draw actions.

        Args:
            shown: what the environments show
            env_steps: single-environment steps taken so far, which end the warm-up
            generator: source of the noise, on the networks' device

        """
        features = self.encoder(shown.observation, shown.desired_goal)
        if self.noise is None:
            mu, sigma = self.actor(features)
        else:
            mu, sigma = self.noise.act(self.actor, features, env_steps // len(features))
        if self.config.exploration != (1.0,):
            sigma = sigma * self._exploration(mu, env_steps)
        noise = torch.randn(mu.shape, device=mu.device, dtype=mu.dtype, generator=generator)
        action = mu + sigma * noise
        return Decision(action, mu, sigma, gaussian.log_prob(action, mu, sigma))

    def _exploration(self, mu: Tensor, env_steps: int) -> Tensor:
        """Multiples of sigma in each environment, [N, 1]."""
        multiples = self.config.exploration
        if env_steps < self.config.warmup_steps:
            multiples = (max(multiples),)
        ladder = torch.tensor(multiples, device=mu.device, dtype=mu.dtype)
        return ladder.repeat(-(-len(mu) // len(ladder)))[: len(mu), None]

    @torch.no_grad()
    def best_action(self, shown: Observation) -> Tensor:
        """Mean of the distribution, [N, A]: the policy that is evaluated."""
        mean: Tensor = self.actor(self.encoder(shown.observation, shown.desired_goal))[0]
        return mean

    def snapshot(self, version: int) -> Self:
        """Return a copy that stays as it is.

        Args:
            version: vector steps whose turns of the brains the networks have had

        """
        encoder, actor = copy.deepcopy((self.encoder, self.actor))
        actor.requires_grad_(False)
        return type(self)(encoder, actor, self.config, seed=self.seed, version=version)
