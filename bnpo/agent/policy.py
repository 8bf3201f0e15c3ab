"""The policy that acts: an actor behind its normalisation, the agent's own or a fixed copy."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnpo.agent.brain import Brain
from bnpo.config import AgentConfig
from bnpo.networks import Actor, Encoder, Memory, ParameterNoise, gaussian
from bnpo.types import Trajectories
from bnpo.types.step import Decision, Observation

__all__ = ["Normalization", "Policy"]


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
        first: int = 0,
        of: int | None = None,
    ) -> None:
        """Draw the actions of these networks.

        Args:
            encoder: normalisation, frame history, memory
            actor: distribution of actions
            config: its exploration and warm-up
            seed: of parameter noise
            version: vector steps of learning that the networks have had
            first: number of the first environment that it acts in
            of: number of all environments; None: it acts in all of them

        """
        self.encoder = encoder
        self.actor = actor
        self.config = config
        self.seed = seed
        self.version = version
        scale = config.parameter_noise
        self._first, self._of = first, of
        self._ladder: Tensor | None = None
        self._explores = config.exploration != (1.0,)
        self.noise = None if scale is None else ParameterNoise(scale, config.resample_delay, seed)

    def tensors(
        self,
        observations: Mapping[str, NDArray[Any]],
        before: Observation | None = None,
        ended: NDArray[np.bool_] | None = None,
    ) -> Observation:
        """Return observations as state and goals of the networks.

        See :meth:`bnpo.envs.rollout.Converter.tensors`; what the policy remembers of the past
        follows from the state one step ``before``.
        """
        observation, achieved, desired = (
            self.tensor(observations[key])
            for key in ("observation", "achieved_goal", "desired_goal")
        )
        if self.config.networks.observe_achieved_goal:
            observation = torch.cat((observation, achieved), -1)
        if isinstance(self.encoder, Memory):
            observation = self._state(self.encoder, observation, before, ended)
        return Observation(observation, achieved, desired)

    def _state(
        self,
        encoder: Memory,
        observation: Tensor,
        before: Observation | None,
        ended: NDArray[np.bool_] | None,
    ) -> Tensor:
        """Return states [N, S] that follow those before, or begin, with observations [N, O]."""
        if before is None:
            return encoder.start(observation)
        state = encoder.follow(before.observation, observation)
        if ended is not None and ended.any():
            begun = self.tensor(ended)[:, None]
            state = torch.where(begun, encoder.start(observation), state)
        return state

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """Return an array as a tensor of the networks' device and type, or of booleans."""
        tensor = torch.from_numpy(array)
        dtype = torch.bool if tensor.dtype == torch.bool else getattr(torch, self.config.dtype)
        return tensor.to(self.config.device, dtype)

    def playable(self, action: Tensor) -> NDArray[Any]:
        """Return actions [N, A] as the environments take them: clipped to the Box."""
        array: NDArray[Any] = self.actor.clip(action).cpu().numpy()
        return array

    @torch.no_grad()
    def act(self, observation: Observation, env_steps: int, generator: torch.Generator) -> Decision:
        """Draw the actions of all environments.

        Args:
            observation: what the environments show
            env_steps: single-environment steps taken so far, which end the warm-up
            generator: source of the noise, on the networks' device

        """
        features = self.encoder(observation.observation, observation.desired_goal)
        if self.noise is None:
            mu, sigma = self.actor(features)
        else:
            mu, sigma = self.noise.act(self.actor, features, env_steps // len(features))
        on_policy = None
        if self._explores:
            multiples = self._multiples(mu, env_steps)
            sigma = sigma * multiples[:, None]
            on_policy = multiples == 1.0
        if self.noise is not None:
            on_policy = torch.zeros(len(mu), dtype=torch.bool, device=mu.device)
        noise = torch.randn(mu.shape, device=mu.device, dtype=mu.dtype, generator=generator)
        action = mu + sigma * noise
        return Decision(action, mu, sigma, gaussian.log_prob(action, mu, sigma), on_policy)

    def _multiples(self, mu: Tensor, env_steps: int) -> Tensor:
        """Return the multiple of sigma in each environment, [N]."""
        config = self.config
        if env_steps < config.warmup_steps:
            return mu.new_full((len(mu),), max(config.exploration))
        ladder = self._ladder
        if ladder is None or len(ladder) != len(mu):
            multiples = config.multiples(self._of or len(mu))
            ladder = self._ladder = mu.new_tensor(multiples[self._first :][: len(mu)])
        return ladder

    @torch.no_grad()
    def best_action(self, observation: Observation) -> Tensor:
        """Return the mean action, [N, A], which is what evaluations play."""
        features = self.encoder(observation.observation, observation.desired_goal)
        mean: Tensor = self.actor(features)[0]
        return mean

    def decide(self, observation: Observation) -> Decision:
        """Return the mean action as a decision without noise."""
        mean = self.best_action(observation)
        return Decision(mean, mean, torch.zeros_like(mean), torch.zeros_like(mean[:, 0]))

    def snapshot(self, version: int) -> Self:
        """Return a copy that stays as it is while the brains learn.

        Args:
            version: vector steps of learning that the networks have had

        """
        encoder, actor = copy.deepcopy((self.encoder, self.actor))
        actor.requires_grad_(False)
        return type(self)(encoder, actor, self.config, seed=self.seed, version=version)


class Normalization:
    """Decides when new observations enter the statistics of normalisation: between rollouts.

    The statistics stay as they are until a likelihood-ratio brain has had its turn on the rollouts
    that were acted with them, and for good once the actor was fitted under them to guiding samples.
    """

    def __init__(self, encoder: Encoder, brains: Sequence[Brain]) -> None:
        """Hold the statistics of an encoder until they may change.

        Args:
            encoder: holds the statistics
            brains: the brains that learn from what was acted with them

        """
        self.encoder = encoder
        self.on_policy = [one for one in brains if not one.step.rule.pathwise]
        """Brains with a likelihood-ratio rule"""
        self.final = any(brain.step.rule.guidance is not None for brain in brains)
        """Whether the actor is fitted to guiding samples, under their statistics"""
        self.waiting = False
        """Whether any sample was counted since statistics last came into force"""

    def observe(self, trajectories: Trajectories, rows: Tensor) -> None:
        """Count the samples of finished segments [K]; the statistics in force stay."""
        steps = torch.arange(trajectories.observation.shape[1], device=rows.device)
        written = steps <= trajectories.length[rows, None]
        seen = (getattr(trajectories, name)[rows][written] for name in _SEEN)
        observation, *goals = seen
        self.encoder.observe(observation, torch.cat(goals))
        self.waiting = True

    def renew(self, *, first: bool = False) -> None:
        """Put the statistics of all samples so far in force, unless those in force are final.

        Args:
            first: put them in force although they will be final

        """
        if self.waiting and (first or not self.final):
            self.encoder.commit()
            self.waiting = False

    def may_change(self, vector_step: int) -> bool:
        """Return whether a rollout with new statistics may begin at this step."""
        return not self.final and any(one.due(vector_step) for one in self.on_policy)


_SEEN = ("observation", "achieved_goal", "desired_goal")
