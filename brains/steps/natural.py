"""The natural gradient: conjugate gradient on Fisher-vector products, line search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from bnpo.brains.options import NaturalGradient
from bnpo.brains.rule import Info
from bnpo.brains.steps.fisher import fisher_vector_product, flatten
from bnpo.brains.steps.optimizers import Objective, Policy
from bnpo.networks import gaussian

__all__ = [
    "NaturalStep",
    "conjugate_gradient",
]


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tolerance: float = 1e-10
) -> tuple[Tensor, Tensor]:
    """Solve A x = b for a symmetric positive definite A given as x -> A x (Hestenes, Stiefel 1952).

    Returns x and the residual b - A x, both [P].

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
        curvature = direction @ image
        if curvature <= 0:  # rounding, or a direction in which nothing changes
            break
        alpha = norm / curvature
        x += alpha * direction
        residual -= alpha * image
        following = residual @ residual
        direction = residual + (following / norm) * direction
        norm = following
    return x, residual


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
        gradient = flatten(
            torch.autograd.grad(before, self.parameters, allow_unused=True), self.parameters
        )
        if not bool(gradient.any()):
            return {"kl": torch.zeros_like(before), "line_search_failed": torch.zeros_like(before)}
        fisher, old = fisher_vector_product(policy, self.parameters)
        step, residual = conjugate_gradient(
            lambda v: torch.add(fisher(v), v, alpha=options.damping), gradient, options.iterations
        )
        curvature = step @ (gradient - residual) - options.damping * (step @ step)  # sᵀFs
        scale = math.sqrt(2.0 * options.delta / max(float(curvature), 1e-12))
        return self._search(before.detach(), scale * step, objective, policy, old)

    @torch.no_grad()
    def _search(
        self,
        before: Tensor,
        step: Tensor,
        objective: Objective,
        policy: Policy,
        old: tuple[Tensor, Tensor],
    ) -> Info:
        options = self.options
        start = [parameter.clone() for parameter in self.parameters]
        for attempt in range(options.backtracks + 1):
            self._move(start, step * options.shrink**attempt)
            kl = gaussian.kl_divergence(*old, *policy()).mean()
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
        """Return an empty state: a natural step carries nothing to the next."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing: a natural step has no state."""
