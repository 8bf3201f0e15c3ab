"""On a linear-quadratic problem iLQR is the Riccati recursion."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor

from bnpo.planning import ILQR, backward_pass, bounded_covariance, linearize, plan, quadratize
from bnpo.planning.dynamics import FloatArray

STEPS = 12
A = np.array([[1.0, 0.1, 0.0], [0.0, 0.9, 0.2], [0.05, 0.0, 1.05]])
B = np.array([[0.0, 0.1], [0.3, 0.0], [0.1, 0.2]])
PRICE = np.diag([1.0, 0.5, 2.0])
EFFORT = np.array([[0.2, 0.05], [0.05, 0.1]])


class _System:
    """x' = A x + B u, paid for by where it leads to."""

    change_dim = 3
    low, high = np.full(2, -np.inf), np.full(2, np.inf)

    def step(self, state: FloatArray, action: FloatArray) -> tuple[FloatArray, FloatArray]:
        following = state @ A.T + action @ B.T
        return following, following

    def difference(self, state: FloatArray, origin: FloatArray) -> FloatArray:
        return state - origin

    def shift(self, state: FloatArray, change: FloatArray) -> FloatArray:
        return state + change


def _cost(output: Tensor, action: Tensor, context: Tensor) -> Tensor:
    price, effort = output.new_tensor(PRICE), output.new_tensor(EFFORT)
    return 0.5 * ((output @ price * output).sum(-1) + (action @ effort * action).sum(-1))


def _riccati() -> tuple[list[FloatArray], list[FloatArray]]:
    """Gains and action curvatures of the textbook recursion, first step first."""
    value, gains, bends = np.zeros((3, 3)), [], []
    for _ in range(STEPS):
        ahead = PRICE + value  # a step pays for the state it leads to
        bend = EFFORT + B.T @ ahead @ B
        gain = -np.linalg.solve(bend, B.T @ ahead @ A)
        closed = A + B @ gain
        value = closed.T @ ahead @ closed + gain.T @ EFFORT @ gain
        gains.append(gain)
        bends.append(bend)
    return gains[::-1], bends[::-1]


def _problem(count: int = 3) -> tuple[FloatArray, FloatArray, FloatArray]:
    draw = np.random.default_rng(0)
    return draw.normal(size=(count, 3)), draw.normal(size=(count, STEPS, 2)), _nothing(count)


def _nothing(count: int) -> FloatArray:
    return np.zeros((count, STEPS, 0))


def test_one_iteration_gives_the_riccati_solution() -> None:
    start, guess, context = _problem()
    options = ILQR(iterations=1, regularization=0.0)
    plans = plan(_System(), _cost, start, guess, context, options)
    gains, bends = _riccati()
    state = start
    for t in range(STEPS):
        np.testing.assert_allclose(plans.gains.feedback[:, t], [gains[t]] * 3, atol=1e-6)
        np.testing.assert_allclose(plans.gains.curvature[:, t], [bends[t]] * 3, atol=1e-6)
        action = state @ gains[t].T
        np.testing.assert_allclose(plans.action[:, t], action, atol=1e-5)
        state = state @ A.T + action @ B.T
    np.testing.assert_allclose(plans.gains.feedforward, 0.0, atol=1e-5)


def test_a_second_iteration_finds_nothing_to_improve() -> None:
    start, guess, context = _problem()
    plans = plan(_System(), _cost, start, guess, context, ILQR(regularization=0.0))
    assert plans.converged.all()
    assert len(plans.cost) == 3  # the first guess, the solution, and the look that ends it
    np.testing.assert_allclose(plans.cost[2], plans.cost[1], rtol=1e-9)
    assert (plans.cost[1] < 0.6 * plans.cost[0]).all()


def test_a_linear_system_is_its_own_linearisation() -> None:
    draw = np.random.default_rng(1)
    model = linearize(_System(), draw.normal(size=(4, 3)), draw.normal(size=(4, 2)))
    expected = np.broadcast_to(np.concatenate((A, B), 1), (4, 3, 5))
    np.testing.assert_allclose(model.state, expected, atol=1e-8)
    np.testing.assert_allclose(model.output, expected, atol=1e-8)


def test_a_quadratic_cost_is_its_own_model() -> None:
    """L = 1/2 y'Py + 1/2 u'Ru with y = Ax + Bu: gradient (A'Py, B'Py + Ru), Hessian likewise."""
    draw = np.random.default_rng(2)
    state, action = draw.normal(size=(1, 3)), draw.normal(size=(1, 2))
    output, _ = _System().step(state, action)
    model = quadratize(_cost, linearize(_System(), state, action), output, action, np.zeros((1, 0)))
    slope = np.concatenate((A.T @ PRICE @ output[0], B.T @ PRICE @ output[0] + EFFORT @ action[0]))
    joined = np.concatenate((A, B), 1)
    bend = joined.T @ PRICE @ joined
    bend[3:, 3:] += EFFORT
    np.testing.assert_allclose(model.gradient[0], slope, atol=1e-7)
    np.testing.assert_allclose(model.hessian[0], bend, atol=1e-7)


def test_regularisation_shortens_the_change_of_action() -> None:
    start, guess, context = _problem(1)
    output = _System().step(start, guess[:, 0])[0]
    linear = linearize(_System(), start, guess[:, 0])
    model = quadratize(_cost, linear, output, guess[:, 0], context[:, 0])
    for part in (linear, model):  # one trajectory of one step
        for name in part.__slots__:
            object.__setattr__(part, name, getattr(part, name)[None])
    length = [
        float(np.linalg.norm(backward_pass(linear, model, np.array([mu])).feedforward))
        for mu in (0.0, 1.0, 100.0)
    ]
    assert length[0] > 1.2 * length[1] > 5 * length[2] > 0


def test_an_action_at_its_bound_is_held_where_it_would_go_beyond() -> None:
    start, guess, context = _problem(1)
    output = _System().step(start, guess[:, 0])[0]
    linear = linearize(_System(), start, guess[:, 0])
    model = quadratize(_cost, linear, output, guess[:, 0], context[:, 0])
    for part in (linear, model):
        for name in part.__slots__:
            object.__setattr__(part, name, getattr(part, name)[None])
    free = backward_pass(linear, model, np.zeros(1))
    down = -np.sign(model.gradient[0, 0, 3:])  # where each action wants to go
    bound = np.array([[[down[0], -down[1]]]])  # the first may not, the second may
    held = backward_pass(linear, model, np.zeros(1), bound)
    assert held.feedforward[0, 0, 0] == 0.0
    assert not held.feedback[0, 0, 0].any()
    alone = -model.gradient[0, 0, 4] / model.hessian[0, 0, 4, 4]  # of the second, by itself
    np.testing.assert_allclose(held.feedforward[0, 0, 1], alone)
    assert 0 < held.promise[0] < free.promise[0]


def test_the_covariance_is_the_inverse_curvature_within_bounds() -> None:
    inside = np.array([[4.0, 1.0], [1.0, 3.0]])
    covariance = bounded_covariance(inside, 0.1, 0.01, 1.0)
    np.testing.assert_allclose(covariance, 0.1 * np.linalg.inv(inside))
    bent = np.diag([-5.0, 1e9])  # a saddle, and a narrow valley
    np.testing.assert_allclose(bounded_covariance(bent, 0.1, 0.01, 0.5), np.diag([0.25, 1e-4]))


def test_wrong_shapes_are_refused() -> None:
    start, guess, _ = _problem()
    with pytest.raises(ValueError, match=r"context \[2, 12, 0\]: allowed is \[N, S\], \[N, T, m\]"):
        plan(_System(), _cost, start, guess, _nothing(2))
