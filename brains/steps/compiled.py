"""Several of DDPG's closed-form steps in one call of compiled C++.

Chosen once, in assembly, where :mod:`bnpo.brains.steps.closed_form` has the step and
``AgentConfig.compile`` allows it. The numbers are those of the steps one by one, up to rounding.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from bnpo.brains.steps.actor import ActorStepping, Delayed
from bnpo.brains.steps.closed_form import ClosedFormCritic, MeanClimb
from bnpo.brains.steps.draw import Draw
from bnpo.brains.steps.lean_adam import LeanAdam
from bnpo.brains.steps.learning_step import LearningStep, Learnt
from bnpo.brains.steps.native import build, structures
from bnpo.brains.steps.native.binding import Addresses, Moved, draw_at, parameters_of
from bnpo.networks import Actor, Normalizer

__all__ = ["CompiledSteps", "compiled"]

_POINTS = {"point": 0, "behaviour": 1, "auto": 2}
_SCALARS = 5


def compiled(step: LearningStep, mode: Literal["auto", "off", "on"]) -> CompiledSteps | None:
    """Return what takes a brain's steps in one call; None where they are taken one by one.

    The choice depends on the brain, the setting and the machine, never on the time that something
    takes: what is not compiled yet is compiled now.

    Args:
        step: of the brain
        mode: ``AgentConfig.compile``

    Raises:
        ConfigError: ``mode`` is "on" and there is no compiler.

    """
    climb, every = _climb(step.actor_step)
    if mode == "off" or climb is None or not _suits(step):
        return None
    dtype = climb.actor.half_range.dtype
    library = build.require_library(dtype) if mode == "on" else build.library(dtype)
    return None if library is None else CompiledSteps(step, climb, every)


def _climb(step: ActorStepping) -> tuple[MeanClimb | None, int]:
    """Return the climb of an actor's step, and critic steps per step of the actor."""
    if isinstance(step, Delayed):
        return _climb(step.step)[0], step.every
    return (step if isinstance(step, MeanClimb) else None), 1


def _suits(step: LearningStep) -> bool:
    """Whether C++ knows all that takes part in a brain's critic step."""
    critic_step, networks = step.critic_step, step.networks
    return (
        type(step) is LearningStep
        and isinstance(critic_step, ClosedFormCritic)
        and critic_step.regress in _POINTS
        and isinstance(networks.encoder, Normalizer)
        and not step.measures_ratio
        and networks.actor.half_range.device.type == "cpu"
    )


class CompiledSteps:
    """Takes the steps on one draw in one call, for a brain whose steps have a closed form.

    It holds nothing that decides a run: parameters, moments and step counts stay where the steps
    one by one have them.
    """

    def __init__(self, step: LearningStep, climb: MeanClimb, every: int) -> None:
        """Take the place of a learning step.

        Args:
            step: whose steps are taken
            climb: its step of the actor
            every: critic steps per step of the actor

        """
        self.step = step
        self.climb = climb
        self.every = every
        self._bound: _Bound | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bound": None}  # addresses hold for one process and one agent

    @torch.no_grad()
    def take_each(
        self, draw: Draw, bootstrap_actors: Sequence[Actor], resampled: bool, number: int
    ) -> list[Learnt]:
        """Take a gradient step on each minibatch of a draw.

        Args:
            draw: the minibatches
            bootstrap_actors: pi' of the TD target of each
            resampled: False
            number: gradient steps that the brain took before

        """
        if self._bound is None or not self._bound.holds():
            self._bound = _Bound(self.step, self.climb, self.every)
        bound, steps, batch = self._bound, len(bootstrap_actors), draw.batch
        plan, size = bound.plan, draw.size
        alive = draw_at(plan.draw, batch, draw.weight, bound.dtype)
        plan.target_actors = bound.actors(bootstrap_actors)
        plan.critic_adam.taken, plan.actor_adam.taken = bound.critic.taken, bound.actor.taken
        plan.batch, plan.steps, plan.first = size, steps, draw.first
        plan.number, plan.holds_actor = number, int(self.step.holds_actor)
        shape = (steps, plan.critic.members, size, plan.draw.rewards)
        error = batch.reward.new_empty(shape, dtype=bound.dtype)
        scalars = torch.empty(_SCALARS, steps, dtype=torch.float64)
        plan.error, plan.scalars = error.data_ptr(), scalars.data_ptr()
        bound.library.learn(ctypes.byref(plan))
        del alive
        return self._learnt(bound, error, scalars)

    def _learnt(self, bound: _Bound, error: Tensor, scalars: Tensor) -> list[Learnt]:
        """Count the steps, and tell what each found out."""
        climbed = scalars[-1].tolist()
        bound.critic.took(len(climbed))
        bound.actor.took(int(sum(climbed)))
        rows = zip(*(row.unbind() for row in scalars[:-1]), climbed, error.unbind(), strict=True)
        learnt: list[Learnt] = []
        for loss, q_value, critic_norm, actor_norm, moved, own in rows:
            info = {"critic_loss": loss}
            if bound.critic.clip_norm is not None:
                info["critic_gradient_norm"] = critic_norm
            if moved:
                info["q_value"] = q_value
                if bound.actor.clip_norm is not None:
                    info["actor_gradient_norm"] = actor_norm
            learnt.append(Learnt(info=info, error=own, log_ratio=None))
        return learnt


class _Bound:
    """A brain's networks and optimizers as C++ reads them, while they lie where they do."""

    def __init__(self, step: LearningStep, climb: MeanClimb, every: int) -> None:
        networks, critic_step = step.networks, step.critic_step
        actor, critic, encoder = networks.actor, networks.critic, networks.encoder
        actor_adam = climb.optimizer.optimizer
        assert isinstance(encoder, Normalizer)
        assert isinstance(actor_adam, LeanAdam)
        assert isinstance(critic_step.optimizer, LeanAdam)
        self.dtype = actor.half_range.dtype
        self.library = build.require_library(self.dtype)
        self.actor = Moved(parameters_of(actor), actor_adam, climb.optimizer.clip_norm)
        self.critic = Moved(parameters_of(critic), critic_step.optimizer, critic_step.clip_norm)
        self._others = [*parameters_of(networks.target_critic), encoder.shift, encoder.scale]
        self._targets: dict[int, structures.Actor] = {}
        self._target_parameters: list[Tensor] = []
        self._addresses = addresses = Addresses()
        self.plan = plan = structures.Plan()
        plan.actor = addresses.actor(actor)
        plan.critic = addresses.perceptron(critic)
        plan.target_critic = addresses.perceptron(networks.target_critic)
        plan.actor_adam, plan.critic_adam = (addresses.adam(m) for m in (self.actor, self.critic))
        if encoder.enabled:
            plan.shift, plan.scale = encoder.shift.data_ptr(), encoder.scale.data_ptr()
        plan.clip = encoder.clip
        plan.low, plan.high = step.target_bounds or (-float("inf"), float("inf"))
        plan.action_l2 = climb.action_l2
        plan.point, plan.least = int(step.climb_point), int(critic.reduce == "min")
        plan.regress, plan.every = _POINTS[critic_step.regress], every
        self._key = self._now()

    def _now(self) -> list[int]:
        """Where everything lies."""
        tensors = (*self.actor.tensors(), *self.critic.tensors())
        return [one.data_ptr() for one in (*tensors, *self._others, *self._target_parameters)]

    def holds(self) -> bool:
        """Whether everything still lies where C++ looks for it."""
        return self._now() == self._key

    def actors(self, actors: Sequence[Actor]) -> Any:
        """Return bootstrapping actors as C++ reads them."""
        for actor in actors:
            if id(actor) not in self._targets:
                self._targets[id(actor)] = self._addresses.actor(actor)
                self._target_parameters += parameters_of(actor)
                self._key = self._now()
        return (structures.Actor * len(actors))(*(self._targets[id(actor)] for actor in actors))
