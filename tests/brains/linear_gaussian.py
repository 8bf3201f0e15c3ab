"""A linear-Gaussian policy and samples of it, apart from every network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bnpo.brains.rule import Rule, Sample
from bnpo.networks import gaussian
from bnpo.types import Transitions


def transitions(**columns: Tensor) -> Transitions:
    """Transitions of which only some columns matter, in double precision."""
    action = columns["action"]
    size = len(action)
    zeros, ones = action.new_zeros(size), action.new_ones(size)
    spare = {
        "observation": action.new_zeros(size, 1),
        "goal": action.new_zeros(size, 0),
        "behaviour_log_prob": zeros,
        "reward": zeros[:, None],
        "discount": zeros,
        "next_observation": action.new_zeros(size, 1),
        "next_goal": action.new_zeros(size, 0),
        "weight": ones,
        "relabelled": zeros.bool(),
        "steps": ones.long(),
        "log_ratio_rest": zeros,
        **columns,
    }
    spare.setdefault("proximal_log_prob", spare["behaviour_log_prob"])
    return Transitions(**spare)


def sample_of(
    batch: Transitions,
    mu: Tensor,
    sigma: Tensor,
    y: Tensor,
    *,
    baseline: Tensor | None = None,
    climb: Callable[[Tensor, Tensor], Tensor] | None = None,
    members: Callable[[Tensor, Tensor], Tensor] | None = None,
    noise: Tensor | None = None,
    entropy_bonus: Tensor | None = None,
    state: Mapping[str, float] | None = None,
) -> Sample:
    """One minibatch as an objective sees it."""
    return Sample(
        batch=batch,
        mu=mu,
        sigma=sigma,
        raw=mu,
        td_target=y,
        baseline=torch.zeros_like(y) if baseline is None else baseline,
        climb=climb or (lambda mu, sigma: mu.sum(-1)),
        climb_members=members or (lambda mu, sigma: mu.sum(-1)[None]),
        played=batch.action,
        clip=lambda action: action,
        noise=lambda: torch.zeros_like(mu) if noise is None else noise,
        entropy_bonus=torch.zeros_like(y) if entropy_bonus is None else entropy_bonus,
        max_log_ratio=10.0,
        state=state or {},
    )


@dataclass
class LinearGaussian:
    """a ~ Normal(W x, exp(l)), B samples of it with advantages."""

    weight: Tensor
    log_sigma: Tensor
    x: Tensor
    action: Tensor
    advantage: Tensor

    @classmethod
    def drawn(cls, size: int = 64, seed: int = 0) -> LinearGaussian:
        """Two actions, three features."""
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        weight, log_sigma, x = draw(2, 3), 0.3 * draw(2), draw(size, 3)
        action = x @ weight.T + log_sigma.exp() * draw(size, 2)
        return cls(weight, log_sigma, x, action, draw(size))

    def policy(self, weight: Tensor, log_sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale at these parameters."""
        mu = self.x @ weight.T
        return mu, log_sigma.exp().expand_as(mu)

    def gradient(
        self, rule: Rule, shift: float = 0.0, state: Mapping[str, float] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Gradient of a rule's mean objective at W + shift, on samples of W."""
        mu_b, sigma_b = self.policy(self.weight, self.log_sigma)
        log_prob = gaussian.log_prob(self.action, mu_b, sigma_b)
        batch = transitions(action=self.action, mu=mu_b, sigma=sigma_b, behaviour_log_prob=log_prob)
        parameters = [
            (self.weight + shift).requires_grad_(),
            self.log_sigma.clone().requires_grad_(),
        ]
        mu, sigma = self.policy(*parameters)
        value, _ = rule.objective(sample_of(batch, mu, sigma, self.advantage, state=state))
        weight, log_sigma = torch.autograd.grad(value.mean(), parameters)
        return weight, log_sigma

    def score_function_gradient(self) -> tuple[Tensor, Tensor]:
        """mean A d log pi: d/dW = (a - Wx)/s^2 x^T, d/dl = z^2 - 1."""
        mu, sigma = self.policy(self.weight, self.log_sigma)
        z = (self.action - mu) / sigma
        weight = torch.einsum("b,ba,bf->af", self.advantage, z / sigma, self.x) / len(self.x)
        log_sigma = (self.advantage[:, None] * (z.square() - 1)).mean(0)
        return weight, log_sigma
