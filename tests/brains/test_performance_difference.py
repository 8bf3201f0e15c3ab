"""Kakade and Langford's identity, the improvement bound, and policy iteration with the bound.

A small tabular problem with deterministic moves: 4 states, 3 actions, random rewards. Returns,
values and occupancies are linear solves, so nothing is drawn.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.credit.oracles import gae

Array = NDArray[Any]
STATES, ACTIONS = 4, 3


@dataclass
class Tabular:
    """Moves [S, A] to states, rewards [S, A], first states [S]."""

    move: NDArray[np.int64]
    reward: Array
    first: Array
    gamma: float

    @classmethod
    def drawn(cls, seed: int, gamma: float = 0.8) -> Tabular:
        rng = np.random.default_rng(seed)
        move = rng.integers(STATES, size=(STATES, ACTIONS))
        reward, first = rng.normal(size=move.shape), rng.dirichlet(np.ones(STATES))
        return cls(move, reward, first, gamma)

    def transition(self, policy: Array) -> Array:
        """P(s'|s) under a policy, [S, S]."""
        matrix = np.zeros((STATES, STATES))
        for s, a in itertools.product(range(STATES), range(ACTIONS)):
            matrix[s, self.move[s, a]] += policy[s, a]
        return matrix

    def value(self, policy: Array) -> Array:
        """V, [S]: (I - gamma P) V = r."""
        matrix = np.eye(STATES) - self.gamma * self.transition(policy)
        values: Array = np.linalg.solve(matrix, (policy * self.reward).sum(1))
        return values

    def advantage(self, policy: Array) -> Array:
        """A(s, a) = r + gamma V(s') - V(s), [S, A]."""
        value = self.value(policy)
        advantages: Array = self.reward + self.gamma * value[self.move] - value[:, None]
        return advantages

    def occupancy(self, policy: Array) -> Array:
        """rho(s) = sum_t gamma^t P(s_t = s), [S]."""
        matrix = np.eye(STATES) - self.gamma * self.transition(policy)
        visits: Array = np.linalg.solve(matrix.T, self.first)
        return visits

    def expected_return(self, policy: Array) -> float:
        """eta = E[V(s_0)]."""
        return float(self.first @ self.value(policy))

    def surrogate(self, old: Array, new: Array) -> float:
        """L_old(new) = eta(old) + sum_s rho_old(s) sum_a new(a|s) A_old(s, a)."""
        gain = (new * self.advantage(old)).sum(1)
        return self.expected_return(old) + float(self.occupancy(old) @ gain)

    def penalty(self, old: Array) -> float:
        """C = 4 eps gamma / (1 - gamma)^2 with eps = max |A_old|, of general policies."""
        return float(4 * np.abs(self.advantage(old)).max() * self.gamma / (1 - self.gamma) ** 2)


def _policies(seed: int, count: int = 2) -> list[Array]:
    rng = np.random.default_rng(100 + seed)
    return [rng.dirichlet(np.ones(ACTIONS), size=STATES) for _ in range(count)]


def _kl(old: Array, new: Array) -> float:
    """Largest KL(old || new) of any state."""
    return float((old * np.log(old / new)).sum(1).max())


@pytest.mark.parametrize("seed", range(5))
def test_the_difference_of_returns_is_the_old_advantage_where_the_new_policy_goes(
    seed: int,
) -> None:
    task, (old, new) = Tabular.drawn(seed), _policies(seed)
    gain = float(task.occupancy(new) @ (new * task.advantage(old)).sum(1))
    difference = task.expected_return(new) - task.expected_return(old)
    assert difference == pytest.approx(gain, abs=1e-12)
    wrong = float(task.occupancy(old) @ (new * task.advantage(old)).sum(1))
    assert abs(difference - wrong) > 1e-4  # the surrogate is not the return


def test_the_identity_holds_for_gae_over_every_trajectory_of_a_finite_horizon() -> None:
    """With λ = 1, E_new[Â_old(s_0)] = η(new) - η(old), by the sum over all 3^4 trajectories.

    The values are those of the finite horizon: V_T = 0, backwards from there.
    """
    task, (old, new), horizon = Tabular.drawn(7), _policies(7), 4
    values = [np.zeros(STATES)]
    for _ in range(horizon):
        ahead = task.reward + task.gamma * values[0][task.move]
        values.insert(0, (old * ahead).sum(1))
    expected, identity = 0.0, 0.0
    for start, actions in itertools.product(
        range(STATES), itertools.product(range(ACTIONS), repeat=horizon)
    ):
        state, probability, states, rewards = start, task.first[start], [start], []
        for action in actions:
            probability *= new[state, action]
            rewards.append(task.reward[state, action])
            state = int(task.move[state, action])
            states.append(state)
        v = [float(values[t][s]) for t, s in enumerate(states)]
        identity += probability * gae(rewards, v[:-1], v[1:], 0, task.gamma, 1.0)
        expected += probability * sum(task.gamma**t * r for t, r in enumerate(rewards))
    assert identity == pytest.approx(expected - float(task.first @ values[0]), abs=1e-12)


def test_the_surrogate_matches_the_return_to_first_order() -> None:
    """At the old policy both have one value and one slope along any mixture; not one curvature."""
    task, (old, other) = Tabular.drawn(3), _policies(3)

    def gap(alpha: float) -> float:
        new = (1 - alpha) * old + alpha * other
        return task.expected_return(new) - task.surrogate(old, new)

    assert gap(0.0) == pytest.approx(0.0, abs=1e-12)
    assert gap(1e-3) / gap(1e-4) == pytest.approx(100, rel=0.05)  # no linear term


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_for_mixtures(seed: int) -> None:
    """|eta - L| <= 2 eps gamma alpha^2 / (1 - gamma)^2, eps = max_s |E_{a~other} A_old(s, a)|.

    Kakade and Langford (2002), in the simpler form of Schulman et al. (2015).
    """
    task, (old, other) = Tabular.drawn(seed), _policies(seed)
    eps = np.abs((other * task.advantage(old)).sum(1)).max()
    for alpha in (0.05, 0.3, 1.0):
        new = (1 - alpha) * old + alpha * other
        gap = abs(task.expected_return(new) - task.surrogate(old, new))
        assert gap <= 2 * eps * task.gamma * alpha**2 / (1 - task.gamma) ** 2


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_for_general_policies(seed: int) -> None:
    """|eta - L| <= C max TV^2 <= C max KL, C = 4 max|A| gamma / (1 - gamma)^2."""
    task, policies = Tabular.drawn(seed), _policies(seed, 3)
    for old, new in itertools.permutations(policies, 2):
        gap = abs(task.expected_return(new) - task.surrogate(old, new))
        total_variation = 0.5 * np.abs(old - new).sum(1).max()
        assert gap <= task.penalty(old) * total_variation**2
        assert total_variation**2 <= _kl(old, new)


def _improved(task: Tabular, old: Array) -> Array:
    """Best of a ladder of policies old exp(A / temperature), by the bound L - C max KL.

    Exercise: the maximiser over all policies has no closed form, since the largest KL is one
    number for all states; any step that raises the bound keeps the guarantee, and the ladder, which
    holds the old policy (temperature infinite), never lowers it.
    """
    advantage = task.advantage(old)
    temperature = np.geomspace(1e-2, 1e6, 200)[:, None, None]
    new = old * np.exp((advantage - advantage.max()) / temperature)
    new = np.maximum(new / new.sum(2, keepdims=True), 1e-300)
    gain = (new * advantage).sum(2) @ task.occupancy(old)
    kl = (old * np.log(old / new)).sum(2).max(1)
    bound = gain - task.penalty(old) * kl
    best: Array = new[bound.argmax()]
    return best if bound.max() > 0 else old


def test_approximate_policy_iteration_with_the_bound_never_gets_worse() -> None:
    """Algorithm 1 of Schulman et al. (2015): safe, and so slow that nobody runs it."""
    task, (policy, _) = Tabular.drawn(11, gamma=0.5), _policies(11)
    returns = [task.expected_return(policy)]
    for _ in range(400):
        policy = _improved(task, policy)
        returns.append(task.expected_return(policy))
    assert (np.diff(returns) >= 0).all()
    best = max(
        task.expected_return(np.eye(ACTIONS)[list(choice)])
        for choice in itertools.product(range(ACTIONS), repeat=STATES)
    )
    first, last = best - returns[0], best - returns[-1]
    assert 0 <= last < 0.5 * first
    # one unpenalised step of the same kind is as good as hundreds of guaranteed ones
    greedy = np.eye(ACTIONS)[task.advantage(_policies(11)[0]).argmax(1)]
    assert task.expected_return(greedy) > returns[100]
