"""Iterative LQR (Tassa, Erez and Todorov 2012) for many trajectories at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnpo.planning.cost import Cost, Quadratic, evaluate, quadratize
from bnpo.planning.dynamics import Dynamics, FloatArray, Linear, linearize
from bnpo.planning.plans import ILQR, BoolArray, IndexArray, Plan
from bnpo.planning.riccati import Gains, backward_pass, bounded_covariance

__all__ = ["plan", "plan_best"]


@dataclass
class _Search:
    """Nominal trajectories and their local models, both changed in place."""

    dynamics: Dynamics
    cost: Cost
    context: FloatArray
    options: ILQR
    state: FloatArray
    action: FloatArray
    output: FloatArray
    value: FloatArray
    linear: Linear
    quadratic: Quadratic

    def model(self, rows: IndexArray) -> None:
        """Linearise and quadratise the trajectories of these rows [K] anew."""
        if not len(rows):
            return
        steps, options = self.action.shape[1], self.options
        action = self.action[rows].reshape(len(rows) * steps, -1)
        start = self.state[rows, :-1].reshape(len(action), -1)
        linear = linearize(self.dynamics, start, action, options.epsilon)
        output = self.output[rows].reshape(len(action), -1)
        context = self.context[rows].reshape(len(action), -1)
        quadratic = quadratize(self.cost, linear, output, action, context)
        for whole, part in (
            (self.linear.state, linear.state),
            (self.linear.output, linear.output),
            (self.quadratic.gradient, quadratic.gradient),
            (self.quadratic.hessian, quadratic.hessian),
        ):
            whole[rows] = part.reshape(len(rows), steps, *part.shape[1:])

    def gains(self, rows: IndexArray, regularization: FloatArray) -> Gains:
        """Return the backward pass over the trajectories of these rows [K]."""
        linear = Linear(state=self.linear.state[rows], output=self.linear.output[rows])
        quadratic = Quadratic(
            gradient=self.quadratic.gradient[rows], hessian=self.quadratic.hessian[rows]
        )
        low, high = (self.action[rows] == end for end in (self.dynamics.low, self.dynamics.high))
        outward = high.astype(np.float64) - low
        return backward_pass(linear, quadratic, regularization[rows], outward)

    def improve(self, rows: IndexArray, gains: Gains) -> BoolArray:
        """Take the best of all step sizes where it lowers the cost; return whether it did, [K]."""
        tries, count = self.options.line_search, len(rows)
        share = np.repeat(0.5 ** np.arange(tries), count)[:, None]  # [tries K, 1]
        every = np.tile(rows, tries)
        index = np.tile(np.arange(count), tries)
        state, dynamics = self.state[every, 0], self.dynamics
        states, actions, outputs = [state], [], []
        for t in range(self.action.shape[1]):
            change = dynamics.difference(state, self.state[every, t])
            back = (gains.feedback[index, t] @ change[:, :, None])[:, :, 0]
            action = self.action[every, t] + share * gains.feedforward[index, t] + back
            action = np.clip(np.nan_to_num(action), dynamics.low, dynamics.high)
            state, output = dynamics.step(state, action)
            states.append(state)
            actions.append(action)
            outputs.append(output)
        improved = [np.stack(parts, 1) for parts in (states, actions, outputs)]
        value = evaluate(self.cost, improved[2], improved[1], self.context[every]).sum(1)
        best = value.reshape(tries, count).argmin(0) * count + np.arange(count)
        better: BoolArray = value[best] < self.value[rows]
        moved, taken = rows[better], best[better]
        self.state[moved], self.action[moved] = improved[0][taken], improved[1][taken]
        self.output[moved], self.value[moved] = improved[2][taken], value[taken]
        return better


def plan(
    dynamics: Dynamics,
    cost: Cost,
    start: FloatArray,
    action: FloatArray,
    context: FloatArray,
    options: ILQR | None = None,
) -> Plan:
    """Lower the cost of N trajectories of T steps until it stops falling; it never rises.

    Args:
        dynamics: what is stepped
        cost: of a step
        start: first states, [N, S]
        action: first guess of the actions, [N, T, m]
        context: of every step, [N, T, c]
        options: of the planner

    """
    options = options or ILQR()
    search = _begin(dynamics, cost, start, action, context, options)
    count = len(start)
    everything = np.arange(count)
    damping = np.full(count, options.regularization)
    done = np.zeros(count, np.bool_)
    search.model(everything)
    history = [search.value.copy()]
    for _ in range(options.iterations):
        rows = np.flatnonzero(~done)
        if not len(rows):
            break
        before = search.value[rows]
        gains = search.gains(rows, damping)
        better = search.improve(rows, gains)
        search.model(rows[better])
        history.append(search.value.copy())
        damping[rows] = np.where(better, damping[rows] / 10.0, np.maximum(damping[rows], 1e-8) * 10)
        least = options.tolerance * np.abs(before)
        idle = (better & (before - search.value[rows] <= least)) | (gains.promise <= least)
        done[rows] = idle | (damping[rows] > options.regularization_max)
    gains = search.gains(everything, np.full(count, options.regularization))
    return Plan(
        state=search.state,
        action=search.action,
        output=search.output,
        cost=np.stack(history),
        converged=done,
        gains=gains,
        covariance=bounded_covariance(
            gains.curvature, options.temperature, options.sigma_min, options.sigma_max
        ),
    )


def plan_best(
    dynamics: Dynamics,
    cost: Cost,
    start: FloatArray,
    guesses: FloatArray,
    context: FloatArray,
    options: ILQR | None = None,
    *,
    margin: float = 0.0,
) -> Plan:
    """Plan from R first guesses of each trajectory at once and keep the cheapest plan.

    Args:
        dynamics: what is stepped
        cost: of a step
        start: first states, [N, S]
        guesses: first guesses of the actions, [R, N, T, m]
        context: of every step, [N, T, c]
        options: of the planner
        margin: share of its cost by which a later guess must beat the first

    """
    tries, count = guesses.shape[:2]
    plans = plan(
        dynamics,
        cost,
        np.tile(start, (tries, 1)),
        guesses.reshape(tries * count, *guesses.shape[2:]),
        np.tile(context, (tries, 1, 1)),
        options,
    )
    costs = plans.cost[-1].copy().reshape(tries, count)
    costs[0] -= margin * np.abs(costs[0])
    return plans[costs.argmin(0) * count + np.arange(count)]


def _begin(
    dynamics: Dynamics,
    cost: Cost,
    start: FloatArray,
    action: FloatArray,
    context: FloatArray,
    options: ILQR,
) -> _Search:
    """Roll the first guess out and make room for its models."""
    count, steps, m = action.shape
    if len(start) != count or context.shape[:2] != (count, steps):
        raise ValueError(
            f"plan: start {list(start.shape)}, action {list(action.shape)} and context "
            f"{list(context.shape)}: allowed is [N, S], [N, T, m] and [N, T, c]"
        )
    action = np.clip(action, dynamics.low, dynamics.high)
    states, outputs = [start], []
    for t in range(steps):
        following, output = dynamics.step(states[-1], action[:, t])
        states.append(following)
        outputs.append(output)
    n, output = dynamics.change_dim, np.stack(outputs, 1)
    width = n + m
    return _Search(
        dynamics=dynamics,
        cost=cost,
        context=context,
        options=options,
        state=np.stack(states, 1),
        action=action,
        output=output,
        value=evaluate(cost, output, action, context).sum(1),
        linear=Linear(
            state=np.zeros((count, steps, n, width)),
            output=np.zeros((count, steps, output.shape[2], width)),
        ),
        quadratic=Quadratic(
            gradient=np.zeros((count, steps, width)),
            hessian=np.zeros((count, steps, width, width)),
        ),
    )
