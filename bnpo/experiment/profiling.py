"""Where the time of a training run goes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from bnpo.agent import brain
from bnpo.agent.crediting import CreditAssignment
from bnpo.agent.policy import Normalization, Policy
from bnpo.agent.priorities import Priorities
from bnpo.brains import Follower, LearningStep, NaturalStep
from bnpo.brains.steps import closed_form
from bnpo.brains.steps.compiled import CompiledSteps
from bnpo.brains.steps.optimizers import LeanAdam
from bnpo.experiment.keeper import Keeper
from bnpo.experiment.session import Session
from bnpo.networks import Actor, Critic, Normalizer
from bnpo.replay import Pool, SegmentTable
from bnpo.training import Trainer
from bnpo.training.evaluation import PolicyEvaluator
from bnpo.training.monitor import Monitor
from bnpo.types import Transitions

__all__ = ["SECTIONS", "Profile"]

SECTIONS: dict[str, str] = {
    "stepping": "environments",
    "acting": "the actor's forward pass and its noise on the way to an action",
    "storing": "writing steps to the replay, statistics of normalisation",
    "credit": "credit schemes: goals, rewards, returns, proximal densities",
    "sampling": "draws from replay and pools, pushes, priorities, minibatches",
    "transfer": "between arrays and tensors, and between host and device",
    "steps": "learning steps in C++, which tell no sections apart",
    "forward": "TD targets, regression, objectives",
    "backward": "gradients",
    "optimizer": "Adam, clipping, natural steps",
    "targets": "updates of target networks",
    "evaluation": "episodes of evaluation",
    "logging": "scalars, warnings, histories, checkpoints",
    "rest": "everything else",
}
"""What time is counted to."""

_WHOLE = frozenset({"stepping", "acting", "storing", "credit", "evaluation", "logging"})
"""Sections to which belongs whatever is called within them."""

_HOOKS: tuple[tuple[Any, str, str], ...] = (
    (Policy, "act", "acting"),
    (Policy, "tensors", "transfer"),
    (Policy, "tensor", "transfer"),
    (torch.Tensor, "cpu", "transfer"),
    (Normalization, "observe", "storing"),
    (Normalizer, "commit", "storing"),
    (SegmentTable, "append", "storing"),
    (CreditAssignment, "assign", "credit"),
    (SegmentTable, "draw", "sampling"),
    (Pool, "draw", "sampling"),
    (Pool, "push", "sampling"),
    (Pool, "update", "sampling"),
    (Priorities, "of_fresh", "sampling"),
    (Priorities, "of_learnt", "sampling"),
    (Transitions, "__getitem__", "sampling"),
    (LearningStep, "take", "forward"),
    (CompiledSteps, "take_each", "steps"),
    (Actor, "heads", "forward"),
    (Critic, "forward", "forward"),
    (torch.autograd, "grad", "backward"),
    (closed_form, "critic_gradients", "backward"),
    (closed_form, "mean_slope", "backward"),
    (closed_form, "actor_gradients", "backward"),
    (LeanAdam, "step", "optimizer"),
    (NaturalStep, "ascend", "optimizer"),
    (nn.utils, "clip_grad_norm_", "optimizer"),
    (Follower, "sync", "targets"),
    (PolicyEvaluator, "run", "evaluation"),
    (LearningStep, "drift", "logging"),
    (brain, "gradient_norms", "logging"),
    (brain, "effective_sample_size", "logging"),
    (brain, "require_finite_turn", "logging"),
    (Monitor, "judge", "logging"),
    (Monitor, "values", "logging"),
    (Session, "on_evaluation", "logging"),
    (Keeper, "save_last", "logging"),
)
"""Owner and name of what is timed, and the section that its time is counted to."""


class Profile:
    """Seconds of a run by section; time within a nested call is counted once, where it is spent.

    Calls are timed from outside while :meth:`watching`: a run computes the same numbers with it.
    On CUDA every boundary waits for the device, so that its work is counted where it was asked for.
    """

    def __init__(self, trainer: Trainer) -> None:
        """Take the trainer whose run is profiled."""
        self.seconds = dict.fromkeys(SECTIONS, 0.0)
        self._trainer = trainer
        self._waits = trainer.agent.device.type == "cuda"
        self._section = "rest"
        self.since = 0.0

    @property
    def total(self) -> float:
        """Seconds of all sections."""
        return sum(self.seconds.values())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time what runs within."""
        hooks = (*_HOOKS, (self._trainer.env, "step", "stepping"))
        before = [(owner, name, vars(owner).get(name)) for owner, name, _ in hooks]
        for owner, name, section in hooks:
            setattr(owner, name, self.timed(getattr(owner, name), section))
        self.since = self.now()
        try:
            yield
        finally:
            self._enter("rest")
            for owner, name, original in before:
                if original is None:  # inherited
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)

    def timed(self, function: Callable[..., Any], section: str) -> Callable[..., Any]:
        """Return a function whose time is counted to a section."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            outer = self._section
            if outer in _WHOLE:
                return function(*args, **kwargs)
            self._enter(section)
            try:
                return function(*args, **kwargs)
            finally:
                self._enter(outer)

        return timed

    def _enter(self, section: str) -> None:
        """Count the time since the last boundary to the section that ends now."""
        now = self.now()
        self.seconds[self._section] += now - self.since
        self._section, self.since = section, now

    def now(self) -> float:
        """Return the time (seconds) at which all work asked for so far is done."""
        if self._waits:
            torch.cuda.synchronize()
        return time.perf_counter()
