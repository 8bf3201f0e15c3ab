"""Returns and advantages of one trajectory from their definitions, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence

Numbers = Sequence[float]


def k_step_return(reward: Numbers, after: Numbers, t: int, n: int, gamma: float) -> float:
    """n-step return of step t: Σ_{i<n} γ^i r_{t+i} + γ^n V(s_{t+n}), V(s_{t+1}) in ``after[t]``."""
    return sum(gamma**i * reward[t + i] for i in range(n)) + gamma**n * after[t + n - 1]


def lambda_return(
    reward: Numbers, after: Numbers, t: int, n: int, gamma: float, gae_lambda: float
) -> float:
    """Average of the k-step returns of step t, k <= n, with weights (1-λ) λ^{k-1} and λ^{n-1}."""
    parts = [k_step_return(reward, after, t, k, gamma) for k in range(1, n + 1)]
    inner = sum((1 - gae_lambda) * gae_lambda ** (k - 1) * parts[k - 1] for k in range(1, n))
    return inner + gae_lambda ** (n - 1) * parts[-1]


def gae(
    reward: Numbers, value: Numbers, after: Numbers, t: int, gamma: float, gae_lambda: float
) -> float:
    """Generalised advantage of step t: Σ_k (γλ)^k (r_{t+k} + γ V(s_{t+k+1}) - V(s_{t+k}))."""
    return sum(
        (gamma * gae_lambda) ** (i - t) * (reward[i] + gamma * after[i] - value[i])
        for i in range(t, len(reward))
    )
