"""Several steps of DDPG or PPO in one call of compiled C++.

Chosen once, in assembly, where ``AgentConfig.closed_form`` and ``AgentConfig.compile`` allow it.
The numbers are those of the steps one by one, up to rounding.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from bnpo import compiling
from bnpo.brains.rules.ddpg import DDPG
from bnpo.brains.rules.ppo import PPO
from bnpo.brains.steps.actor import ActorStep, Delayed, Draw
from bnpo.brains.steps.closed_form import ClosedFormCritic, MeanClimb
from bnpo.brains.steps.learning_step import LearningStep, Learnt
from bnpo.brains.steps.native import build, structures
from bnpo.brains.steps.native.binding import Addresses, Moved, Rows, parameters_of
from bnpo.brains.steps.optimizers import GradientStep, LeanAdam
from bnpo.compiling import Mode
from bnpo.errors import ConfigError
from bnpo.networks import Actor, Critic, Normalizer

__all__ = ["CompiledSteps", "Matmul", "compiled"]

_POINTS = {"point": 0, "behaviour": 1, "auto": 2}
_SCALARS = 6
_INSTRUCTIONS = "avx512_bf16"
Matmul = Literal["float32", "bfloat16"]
"""``NetworkConfig.matmul``"""


def compiled(step: LearningStep, mode: Mode, matmul: Matmul = "float32") -> CompiledSteps | None:
    """Return what takes a brain's steps in one call; None where they are taken one by one.

    The choice depends on the brain, the setting and the machine, never on the time that something
    takes: what is not compiled yet is compiled now.

    Args:
        step: of the brain
        mode: ``AgentConfig.compile``
        matmul: ``NetworkConfig.matmul``

    Raises:
        ConfigError: there is no compiler, and ``mode`` is "on" or ``matmul`` "bfloat16"; or the
            processor or the brain has no such products.

    """
    halved = matmul == "bfloat16"
    if mode == "off" or _climb_of(step) is None or not _suits(step):
        if halved:
            raise ConfigError(
                "NetworkConfig.matmul = 'bfloat16' with a brain whose steps are not compiled: "
                "allowed is 'float32'; DDPG and PPO are compiled where their gradients have a "
                "closed form"
            )
        return None
    if halved and not compiling.processor_has(_INSTRUCTIONS):
        raise ConfigError(
            "NetworkConfig.matmul = 'bfloat16': this processor has no AVX512-BF16 "
            f"({_INSTRUCTIONS} in /proc/cpuinfo); set networks.matmul to 'float32'"
        )
    dtype = step.networks.actor.half_range.dtype
    library = build.library(dtype, mode, matmul)
    if library is None and halved:
        raise ConfigError(
            "NetworkConfig.matmul = 'bfloat16' where nothing can be compiled: allowed is "
            "'float32'; with AgentConfig.compile = 'on' a run says what is missing"
        )
    return None if library is None else CompiledSteps(step, matmul)


def _climb_of(step: LearningStep) -> tuple[GradientStep, int] | None:
    """Return what moves the actor, and critic steps per step; None where C++ has no such climb."""
    actor_step, every, rule = step.actor_step, 1, step.rule
    if isinstance(actor_step, Delayed):
        every = actor_step.every
        actor_step = actor_step.step
    optimizer = actor_step.optimizer
    if not isinstance(optimizer, GradientStep) or not isinstance(optimizer.optimizer, LeanAdam):
        return None
    if isinstance(actor_step, MeanClimb):
        return optimizer, every
    plain = type(actor_step) is ActorStep and type(rule) is PPO and rule.baseline == "behaviour"
    if plain and step.entropy is None and rule.target_kl is None:
        return optimizer, every
    return None


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

    def __init__(self, step: LearningStep, matmul: Matmul = "float32") -> None:
        """Take the place of a brain's learning step.

        Args:
            step: of the brain
            matmul: type of wide products' factors

        """
        self.step = step
        self._matmul: Matmul = matmul
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
            self._bound = _Bound(self.step, self._matmul)
        bound, steps, batch = self._bound, len(bootstrap_actors), draw.batch
        plan, size = bound.plan, draw.size
        alive = bound.rows.write(draw)
        plan.target_actors = bound.actors(bootstrap_actors)
        plan.critic_adam.taken, plan.actor_adam.taken = bound.critic.taken, bound.actor.taken
        plan.batch, plan.steps, plan.first = size, steps, draw.first
        plan.number, plan.holds_actor = number, int(self.step.holds_actor)
        shape = (steps, plan.critic.members, size, plan.draw.rewards)
        error = batch.reward.new_empty(shape, dtype=bound.dtype)
        scalars = torch.empty(steps, _SCALARS, dtype=torch.float64)
        plan.error, plan.scalars = error.data_ptr(), scalars.data_ptr()
        bound.library.learn(ctypes.byref(plan))
        del alive
        return self._learnt(bound, error, scalars)

    def _learnt(self, bound: _Bound, error: Tensor, scalars: Tensor) -> list[Learnt]:
        """Count the steps, and tell what each found out."""
        climbed = scalars[:, -1].tolist()
        bound.critic.took(len(climbed))
        bound.actor.took(int(sum(climbed)))
        learnt: list[Learnt] = []
        for row, moved, own in zip(scalars.unbind(), climbed, error.unbind(), strict=True):
            loss, first, second, critic_norm, actor_norm, _ = row.unbind()
            info = {"critic_loss": loss}
            if bound.critic.clip_norm is not None:
                info["critic_gradient_norm"] = critic_norm
            if moved:
                info |= dict(zip(bound.names, (first, second), strict=False))
                if bound.actor.clip_norm is not None:
                    info["actor_gradient_norm"] = actor_norm
            learnt.append(Learnt(info=info, error=own, log_ratio=None))
        return learnt


class _Bound:
    """A brain's networks and optimizers as C++ reads them, while they lie where they do."""

    def __init__(self, step: LearningStep, matmul: Matmul) -> None:
        networks, critic_step, rule = step.networks, step.critic_step, step.rule
        actor, critic, encoder = networks.actor, networks.critic, networks.encoder
        climb = _climb_of(step)
        assert climb is not None
        optimizer, every = climb
        assert isinstance(encoder, Normalizer)
        assert isinstance(optimizer.optimizer, LeanAdam)
        assert isinstance(critic_step.optimizer, LeanAdam)
        self.dtype = actor.half_range.dtype
        self.library = build.require_library(self.dtype, matmul)
        moved = parameters_of(actor)
        if isinstance(rule, PPO):
            moved += [actor.sigma_bias] if actor.sigma_mode != "fixed" else []
            self.names: tuple[str, ...] = ("clip_fraction", "approximate_kl")
        else:
            self.names = ("q_value",)
        self.actor = Moved(moved, optimizer.optimizer, optimizer.clip_norm)
        self.critic = Moved(parameters_of(critic), critic_step.optimizer, critic_step.clip_norm)
        self._networks: list[Actor | Critic] = [actor, critic, networks.target_critic]
        self._targets: dict[int, structures.Actor] = {}
        self._asked: tuple[Sequence[Actor], Any] = ((), None)
        self._addresses = addresses = Addresses()
        self.plan = plan = structures.Plan()
        self.rows = Rows(plan.draw, self.dtype)
        plan.actor = addresses.actor(actor)
        plan.critic = addresses.perceptron(critic)
        plan.target_critic = addresses.perceptron(networks.target_critic)
        plan.actor_adam, plan.critic_adam = (addresses.adam(m) for m in (self.actor, self.critic))
        if encoder.enabled:
            plan.shift, plan.scale = encoder.shift.data_ptr(), encoder.scale.data_ptr()
        plan.clip = encoder.clip
        plan.low, plan.high = step.target_bounds or (-float("inf"), float("inf"))
        if isinstance(rule, PPO):
            plan.surrogate, plan.eps, plan.decouple = 1, rule.eps, rule.decouple or 0.0
            plan.normalize = int(rule.normalize_advantage)
        elif isinstance(rule, DDPG):
            plan.action_l2 = rule.action_l2
        plan.max_log_ratio = step.max_log_ratio
        plan.point, plan.least = int(step.climb_point), int(critic.reduce == "min")
        plan.regress, plan.every = _POINTS[critic_step.regress], every
        self._states = self.actor.state, self.critic.state
        self._first = self._firsts()

    def _firsts(self) -> list[int]:
        """Where the first parameter of every network lies, which move together if at all."""
        return [network.layers[0][0].data_ptr() for network in self._networks]

    def holds(self) -> bool:
        """Whether everything still lies where C++ looks for it."""
        actor, critic = self._states
        same = self.actor.state is actor and self.critic.state is critic
        return same and self._firsts() == self._first

    def actors(self, actors: Sequence[Actor]) -> Any:
        """Return bootstrapping actors as C++ reads them."""
        asked, array = self._asked
        if asked == actors:
            return array
        for actor in actors:
            if id(actor) not in self._targets:
                self._targets[id(actor)] = self._addresses.actor(actor)
                self._networks.append(actor)
                self._first = self._firsts()
        array = (structures.Actor * len(actors))(*(self._targets[id(actor)] for actor in actors))
        self._asked = actors, array
        return array
