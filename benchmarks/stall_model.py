"""What the stall zone asks of a learner: the true optimum and what hindsight would settle on.

    python benchmarks/stall_model.py

A tabular model of task stall_reacher: joint angles on a grid, each joint moves by one cell or none
in a step, the zone and the targets where the task has them. A step that begins in the zone stalls
with probability p, and the arm then stands still until the episode ends. Three policies are
evaluated exactly (no sampling):

* the one that is optimal under the true values, at the task's discount;
* the one that is optimal under values learnt from a replay of which a share of the goals is
  replaced by places reached later in the episode (HER, future), at the fixed point: the replay is
  that policy's own, with random actions mixed in. A stall is seen under a relabelled goal only
  where that goal is the place of the stall, so its probability, given a goal beyond the zone, is
  too low;
* the one that is optimal if there were no stalls.

Then the arm itself is asked, with controllers of some parameters drawn at random: the fastest way
to each target, the fastest that keeps out of the zone, and how often each succeeds when motors
stall. Results: benchmarks/results/stall_model.json.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from medians import RESULTS
from stall_ways import measure_ways

from bnpo.envs.reacher.goal_reacher_config import LINKS, GoalReacherConfig
from bnpo.files import write_json
from bnpo.presets import TASKS

FloatArray = npt.NDArray[np.float64]

TASK = TASKS["stall_reacher"]
CELL = 2 * np.pi / 36
"""Angle of a grid cell (rad); a joint moves by one in a step, 0.17 rad in 0.02 s."""

BIN = 0.02
"""Side of the squares in which goals count as one (metres): the task's threshold."""

RATIO = 0.8
"""Share of the goals that are replaced, as in HER's default."""

NOISE = 0.2
"""Share of random actions in the replay."""


class StallModel:
    """The task on a grid.

    States are the cells of two joint angles [S], actions the moves of both joints [A], goals the
    squares of the plane whose centres are targets of the task [G].
    """

    def __init__(self, config: GoalReacherConfig, gamma: float) -> None:
        """Lay the grid."""
        assert config.zone is not None
        count, half = round(2 * np.pi / CELL), int(3.0 / CELL)  # the elbow's limits are +-3 rad
        shoulder = np.arange(count)[:, None]
        elbow = np.arange(-half, half + 1)[None]
        first, second = shoulder * CELL, (shoulder + elbow) * CELL
        tip = np.stack([f(first) * LINKS[0] + f(second) * LINKS[1] for f in (np.cos, np.sin)], -1)
        points = tip.reshape(-1, 2)
        self.states = len(points)
        self.start = half  # both angles 0
        x, y, radius = config.zone
        inside = np.hypot(points[:, 0] - x, points[:, 1] - y) <= radius
        self.stalls = np.where(inside, config.stall_probability, 0.0)  # [S]
        width = 2 * half + 1
        moves = itertools.product((-1, 0, 1), repeat=2)
        self.next = np.stack(
            [
                ((shoulder + a) % count * width + np.clip(elbow + b, -half, half) + half).reshape(
                    -1
                )
                for a, b in moves
            ],
            1,
        )  # [S, A]
        squares = np.floor(points / BIN + 0.5)
        middle = np.array(config.target_center)
        targets = [
            square
            for square in np.unique(squares, axis=0)
            if np.hypot(*(square * BIN - middle)) <= config.target_radius
        ]
        self.reached = np.stack([(squares == square).all(1) for square in targets])  # [G, S]
        self.gamma, self.horizon = gamma, config.episode_steps

    def best_policy(self, belief: FloatArray) -> FloatArray:
        """Policy [G, S, A] that is optimal if stalls have the probabilities of ``belief``, alike.

        Sparse reward: 0 in the goal's square, else -1, discounted without an end.
        """
        reward = self.reached - 1.0  # [G, S]
        value = reward / (1.0 - self.gamma)
        stalled = (value)[:, :, None]  # of standing still from now on
        while True:
            moving = (reward + self.gamma * value)[:, self.next]
            quality = (1.0 - belief) * moving + belief * stalled
            new = quality.max(-1)
            if np.abs(new - value).max() < 1e-9:
                break
            value = new
        best = quality >= new[..., None] - 1e-7
        return np.asarray(best / best.sum(-1, keepdims=True))

    def visits(self, policy: FloatArray) -> FloatArray:
        """Probability of each state, motors working, at each step [T + 1, S], under one goal."""
        flow = np.zeros((self.horizon + 1, self.states))
        flow[0, self.start] = 1.0
        for t in range(self.horizon):
            moved = (flow[t] * (1.0 - self.stalls))[:, None] * policy
            np.add.at(flow[t + 1], self.next, moved)
        return flow

    def outcome(self, policy: FloatArray) -> dict[str, float]:
        """Success at the end of the episode, and steps to a target without stalls."""
        success, steps = [], []
        for goal, rows in zip(self.reached, policy, strict=True):
            flow = self.visits(rows)
            stuck = (flow[:-1] * self.stalls).sum(0)
            success.append((flow[-1] + stuck)[goal].sum())
            state, count = self.start, 0
            while not goal[state] and count < self.horizon:
                state, count = int(self.next[state, rows[state].argmax()]), count + 1
            steps.append(count)
        return {"success": float(np.mean(success)), "steps": float(np.mean(steps))}

    def seen_stalls(self, policy: FloatArray, ratio: float) -> FloatArray:
        """Share of stalls among replayed steps from each state, action and goal, [G, S, A].

        Args:
            policy: that fills the replay, [G, S, A]; desired goals are uniform
            ratio: share of goals replaced by the place of a later step, uniform over those

        """
        acting = (1.0 - NOISE) * policy + NOISE / policy.shape[-1]
        counts = np.zeros((2, *policy.shape))  # moved, stalled
        hits = self.reached.astype(np.float64)
        for goal, rows in enumerate(acting):
            flow = self.visits(rows)
            total = flow[:-1].sum(0)
            for kind, share in enumerate((1.0 - self.stalls, self.stalls)):
                counts[kind, goal] += (1.0 - ratio) * (total * share)[:, None] * rows
            later = hits  # expected steps in each goal's square from here to the end [G, S]
            for left in range(1, self.horizon + 1):  # steps that follow the step replayed
                now = flow[self.horizon - left]
                moved = (now * (1.0 - self.stalls))[:, None] * rows
                stuck = (now * self.stalls)[:, None] * rows
                counts[0] += ratio * moved * later[:, self.next] / left
                counts[1] += ratio * stuck * hits[:, :, None]
                ahead = (rows * later[:, self.next]).sum(-1)
                later = hits + (1.0 - self.stalls) * ahead + self.stalls * left * hits
        total = counts.sum(0)
        return np.asarray(np.divide(counts[1], total, out=np.zeros_like(total), where=total > 0))

    def fixed_point(self, ratio: float, rounds: int = 8) -> FloatArray:
        """Policy that is optimal under what its own replay shows, [G, S, A]."""
        belief = np.zeros((*self.reached.shape, self.next.shape[1]))
        for _ in range(rounds):
            belief = 0.5 * (belief + self.seen_stalls(self.best_policy(belief), ratio))
        return self.best_policy(belief)

    def truth(self) -> FloatArray:
        """True probabilities of a stall, [G, S, A]."""
        shape = (*self.reached.shape, self.next.shape[1])
        return np.broadcast_to(self.stalls[None, :, None], shape).copy()


def main() -> None:
    """Solve the model, ask the arm, print both and leave them."""
    config = GoalReacherConfig(**TASK["env_kwargs"])
    model = StallModel(config, TASK["agent"]["gamma"])
    policies = {
        "optimum": model.best_policy(model.truth()),
        f"hindsight at {RATIO}": model.fixed_point(RATIO),
        "hindsight at 0 (real goals alone)": model.fixed_point(0.0),
        "without stalls": model.best_policy(0.0 * model.truth()),
    }
    figures: dict[str, Any] = {
        "model": {name: model.outcome(one) for name, one in policies.items()}
    }
    figures["arm"] = measure_ways(TASK["env_kwargs"])
    for where, rows in figures.items():
        print(f"{where}:")
        for name, row in rows.items():
            print(f"  {name:36}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    write_json(RESULTS / "stall_model.json", figures)


if __name__ == "__main__":
    main()
