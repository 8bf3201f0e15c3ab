"""Ways of the real arm to targets behind the stall zone: the fastest, and the fastest round it.

Controllers turn each joint to the target's angle as fast as its motor can, some after a delay or
after folding the elbow first; which solution of the arm's angles, which way round, how long a delay
and how far a fold are drawn at random. The best of many are then played where motors stall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bnpo.envs import GoalReacherVectorEnv
from bnpo.envs.reacher.goal_reacher_config import LINKS

FloatArray = npt.NDArray[np.float64]

TRIES = 8_192
"""Controllers drawn for each target."""

TARGETS, REPEATS = 24, 100
SLOWEST = 40
"""Steps within which a way has to end."""


@dataclass
class Ways:
    """Parameters of N controllers."""

    goal: FloatArray
    """[N, 2], joint angles at the target (rad)"""
    delay: FloatArray
    """[N], steps for which the shoulder waits"""
    fold: FloatArray
    """[N], angle to which the elbow turns first (rad)"""
    folding: FloatArray
    """[N], steps for which it does"""

    def action(self, step: int, angles: FloatArray, speeds: FloatArray) -> FloatArray:
        """Torques [N, 2] at a step of the episode."""
        aim = self.goal.copy()
        aim[step < self.delay, 0] = 0.0
        folding = step < self.folding
        aim[folding, 1] = self.fold[folding]
        return fastest(aim - angles, speeds)

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> Ways:
        """Return some of the controllers."""
        return Ways(self.goal[rows], self.delay[rows], self.fold[rows], self.folding[rows])


def fastest(error: FloatArray, speed: FloatArray) -> FloatArray:
    """Torques that turn joints by ``error`` (rad) about as fast as 200 rad/s^2 allow."""
    wanted = np.sign(error) * np.sqrt(2.0 * 180.0 * np.abs(error))
    wanted = np.where(np.abs(error) < 0.1, error / 0.04, wanted)
    return np.asarray(np.clip((wanted - speed) / 4.0 + speed / 200.0, -1.0, 1.0))


def draw(target: FloatArray, rng: np.random.Generator) -> Ways:
    """Draw controllers that end at a target [2]."""
    first, second = LINKS
    cosine = (target @ target - first**2 - second**2) / (2.0 * first * second)
    elbow = rng.choice((-1.0, 1.0), TRIES) * np.arccos(np.clip(cosine, -1.0, 1.0))
    lean = np.arctan2(second * np.sin(elbow), first + second * np.cos(elbow))
    shoulder = np.mod(np.arctan2(target[1], target[0]) - lean, 2.0 * np.pi)
    shoulder -= rng.choice((0.0, 2.0 * np.pi), TRIES)  # either way round
    fold = rng.choice((-1.0, 1.0), TRIES) * rng.uniform(0.5, 3.0, TRIES)
    folding = rng.integers(0, 18, TRIES) * (rng.random(TRIES) < 0.8)
    delay = rng.integers(0, 12, TRIES)
    return Ways(np.stack((shoulder, elbow), 1), delay.astype(float), fold, folding.astype(float))


def play(
    env: GoalReacherVectorEnv, ways: Ways, targets: FloatArray, seed: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Play an episode of every controller: fingertips [N, T, 2] and success at its end [N]."""
    env.reset(seed=seed, options={"target": targets})
    places = []
    for step in range(env.episode_steps):
        physics = env.arrays()["physics"]
        observation, _, _, _, infos = env.step(ways.action(step, physics[:, 1:3], physics[:, 3:5]))
        places.append(observation["achieved_goal"])
    success = infos["final_info"]["is_success"]
    return np.stack(places[:-1], 1), np.asarray(success)


def measure_ways(settings: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Steps, steps in the zone and success of the fastest ways and of those round the zone."""
    zone = np.array(settings["stall_zone"])
    calm = {**settings, "stall_probability": 0.0}
    rng = np.random.default_rng(0)
    draws = GoalReacherVectorEnv(num_envs=TARGETS, threads=0, **calm)
    targets = draws.reset(seed=0)[0]["desired_goal"]
    env = GoalReacherVectorEnv(num_envs=TRIES, threads=0, **calm)
    chosen: dict[str, list[Ways]] = {"fastest": [], "round the zone": []}
    steps: dict[str, list[tuple[int, int]]] = {name: [] for name in chosen}
    for target in targets:
        ways = draw(target, rng)
        places, success = play(env, ways, np.tile(target, (TRIES, 1)), seed=0)
        near = np.hypot(*np.moveaxis(places - target, -1, 0)) < env.config.distance_threshold
        lasting = np.flip(np.cumprod(np.flip(near, 1), 1), 1) > 0
        arrival = np.where(success & lasting.any(1), 1 + lasting.argmax(1), 99)
        within = np.hypot(*np.moveaxis(places - zone[:2], -1, 0)) <= zone[2]
        inside = (within & (np.arange(places.shape[1]) + 1 < arrival[:, None])).sum(1)
        for name, allowed in (("fastest", inside >= 0), ("round the zone", inside == 0)):
            best = np.flatnonzero(allowed)[[arrival[allowed].argmin()]]
            if arrival[best[0]] > SLOWEST:
                raise RuntimeError(f"no way {name} to {target} within {SLOWEST} steps")
            chosen[name].append(ways[best])
            steps[name].append((int(arrival[best[0]]), int(inside[best[0]])))
    risky = GoalReacherVectorEnv(num_envs=TARGETS * REPEATS, threads=0, **settings)
    by_way = {}
    for name, parts in chosen.items():
        fields = [
            np.concatenate([getattr(part, field) for part in parts])
            for field in ("goal", "delay", "fold", "folding")
        ]
        rows = np.repeat(np.arange(TARGETS), REPEATS)
        _, success = play(risky, Ways(*fields)[rows], targets[rows], seed=1)
        taken = np.mean(steps[name], 0)
        by_way[name] = {
            "success": float(success.mean()),
            "steps": float(taken[0]),
            "steps in the zone": float(taken[1]),
        }
    for one in (draws, env, risky):
        one.close()
    return by_way
