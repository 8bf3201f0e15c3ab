"""Speed of replay, pools and hindsight, side by side in one run; prints Markdown tables.

Shapes are Fetch's (25 numbers observed, goals of 3, 4 actions), segments 50 steps long and written
by 8 environments, one thread. Every figure is the median of some rounds; in each round all
candidates take their turn, so that a busy machine slows all of them. Peers that are not installed
are left out. ``make bench-replay`` runs it.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from bnpo.credit import HER
from bnpo.replay import ImportanceRatio, Pool, SamplingLaw, SegmentTable, TDError, Uniform
from bnpo.types import TaskSpec, Transitions

Work = Callable[[], int]
"""Does a piece of work and returns how many transitions it was."""

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
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds, of which the median counts")
    parser.add_argument("--transitions", type=int, default=1_000_000, help="size of the tables")
    parser.add_argument("--largest", type=int, default=10_000_000, help="end of the scaling table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{args.transitions:,} transitions, torch {torch.__version__}\n")
    table = filled_table(args.transitions)
    hindsight(table, args.rounds, args.transitions)
    prioritized(table, args.rounds, args.transitions)
    memory(table)
    del table
    scaling(args.rounds, args.largest)


# --- what is compared ---


class Judge:
    """Evaluator of a sparse task whose networks are not asked."""

    gamma = 0.98

    def __init__(self) -> None:
        """Seed the random numbers."""
        self.generator = torch.Generator().manual_seed(0)

    def reward(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Zero within 5 cm of the goal, else minus one; [B, 1]."""
        distance = torch.linalg.vector_norm(achieved_goal - desired_goal, dim=-1, keepdim=True)
        return -(distance > 0.05).to(achieved_goal.dtype)


def hindsight(table: SegmentTable, rounds: int, capacity: int) -> None:
    """Draw, relabel and credit a batch; write a step of every environment."""
    judge: Any = Judge()
    candidates: dict[str, Work] = {"insert": functools.partial(insert, table, 200)}
    for batch in BATCHES:
        for name, scheme in (("one step", HER(steps=1)), ("floating 3-step", HER(steps=3))):
            candidates[f"{name} {batch}"] = functools.partial(relabel, table, scheme, judge, batch)
    if find_spec("stable_baselines3"):
        buffer, add = sb3_her(capacity)
        candidates["SB3 insert"] = lambda: add(200)
        for batch in BATCHES:
            candidates[f"SB3 {batch}"] = sampling_sb3(buffer, batch)
    speed = measure(candidates, rounds)
    rows = []
    for batch in BATCHES:
        peer = speed.get(f"SB3 {batch}")
        if peer is not None:
            rows.append((f"SB3 HerReplayBuffer, batch {batch}", peer, ""))
        for name in ("one step", "floating 3-step"):
            ours = speed[f"{name} {batch}"]
            rows.append((f"HER, {name}, batch {batch}", ours, compared(ours, peer, 3.0)))
    if "SB3 insert" in speed:
        rows.append(("SB3 insert", speed["SB3 insert"], ""))
    rows.append(("insert", speed["insert"], compared(speed["insert"], speed.get("SB3 insert"), 0)))
    show("Hindsight: draw and credit; insertion", rows)


def prioritized(table: SegmentTable, rounds: int, capacity: int) -> None:
    """Draw from a pool and give what was drawn new priorities."""
    laws: dict[str, SamplingLaw] = {
        "importance ratio": ImportanceRatio(),
        "TD error": TDError(),
        "uniform": Uniform(),
    }
    candidates: dict[str, Work] = {}
    for name, law in laws.items():
        pool = filled_pool(table, law, capacity)
        for batch in BATCHES:
            candidates[f"{name} {batch}"] = functools.partial(
                draw_and_update, pool, torch.Generator(), torch.rand(batch) + 0.5
            )
    if find_spec("tianshou"):
        peer = tianshou_prioritized(capacity)
        for batch in BATCHES:
            candidates[f"tianshou {batch}"] = sampling_tianshou(peer, batch)
    speed = measure(candidates, rounds)
    rows = []
    for batch in BATCHES:
        other = speed.get(f"tianshou {batch}")
        if other is not None:
            rows.append((f"tianshou PrioritizedReplayBuffer, batch {batch}", other, ""))
        for name in laws:
            ours = speed[f"{name} {batch}"]
            rows.append((f"Pool, {name}, batch {batch}", ours, compared(ours, other, 1.0)))
    show("Pools: draw and update of priorities", rows)


def memory(table: SegmentTable) -> None:
    """Bytes of the table over those of the raw arrays of full-length episodes."""
    segments = table.transitions_stored // STEPS
    seen = SPEC.observation_dim + 2 * SPEC.goal_dim
    raw = 4 * segments * ((STEPS + 1) * seen + STEPS * (3 * SPEC.action_dim + 2))
    print(f"## Memory\n\n{table.nbytes / raw:.3f}x the bytes of the raw arrays (limit 1.1x)\n")


def scaling(rounds: int, largest: int) -> None:
    """Cost of a draw against the size of table and pool, as microseconds."""
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
    speed = measure(candidates, rounds)
    print("## Cost of a draw, microseconds\n")
    print("| | " + " | ".join(f"{size:,}" for size in sizes) + " | last / first | limit |")
    print("|---|" + "---|" * (len(sizes) + 2))
    for name, limit in (("table", 2), ("pool uniform", 2), ("pool by priority", 3)):
        for batch in BATCHES:
            cost = [1e6 * batch / speed[f"{name} {batch} {size}"] for size in sizes]
            cells = " | ".join(f"{c:,.0f}" for c in cost)
            print(f"| {name}, batch {batch} | {cells} | {cost[-1] / cost[0]:.2f} | {limit} |")
    print()


# --- ours ---


def some_step(spec: TaskSpec, envs: int) -> tuple[Tensor, ...]:
    """One step of every environment, random numbers throughout; no episode ends."""
    seen = (spec.observation_dim, spec.goal_dim, spec.goal_dim)
    action = torch.randn(3, envs, spec.action_dim)
    goes_on = torch.zeros(envs, dtype=torch.bool)
    after = [torch.randn(envs, width) for width in seen]
    numbers = (torch.randn(envs), -torch.ones(envs, 1))
    return (*action, *numbers, goes_on, goes_on, *after, *after)


def filled_table(transitions: int, spec: TaskSpec = SPEC, envs: int = ENVS) -> SegmentTable:
    """Fill a table of so many transitions."""
    table = SegmentTable(spec, capacity=transitions, max_steps=STEPS, num_envs=envs)
    step = some_step(spec, envs)
    table.begin(*step[-3:])
    for _ in range(transitions // envs // STEPS * STEPS):
        table.append(*step)
    table.trajectories.observation.normal_()
    table.trajectories.achieved_goal.normal_()
    return table


def insert(table: SegmentTable, times: int) -> int:
    """Write some steps of every environment."""
    step = some_step(SPEC, ENVS)
    for _ in range(times):
        table.append(*step)
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
    pool = Pool(capacity, law)
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


# --- peers ---


class Goals(gym.Env[Any, Any]):
    """An environment of Fetch's shapes that rewards alone: SB3 asks it to relabel."""

    def __init__(self) -> None:
        """Declare the spaces."""
        widths = {"observation": 25, "achieved_goal": 3, "desired_goal": 3}
        self.observation_space = gym.spaces.Dict(
            {k: gym.spaces.Box(-np.inf, np.inf, (w,), np.float32) for k, w in widths.items()}
        )
        self.action_space = gym.spaces.Box(-1, 1, (4,), np.float32)

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, _info: Any) -> Any:
        """Zero within 5 cm of the goal, else minus one."""
        distance = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
        return -(distance > 0.05).astype(np.float32)


def sb3_her(capacity: int) -> tuple[Any, Callable[[int], int]]:
    """SB3's buffer, filled, and a function that adds steps to it."""
    from stable_baselines3 import HerReplayBuffer
    from stable_baselines3.common.vec_env import DummyVecEnv

    env = DummyVecEnv([Goals] * ENVS)
    spaces = (env.observation_space, env.action_space)
    buffer = HerReplayBuffer(capacity, *spaces, env=env, n_envs=ENVS, n_sampled_goal=4)
    rng = np.random.default_rng(0)
    widths = {"observation": 25, "achieved_goal": 3, "desired_goal": 3}
    seen = {k: rng.normal(size=(ENVS, w)).astype(np.float32) for k, w in widths.items()}
    action = rng.normal(size=(ENVS, 4)).astype(np.float32)
    infos: list[dict[str, Any]] = [{} for _ in range(ENVS)]

    def add(times: int) -> int:
        for i in range(times):
            done = np.full(ENVS, i % STEPS == STEPS - 1)
            buffer.add(seen, seen, action, -np.ones(ENVS), done, infos)
        return times * ENVS

    add(capacity // ENVS // STEPS * STEPS)
    return buffer, add


def sampling_sb3(buffer: Any, batch: int) -> Work:
    """Draw and relabel batches."""

    def work() -> int:
        for _ in range(20):
            buffer.sample(batch)
        return 20 * batch

    return work


def tianshou_prioritized(capacity: int) -> Any:
    """Tianshou's buffer, filled; observation and goal are one array, which is its fastest form."""
    from tianshou.data import Batch, PrioritizedReplayBuffer

    buffer = PrioritizedReplayBuffer(capacity, alpha=0.6, beta=0.4)
    rng = np.random.default_rng(0)
    step = Batch(
        obs=rng.normal(size=28).astype(np.float32),
        act=rng.normal(size=4).astype(np.float32),
        rew=-1.0,
        terminated=False,
        truncated=False,
        obs_next=rng.normal(size=28).astype(np.float32),
        info={},
    )
    for _ in range(capacity):
        buffer.add(step)
    buffer.update_weight(np.arange(capacity), rng.random(capacity) + 0.5)
    return buffer


def sampling_tianshou(buffer: Any, batch: int) -> Work:
    """Draw batches and give them new priorities."""
    priority = np.random.default_rng(0).random(batch) + 0.5

    def work() -> int:
        for _ in range(20):
            buffer.update_weight(buffer.sample(batch)[1], priority)
        return 20 * batch

    return work


# --- measuring and printing ---


def measure(candidates: dict[str, Work], rounds: int) -> dict[str, float]:
    """Transitions per second of each, the median over rounds in which they alternate."""
    speeds: dict[str, list[float]] = {name: [] for name in candidates}
    for work in candidates.values():
        work()
    for _ in range(rounds):
        for name, work in candidates.items():
            began = time.perf_counter()
            done = work()
            speeds[name].append(done / (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in speeds.items()}


def compared(ours: float, peer: float | None, asked: float) -> str:
    """Ratio to a peer, and whether it is what was asked."""
    if peer is None:
        return "peer not installed"
    ratio = ours / peer
    return f"{ratio:.2f}x" + (f" (asked {asked}x)" if asked else "")


def show(title: str, rows: list[tuple[str, float, str]]) -> None:
    """Print speeds as thousand transitions per second."""
    print(f"## {title}\n\n| | thousand transitions / s | to the peer |\n|---|---|---|")
    for name, speed, remark in rows:
        print(f"| {name} | {speed / 1e3:,.0f} | {remark} |")
    print(flush=True)


if __name__ == "__main__":
    main()
