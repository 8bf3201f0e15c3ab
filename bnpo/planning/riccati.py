"""The backward pass of iLQR: gains and curvature of the value of actions, for many trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnpo.planning.cost import Quadratic
from bnpo.planning.dynamics import FloatArray, Linear

__all__ = ["Gains", "backward_pass", "bounded_covariance"]

_LEAST_CURVATURE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Gains:
    """Affine controllers u = ū + k + K δx of N trajectories of T steps."""

    feedback: FloatArray
    """Feedback gains K, [N, T, m, n]"""

    feedforward: FloatArray
    """Feedforward change k, [N, T, m]"""

    curvature: FloatArray
    """Curvature Q_uu of the value of actions, without regularisation, [N, T, m, m]"""

    promise: FloatArray
    """Amount by which k should lower the cost, Σ_t -(kᵀ Q_u + ½ kᵀ Q_uu k), [N]"""


def backward_pass(
    linear: Linear,
    quadratic: Quadratic,
    regularization: FloatArray,
    outward: FloatArray | None = None,
) -> Gains:
    """Solve for the best change of action around N nominal trajectories, last step first.

    With V' the value after the step and [A B] its linear model (Tassa, Erez and Todorov 2012):
    Q = l + [A B]ᵀ V' [A B],  Q̃ with V'_xx + μ 1 in place of V'_xx in Q_uu and Q_ux;
    k = -Q̃_uu⁻¹ Q_u,  K = -Q̃_uu⁻¹ Q̃_ux;
    V_x = Q_x + Kᵀ Q_uu k + Kᵀ Q_u + Q_uxᵀ k,  V_xx = Q_xx + Kᵀ Q_uu K + Kᵀ Q_ux + Q_uxᵀ K.

    *Differs from the paper*: eigenvalues of Q̃_uu below a small positive number are raised to it,
    where the paper starts over with a larger μ. An action that lies at its bound and would be
    pushed beyond it is held there: k and K are zero in its row (Tassa, Mansard and Todorov 2014
    solve for the set of such actions; here it is read off the sign of Q_u).

    Args:
        linear: of all steps, [N, T, n, n + m]
        quadratic: of their costs, [N, T, n + m] and [N, T, n + m, n + m]
        regularization: μ of each trajectory, [N]
        outward: -1 where an action lies at its lower bound, 1 at its upper one, else 0, [N, T, m]

    """
    count, steps, n, width = linear.state.shape
    m = width - n
    feedback, forward = np.zeros((count, steps, m, n)), np.zeros((count, steps, m))
    curvature, promise = np.zeros((count, steps, m, m)), np.zeros(count)
    slope, bend = np.zeros((count, n)), np.zeros((count, n, n))
    if outward is None:
        outward = np.zeros((count, steps, m))
    damping = regularization[:, None, None] * np.eye(n)
    for t in reversed(range(steps)):
        model = linear.state[:, t]
        turned = model.swapaxes(1, 2)
        q = quadratic.gradient[:, t] + (turned @ slope[:, :, None])[:, :, 0]
        plain = quadratic.hessian[:, t] + turned @ bend @ model
        damped = plain + turned @ damping @ model
        pushed = (outward[:, t] * q[:, n:] < 0).astype(np.float64)
        inverse = _inverse(damped[:, n:, n:], free=1.0 - pushed)
        k = -(inverse @ q[:, n:, None])  # [N, m, 1]
        gain = -inverse @ damped[:, n:, :n]
        back, q_uu, q_ux = gain.swapaxes(1, 2), plain[:, n:, n:], plain[:, n:, :n]
        slope = q[:, :n] + (back @ (q_uu @ k + q[:, n:, None]) + q_ux.swapaxes(1, 2) @ k)[:, :, 0]
        bend = plain[:, :n, :n] + back @ q_uu @ gain + back @ q_ux + q_ux.swapaxes(1, 2) @ gain
        bend = 0.5 * (bend + bend.swapaxes(1, 2))
        promise -= (k * (q[:, n:, None] + 0.5 * q_uu @ k)).sum((1, 2))
        feedback[:, t], forward[:, t], curvature[:, t] = gain, k[:, :, 0], q_uu
    return Gains(feedback=feedback, feedforward=forward, curvature=curvature, promise=promise)


def _inverse(matrix: FloatArray, free: FloatArray) -> FloatArray:
    """Return the inverse of symmetric matrices [N, m, m] over free rows [N, m], zero elsewhere.

    Eigenvalues are held above zero.
    """
    both = free[:, :, None] * free[:, None, :]
    held = (1.0 - free)[:, :, None] * np.eye(free.shape[1])
    values, vectors = np.linalg.eigh(0.5 * both * (matrix + matrix.swapaxes(1, 2)) + held)
    curvatures = np.maximum(values, _LEAST_CURVATURE)
    inverse: FloatArray = (vectors / curvatures[:, None, :]) @ vectors.swapaxes(1, 2) * both
    return inverse


def bounded_covariance(
    curvature: FloatArray, temperature: float, low: float, high: float
) -> FloatArray:
    """Return the guiding distribution's covariance η Q_uu⁻¹, [..., m, m] (Levine, Koltun 2013).

    For a cost, which is minus a reward, Q_uu is the paper's -Q_uu. The scales along its principal
    axes lie in [low, high], whatever the curvature, so that it is always positive definite.

    Args:
        curvature: Q_uu, [..., m, m]
        temperature: η, cost that is worth one nat of entropy
        low: smallest scale (of an action)
        high: largest scale (of an action)

    """
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.swapaxes(-1, -2)))
    wide = values <= temperature / high**2
    variance = np.where(wide, high**2, temperature / np.where(wide, 1.0, values))
    variance = np.clip(variance, low**2, high**2)
    covariance: FloatArray = (vectors * variance[..., None, :]) @ vectors.swapaxes(-1, -2)
    return covariance
