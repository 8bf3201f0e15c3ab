"""Costs of steps, and their second-order models by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bnpo.planning.dynamics import FloatArray, Linear

__all__ = ["Cost", "Quadratic", "evaluate", "quadratize", "reaching_cost"]

Cost = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Cost of a step, of its output [..., p], its action [..., m] and its context [..., c], [...].

The context is what the step is about: a goal, a weight. Convex in output and action, strictly so in
the action. Written with torch, over the last axis.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quadratic:
    """Second-order model of the cost of one step in (δx, δu)."""

    gradient: FloatArray
    """[B, n + m], gradient of the cost by (δx, δu)"""

    hessian: FloatArray
    """[B, n + m, n + m], Hessian of the cost by (δx, δu)"""


def evaluate(cost: Cost, output: FloatArray, action: FloatArray, context: FloatArray) -> FloatArray:
    """Return the cost of outputs, actions and contexts, [...]; infinite where it is no number."""
    with torch.no_grad():
        value = cost(*(torch.from_numpy(part) for part in (output, action, context))).numpy()
    return np.where(np.isfinite(value), value, np.inf)


def quadratize(
    cost: Cost, linear: Linear, output: FloatArray, action: FloatArray, context: FloatArray
) -> Quadratic:
    """Model the cost of steps around their outputs [B, p] and actions [B, m].

    With J = [[C, D], [0, 1]] of (output, action) the gradient is Jᵀ∇l and the Hessian Jᵀ ∇²l J: the
    curvature of the output itself is dropped, as iLQR drops that of the dynamics (Gauss, Newton).
    """
    p, m = output.shape[1], action.shape[1]
    point = torch.from_numpy(np.concatenate((output, action), 1)).requires_grad_()
    total = cost(point[:, :p], point[:, p:], torch.from_numpy(context)).sum()  # rows do not mix
    (slope,) = torch.autograd.grad(total, point, create_graph=True)
    bend = [
        torch.autograd.grad(column, point, retain_graph=True, materialize_grads=True)[0]
        for column in slope.sum(0)
    ]
    jacobian = np.zeros((len(output), p + m, linear.output.shape[2]))
    jacobian[:, :p] = linear.output
    jacobian[:, p:, -m:] = np.eye(m)
    turned = jacobian.swapaxes(1, 2)
    return Quadratic(
        gradient=(turned @ slope.detach().numpy()[:, :, None])[:, :, 0],
        hessian=turned @ torch.stack(bend, 1).numpy() @ jacobian,
    )


def reaching_cost(action_weight: float, smooth: float) -> Cost:
    """Return the cost w (√(|y - g|² + s²) - s) + ½ r |u|² of outputs y for contexts (g, w).

    Far from the goal it grows like the distance, within s like its square, so that it is convex and
    smooth; s is of the goal's own unit.

    Args:
        action_weight: r, above zero
        smooth: s, above zero; a quarter of the distances at stake plans well

    """

    def cost(output: Tensor, action: Tensor, context: Tensor) -> Tensor:
        away = (output - context[..., :-1]).square().sum(-1)
        distance = (away + smooth**2).sqrt() - smooth
        effort = 0.5 * action_weight * action.square().sum(-1)
        return context[..., -1] * distance + effort

    return cost
