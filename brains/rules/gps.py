"""Guided policy search: climb the regularised off-policy return from planned trajectories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from bnpo.brains.off_policy import start_baseline
from bnpo.brains.options import Guidance
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.brains.rules.guided import guided_credit
from bnpo.config import Positive, config, nested
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions, log_ratios

__all__ = ["GPS"]


@config
class GPS(Rule, CreditScheme):
    """Guided policy search, algorithm 1 of Levine and Koltun (2013).

    Before the first step iLQR plans trajectories; samples around them go into the replay with
    their densities, and the actor is fitted to them. A turn first judges the policy that the last
    one left, then climbs Φ. :mod:`bnpo.brains.rules.guided` says what differs from the paper.
    """

    pathwise: ClassVar[bool] = False
    corrects_behaviour: ClassVar[bool | None] = True
    sets_proximal: ClassVar[bool] = True
    value_coefficient = 0.0
    keeps_best: ClassVar[bool] = True

    guidance: Annotated[Guidance | None, BeforeValidator(nested(Guidance))] = Guidance()
    """Guiding samples; None: the policy starts from scratch and learns from its own rollouts."""
    log_z: Positive = 1e-2
    """First weight w_r of log Z, in units of the reward."""
    log_z_bounds: Annotated[tuple[Positive, Positive], Field(strict=False)] = (1e-4, 1.0)
    """Bounds of w_r."""
    log_z_factor: Positive = 2.0
    """Factor by which w_r falls or rises."""
    return_to_best: bool = True
    """Take up the best policy where the last one was worse; undoes other brains' turns, too."""

    def initial_state(self) -> dict[str, float]:
        """Return the weight w_r before the first turn."""
        return {"log_z": self.log_z}

    def review(self, better: bool, state: Mapping[str, float]) -> dict[str, float]:
        """Return the new weight w_r: lower where the policy got better, else higher."""
        factor = 1.0 / self.log_z_factor if better else self.log_z_factor
        low, high = self.log_z_bounds
        return {"log_z": min(max(state["log_z"] * factor, low), high)}

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign to (segment, time), both [B], both credits: the weight holds that of log Z."""
        rows, row = torch.unique(segment, return_inverse=True)
        sample, gamma = trajectories[rows], evaluator.gamma
        log_ratio, above = log_ratios(sample, evaluator), sample.reward - start_baseline(sample)
        credit = guided_credit(above, log_ratio, sample.length, gamma)
        transitions = trajectories.n_step(segment, time, torch.ones_like(time), gamma)
        value, log_z = credit.value[row, time], credit.log_z[row, time]
        return transitions.replace(
            reward=value, discount=torch.zeros_like(transitions.discount), weight=log_z
        )

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return log π_θ (c + w_r z) of each sample, [B], its credit scaled to unit variance."""
        batch = sample.batch
        credit = batch.reward.sum(-1) + sample.state["log_z"] * batch.weight
        value = sample.log_prob() * credit / (credit.std(correction=0) + 1e-6)
        return value, {"credit": credit.mean(), "sigma": sample.sigma.detach().mean()}
