"""The critic's step, and where the critic is regressed: one rule for every brain, in one place.

The critic does not see the action, so how a sample was chosen decides at which distribution its
outcome is evidence of Q.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bnpo.brains.losses import half_mean_square
from bnpo.brains.networks import Networks
from bnpo.brains.options import Point
from bnpo.brains.rule import Info
from bnpo.brains.steps.minibatch import Minibatch
from bnpo.brains.steps.optimizers import descend
from bnpo.networks import Actor
from bnpo.types import Transitions

__all__ = ["CriticStep", "regression_point"]


def regression_point(
    at: Point,
    batch: Transitions,
    features: Tensor,
    actor: Actor,
    *,
    resampled: bool,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the mean and scale at which Q is regressed to y, both [B, A], without gradient.

    * ``point``: the point mass (a, 0), of which Q(s, g, a, 0) = E[return | s, g, a]. True of a
      sample that was chosen for its action, however it was: that is all there is to choose by in a
      deterministic world. In a random one a hindsight goal is also chosen for what chance did after
      the action, and Q is too high here as well (by 0.78 on a walk of one step with noise of four
      times the goal's size and 0.8 of goals relabelled). Unbiased there are goals that stayed
      (HER's ``ratio`` below 1 dilutes the bias, 0 removes it) and goals achieved in other segments
      (its strategy ``other``), which no outcome of this one has chosen. Weights that would undo the
      choice (Schramm et al. 2023, USHER) need densities of goals that nothing here knows.
    * ``behaviour``: (mu_b, sigma_b). The definition of Q for a sample that is fresh or replayed as
      it happened; biased upward for hindsight goals, wrong for resampled ones.
    * ``learning``: the (mu, sigma) of the policy being trained, for samples redrawn by importance
      so that they look drawn from it.
    * ``interpolate``: (w mu_b + (1-w) a, w sigma_b), w ~ U[0, 1] (interpolated critic learning,
      He, Mahmood and White 2026); exact at w = 0 and 1, a heuristic between.
    * ``auto``: the point mass where the goal was relabelled; elsewhere ``learning`` for resampled
      samples and ``behaviour`` for the rest.

    Args:
        at: one of the above
        batch: B transitions
        features: [B, F], of their observations and goals
        actor: the policy being trained, which also knows the action Box
        resampled: whether the batch was drawn by importance resampling
        generator: source of w

    """
    action = actor.clip(batch.action)
    if at == "point":
        return action, torch.zeros_like(action)
    mu, sigma = batch.mu, batch.sigma
    if at == "learning" or (at == "auto" and resampled):
        with torch.no_grad():
            mu, sigma = actor(features)
    elif at == "interpolate":
        w = torch.rand(len(batch), 1, device=action.device, dtype=action.dtype, generator=generator)
        mu, sigma = torch.lerp(action, mu, w), w * sigma
    if at != "auto":
        return mu, sigma
    hindsight = batch.relabelled[:, None]
    return torch.where(hindsight, action, mu), torch.where(hindsight, 0.0, sigma)


class CriticStep:
    """Critic's step: regresses the critic, and the encoder's memory with it, to TD targets."""

    def __init__(
        self,
        networks: Networks,
        optimizer: torch.optim.Optimizer,
        *,
        regress: Point,
        clip_norm: float | None = None,
        generator: torch.Generator,
    ) -> None:
        """Join a critic with its optimizer.

        Args:
            networks: whose online critic is trained
            optimizer: over the parameters of the critic and the encoder's memory
            regress: where the critic is regressed
            clip_norm: bound on the gradient's norm
            generator: source of random regression points

        """
        self.networks = networks
        self.parameters = [*networks.critic.parameters(), *networks.encoder.parameters()]
        self.optimizer = optimizer
        self.regress: Point = regress
        self.clip_norm = clip_norm
        self.generator = generator

    def __call__(self, minibatch: Minibatch) -> tuple[Tensor, Info]:
        """Regress every member of the ensemble to y: mean over B of 1/2 (Q - y)^2.

        Returns:
            y - Q of every member before the step, [E, B, R], and scalars for the log.

        """
        mu, sigma = regression_point(
            self.regress,
            minibatch.batch,
            minibatch.features,
            self.networks.actor,
            resampled=minibatch.resampled,
            generator=self.generator,
        )
        error, loss, gradients = self.gradients(minibatch, mu, sigma)
        norm = descend(self.parameters, gradients, self.optimizer, self.clip_norm)
        info = {"critic_loss": loss}
        if norm is not None:
            info["critic_gradient_norm"] = norm
        return error, info

    def gradients(
        self, minibatch: Minibatch, mu: Tensor, sigma: Tensor
    ) -> tuple[Tensor, Tensor, Sequence[Tensor | None]]:
        """Return error [E, B, R], loss, and gradients by critic and memory; None: plays no part."""
        error = minibatch.td_target - self.networks.critic(minibatch.features, mu, sigma)
        loss, _ = half_mean_square(error, minibatch.weight)
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        return error.detach(), loss.detach(), gradients
