"""Speed of replay, pools and hindsight, side by side in one run; prints a Markdown table.

    python benchmarks/replay.py                 everything, 2 minutes
    python benchmarks/replay.py --only hindsight

Shapes are Fetch's (25 numbers observed, goals of 3, 4 actions), segments 50 steps long and written
by 8 environments, one thread. Every figure is the median of some rounds, in seconds of the
processor (--clock wall for those of the wall); in each round all candidates take their turn, so
that a busy machine slows all of them. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import functools
from importlib.util import find_spec
from typing import Any

import torch
from clock import CLOCKS, Clock, Work
from medians import Median, compared, leave, show
from replay_peers import (
    distance_reward,
    sampling_sb3,
    sampling_tianshou,
    sb3_her,
    tianshou_prioritized,
)
from torch import Tensor

from bnpo.credit import HER
from bnpo.replay import ImportanceRatio, Pool, SamplingLaw, SegmentTable, TDError, Uniform
from bnpo.types import TaskSpec, Transitions
from bnpo.types.step import Decision, Observation, Step

ENVS, STEPS, BATCHES = 8, 50, (256, 2048)
SPEC = TaskSpec(
    env_id="fetch",
    observation_dim=25,
    goal_dim=3,
    action_low=(-1.0,) * 4,
    action_high=(1.0,) * 4,
    max_episode_steps=STEPS,
)


def main() -> None:
    """Measure everything, print the table and leave it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds, of which the median counts")
    parser.add_argument("--transitions", type=int, default=1_000_000, help="size of the tables")
    parser.add_argument("--largest", type=int, default=10_000_000, help="end of the scaling table")
    parser.add_argument("--clock", choices=list(CLOCKS), default="cpu")
    parser.add_argument("--only", choices=("hindsight", "prioritized", "scaling"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    clock = Clock(args.rounds, CLOCKS[args.clock])
    made: list[Median] = []
    if args.only != "scaling":
        table = filled_table(args.transitions)
        if args.only != "prioritized":
            made += [*hindsight(table, clock, args.transitions), memory(table)]
        if args.only != "hindsight":
            made += prioritized(table, clock, args.transitions)
        del table
    if args.only in (None, "scaling"):
        made += scaling(clock, args.largest)
    show(made)
    leave("replay", made)


# --- what is compared ---


class Judge:
    """Evaluator of a sparse task whose networks are not asked."""

    gamma = 0.98

    def __init__(self) -> None:
        """Seed the random numbers."""
        self.generator = torch.Generator().manual_seed(0)

    def reward(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Zero within 5 cm of the goal, else minus one, by the function that SB3 asks; [B, 1]."""
        reward = distance_reward(achieved_goal.numpy(), desired_goal.numpy())
        return torch.from_numpy(reward)[:, None]

    def terminated(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """False: the task goes on where a goal is reached, as Fetch does; [B]."""
        return torch.zeros(len(achieved_goal), dtype=torch.bool)


def hindsight(table: SegmentTable, clock: Clock, capacity: int) -> list[Median]:
    """Draw, relabel and credit a batch; write a step of every environment."""
    judge: Any = Judge()
    candidates: dict[str, Work] = {"insert": functools.partial(insert, table, 200)}
    schemes = {"one step": HER(steps=1), "floating 3-step": HER(steps=3)}
    for batch in BATCHES:
        for name, scheme in schemes.items():
            candidates[f"{name} {batch}"] = functools.partial(relabel, table, scheme, judge, batch)
    if find_spec("stable_baselines3"):
        buffer, add = sb3_her(capacity, ENVS, STEPS)
        candidates["SB3 insert"] = lambda: add(200)
        for batch in BATCHES:
            candidates[f"SB3 {batch}"] = sampling_sb3(buffer, batch)
    speed = clock.measure(candidates)
    peer, unit = "SB3 HerReplayBuffer", "transitions/s"
    made = [
        compared(
            f"HER, {name}: draw and credit {batch}",
            speed[f"{name} {batch}"],
            peer,
            speed.get(f"SB3 {batch}"),
            unit,
            ">= 3",
        )
        for batch in BATCHES
        for name in schemes
    ]
    inserted = speed["insert"]
    return [*made, compared("insert", inserted, peer, speed.get("SB3 insert"), unit)]


def prioritized(table: SegmentTable, clock: Clock, capacity: int) -> list[Median]:
    """Draw from a pool and give what was drawn new priorities."""
    laws: dict[str, SamplingLaw] = {"importance ratio": ImportanceRatio(), "TD error": TDError()}
    candidates: dict[str, Work] = {}
    for name, law in laws.items():
        pool = filled_pool(table, law, capacity)
        for batch in BATCHES:
            candidates[f"{name} {batch}"] = functools.partial(
                draw_and_update, pool, torch.Generator(), torch.rand(batch) + 0.5
            )
    if find_spec("tianshou"):
        buffer = tianshou_prioritized(capacity)
        for batch in BATCHES:
            candidates[f"tianshou {batch}"] = sampling_tianshou(buffer, batch)
    speed = clock.measure(candidates)
    return [
        compared(
            f"pool by {name}: draw and update {batch}",
            speed[f"{name} {batch}"],
            "tianshou PrioritizedReplayBuffer",
            speed.get(f"tianshou {batch}"),
            "transitions/s",
            ">= 1",
        )
        for batch in BATCHES
        for name in laws
    ]


def memory(table: SegmentTable) -> Median:
    """Bytes of the table over those of the raw arrays of full-length episodes."""
    segments = table.transitions_stored // STEPS
    seen = SPEC.observation_dim + 2 * SPEC.goal_dim
    raw = 4 * segments * ((STEPS + 1) * seen + STEPS * (3 * SPEC.action_dim + 2))
    return Median(
        what="memory of full-length episodes",
        ours=table.nbytes / 2**20,
        unit="MiB",
        peer="raw arrays",
        theirs=raw / 2**20,
        ratio=table.nbytes / raw,
        asked="<= 1.1",
    )


def scaling(clock: Clock, largest: int) -> list[Median]:
    """Cost of a draw from the largest table and pool against one of 100,000."""
    sizes = [size for size in (100_000, 1_000_000, 10_000_000) if size <= largest]
    spec = TaskSpec(  # the index arithmetic is measured, not the width of Fetch's rows
        env_id="small", observation_dim=4, goal_dim=2, action_low=(-1.0,), action_high=(1.0,)
    )
    candidates: dict[str, Work] = {}
    for size in sizes:
        table = filled_table(size, spec, envs=1000)
        laws: dict[str, SamplingLaw] = {"by priority": ImportanceRatio(), "uniform": Uniform()}
        pools = {name: filled_pool(table, law, size) for name, law in laws.items()}
        for batch in BATCHES:
            candidates[f"table {batch} {size}"] = functools.partial(gather, table, Judge(), batch)
            for name, pool in pools.items():
                candidates[f"pool {name} {batch} {size}"] = functools.partial(
                    draw_and_update, pool, torch.Generator(), torch.rand(batch) + 0.5
                )
    speed = clock.measure(candidates)
    made = []
    for name, limit in (("table", 2), ("pool uniform", 2), ("pool by priority", 3)):
        for batch in BATCHES:
            costs = [1e6 * batch / speed[f"{name} {batch} {size}"] for size in sizes]
            made.append(
                Median(
                    what=f"{name}: draw {batch} of {sizes[-1]:,}",
                    ours=costs[-1],
                    unit="µs",
                    peer=f"of {sizes[0]:,}",
                    theirs=costs[0],
                    ratio=costs[-1] / costs[0],
                    asked=f"<= {limit}",
                )
            )
    return made


# --- ours ---


def some_step(spec: TaskSpec, envs: int) -> Step:
    """One step of every environment, random numbers throughout; no episode ends."""
    seen = (spec.observation_dim, spec.goal_dim, spec.goal_dim)
    action, mu, sigma = torch.randn(3, envs, spec.action_dim)
    goes_on = torch.zeros(envs, dtype=torch.bool)
    after = Observation(*(torch.randn(envs, width) for width in seen))
    return Step(
        decision=Decision(action, mu, sigma, torch.randn(envs)),
        reward=-torch.ones(envs, 1),
        terminated=goes_on,
        truncated=goes_on,
        next_observation=after,
        reset_observation=after,
        reward_low=-1.0,
        reward_high=-1.0,
        lag=0,
    )


def filled_table(transitions: int, spec: TaskSpec = SPEC, envs: int = ENVS) -> SegmentTable:
    """Fill a table of so many transitions."""
    table = SegmentTable(spec, capacity=transitions, max_steps=STEPS, num_envs=envs)
    step = some_step(spec, envs)
    table.begin(step.reset_observation)
    for _ in range(transitions // envs // STEPS * STEPS):
        table.append(step)
    table.trajectories.observation.normal_()
    table.trajectories.achieved_goal.normal_()
    return table


def insert(table: SegmentTable, times: int) -> int:
    """Write some steps of every environment."""
    step = some_step(SPEC, ENVS)
    for _ in range(times):
        table.append(step)
    return times * ENVS


def relabel(table: SegmentTable, scheme: HER, judge: Any, batch: int) -> int:
    """Draw and credit batches."""
    for _ in range(20):
        segment, at = table.draw(batch, table.capacity, judge.generator)
        scheme.assign(table.trajectories, segment, at, judge)
    return 20 * batch


def gather(table: SegmentTable, judge: Judge, batch: int) -> int:
    """Draw batches as they happened."""
    for _ in range(20):
        segment, at = table.draw(batch, table.capacity, judge.generator)
        table.trajectories.n_step(segment, at, torch.ones_like(at), judge.gamma)
    return 20 * batch


def filled_pool(table: SegmentTable, law: SamplingLaw, capacity: int) -> Pool:
    """Fill a pool with transitions of a table, every priority its own."""
    pool = Pool(capacity, law, compile="auto")
    generator = torch.Generator().manual_seed(0)
    while len(pool) < capacity:
        segment, at = table.draw(50_000, table.capacity, generator)
        made: Transitions = table.trajectories.n_step(segment, at, torch.ones_like(at), 0.98)
        pool.push(made, torch.rand(len(made), generator=generator) + 0.5)
    return pool


def draw_and_update(pool: Pool, generator: torch.Generator, priority: Tensor) -> int:
    """Draw batches and give them new priorities."""
    for _ in range(20):
        index = pool.draw(len(priority), generator)[1]
        pool.update(index, priority)
    return 20 * len(priority)


if __name__ == "__main__":
    main()
