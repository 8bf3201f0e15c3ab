"""The natural gradient: Fisher-vector products, conjugate gradient, line search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor, nn

from bnpo.brains.optimizers import Objective, Policy
from bnpo.brains.rule import Info
from bnpo.config import Count, Fraction, NonNegative, Positive, config, nested
from bnpo.networks import gaussian

__all__ = [
    "Natural",
    "NaturalGradient",
    "NaturalStep",
    "conjugate_gradient",
    "fisher_vector_product",
]


@config
class NaturalGradient:
    """Options of the natural-gradient step."""

    delta: Positive = 0.01
    """Mean KL(pi_old || pi_theta) that the step may reach."""

    damping: NonNegative = 0.1
    """Multiple of the identity added to the Fisher matrix."""

    iterations: Count = 10
    """Iterations of conjugate gradient."""

    backtracks: Annotated[int, Field(ge=0)] = 10
    """Halvings tried by the line search; 0: take the whole step without a search (NPG)."""

    shrink: Fraction = 0.5
    """Factor of the step between two tries."""


Natural = Annotated[NaturalGradient, BeforeValidator(nested(NaturalGradient))]
"""A rule's field: options of its natural step (as an object or its fields)."""


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tolerance: float = 1e-10
) -> Tensor:
    """Solve A x = b for a symmetric positive definite A given as x -> A x (Hestenes, Stiefel 1952).

    Args:
        product: v [P] -> A v [P]
        b: [P]
        iterations: most iterations
        tolerance: squared norm of the residual, relative to that of b, at which to stop

    """
    x = torch.zeros_like(b)
    residual, direction = b.clone(), b.clone()
    norm = residual @ residual
    stop = tolerance * norm
    for _ in range(iterations):
        if norm <= stop:
            break
        image = product(direction)
        alpha = norm / (direction @ image)
        x += alpha * direction
        residual -= alpha * image
        following = residual @ residual
        direction = residual + (following / norm) * direction
        norm = following
    return x


def fisher_vector_product(
    policy: Policy, parameters: Sequence[nn.Parameter]
) -> Callable[[Tensor], Tensor]:
    """Return v -> F v, F the Fisher matrix of a diagonal Normal averaged over a minibatch.

    F = Jᵀ M J / B with J the Jacobian of (μ, σ) and M = diag(1/σ², 2/σ²); one forward-mode and one
    reverse-mode product, no Hessian. The forward-mode product is taken as the derivative of the
    reverse-mode one, which is linear in its argument.
    """
    mu, sigma = policy()
    outputs = torch.cat((mu, sigma), -1)
    with torch.no_grad():
        inverse = sigma.detach().square().reciprocal()
        metric = torch.cat((inverse, 2.0 * inverse), -1) / len(mu)
    probe = torch.zeros_like(outputs, requires_grad=True)
    pulled = _flatten(
        torch.autograd.grad(outputs, parameters, probe, create_graph=True, allow_unused=True),
        parameters,
    )

    def product(v: Tensor) -> Tensor:
        (pushed,) = torch.autograd.grad(pulled, probe, v, retain_graph=True)
        back = torch.autograd.grad(
            outputs, parameters, metric * pushed, retain_graph=True, allow_unused=True
        )
        return _flatten(back, parameters)

    return product


class NaturalStep:
    """A trust-region step along the natural gradient (Schulman et al. 2015).

    θ <- θ + √(2δ / sᵀFs) s,  F s = ∇ objective; backtracking until the objective does not fall
    and the mean KL stays within δ. A failed search leaves every parameter bit for bit as it was.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], options: NaturalGradient) -> None:
        """Step on these parameters."""
        self.parameters = [p for p in parameters if p.requires_grad]
        self.options = options

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one natural step up the objective."""
        options = self.options
        before = objective()
        gradient = _flatten(
            torch.autograd.grad(before, self.parameters, allow_unused=True), self.parameters
        )
        if not bool(gradient.any()):
            return {"kl": torch.zeros_like(before), "line_search_failed": torch.zeros_like(before)}
        fisher = fisher_vector_product(policy, self.parameters)
        step = conjugate_gradient(
            lambda v: fisher(v) + options.damping * v, gradient, options.iterations
        )
        curvature = step @ fisher(step)
        scale = math.sqrt(2.0 * options.delta / max(float(curvature), 1e-12))
        return self._search(before.detach(), scale * step, objective, policy)

    @torch.no_grad()
    def _search(self, before: Tensor, step: Tensor, objective: Objective, policy: Policy) -> Info:
        options = self.options
        start = [parameter.clone() for parameter in self.parameters]
        mu_old, sigma_old = (output.clone() for output in policy())
        for attempt in range(options.backtracks + 1):
            self._move(start, step * options.shrink**attempt)
            kl = gaussian.kl_divergence(mu_old, sigma_old, *policy()).mean()
            if options.backtracks == 0:
                return {"kl": kl, "line_search_failed": torch.zeros_like(kl)}
            if bool((kl <= options.delta) & (objective() >= before)):
                return {"kl": kl, "line_search_failed": torch.zeros_like(kl)}
        for parameter, original in zip(self.parameters, start, strict=True):
            parameter.copy_(original)
        return {"kl": torch.zeros_like(kl), "line_search_failed": torch.ones_like(kl)}

    def _move(self, start: list[Tensor], step: Tensor) -> None:
        offset = 0
        for parameter, origin in zip(self.parameters, start, strict=True):
            size = parameter.numel()
            parameter.copy_(origin + step[offset : offset + size].view_as(origin))
            offset += size

    def state_dict(self) -> dict[str, Any]:
        """Nothing is carried from step to step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to go on from."""


def _flatten(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Join gradients to one vector [P]; zeros where a parameter is not used."""
    return torch.cat(
        [
            (torch.zeros_like(parameter) if gradient is None else gradient).reshape(-1)
            for gradient, parameter in zip(gradients, parameters, strict=True)
        ]
    )
