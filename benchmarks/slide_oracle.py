"""How well a puck can be slid to its target: hits found by shooting, on the simulator.

    python benchmarks/slide_oracle.py

For each target torques of four spans of three steps are searched by the cross-entropy method: drawn
around a mean, simulated, the mean moved to the best of them. Then the arm brakes. The share of
targets on which the best hit ends within the threshold is what a policy can be measured against.
Results: benchmarks/results/slide_oracle.json.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
from medians import RESULTS

from bnpo.envs import SlideReacherVectorEnv
from bnpo.files import write_json

FloatArray = npt.NDArray[np.float64]

SPANS, STEPS = 4, 3


def best_hits(
    seeds: list[int], *, draws: int = 384, rounds: int = 12, elite: int = 16, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Torques [K, SPANS, 2] of the best hit for each episode, and how far it missed [K] (metres).

    Args:
        seeds: of the episodes: of starts and targets, K of them
        draws: hits simulated in a round, for each target
        rounds: how often the mean is moved
        elite: hits that it is moved to
        seed: of the draws

    """
    count, rng = len(seeds), np.random.default_rng(seed)
    env = SlideReacherVectorEnv(num_envs=count * draws)
    env.reset(seed=[one for one in seeds for _ in range(draws)])
    start = env.get_state()
    mean, spread = np.zeros((count, 1, SPANS, 2)), np.full((count, 1, SPANS, 2), 0.7)
    best, least = mean[:, 0].copy(), np.full(count, np.inf)
    for _ in range(rounds):
        hits = mean + spread * rng.standard_normal((count, draws, SPANS, 2))
        hits = np.clip(hits, -1.0, 1.0)
        env.set_state(start)
        missed = misses(env, hits.reshape(-1, SPANS, 2)).reshape(count, draws)
        order = missed.argsort(1)[:, :elite]
        chosen = np.take_along_axis(hits, order[:, :, None, None], 1)
        mean, spread = chosen.mean(1, keepdims=True), chosen.std(1, keepdims=True) + 0.01
        first = missed.min(1)
        better = first < least
        best[better], least[better] = chosen[better, 0], first[better]
    env.close()
    return best, least


def misses(env: SlideReacherVectorEnv, hits: FloatArray) -> FloatArray:
    """Distance of puck and target at the end of an episode of every hit, [N] (metres)."""
    for step in range(env.episode_steps - 1):  # the last one resets
        span = step // STEPS
        speeds = env.observe()["observation"][:, 4:6]
        env.step(hits[:, span] if span < SPANS else np.clip(-0.2 * speeds, -1.0, 1.0))
    observation = env.observe()
    gap = observation["achieved_goal"] - observation["desired_goal"]
    return np.asarray(np.hypot(gap[:, 0], gap[:, 1]))


def main() -> None:
    """Search hits for many targets, print and leave how many reach theirs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=50, help="episodes, each with its target")
    _, missed = best_hits(list(range(parser.parse_args().targets)))
    figures = {
        "targets": len(missed),
        "success": float((missed <= 0.03).mean()),
        "median_miss_mm": float(1e3 * np.median(missed)),
    }
    print(figures)
    write_json(RESULTS / "slide_oracle.json", figures)


if __name__ == "__main__":
    main()
