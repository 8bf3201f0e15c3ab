"""What several brains on one actor cost beside each of them alone, per environment step.

    python benchmarks/hybrid_price.py

Hindsight, importance resampling and reanalysis: BPO against its two brains, each alone in a list.
An environment is stepped once for all brains, so what acting, stepping and storing cost without
any turn is subtracted once from the sum. Reanalysis on policy: PPO, whose rounds go back to the
replay with probability a half, against the same PPO that never does. Programs alternate, each
takes some turns of its brains at a time; medians, in seconds of the processor.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from medians import Median, leave, show

from bnpo import Trainer
from bnpo.compose.composition import compose
from bnpo.presets import build_agent, build_train_config

STEPS = 800
"""Environment steps at a time: two turns of every brain."""

NEVER = 10**9


def trainer(preset: str, overrides: dict[str, Any], only: str | None = None) -> Trainer:
    """Return a trainer of a preset on the goal Reacher that has trained for some turns.

    Args:
        preset: the brain list
        overrides: of the configuration, by dotted names
        only: the one brain of the list that is left; None: all

    """
    own = {"total_steps": NEVER, "eval_interval": NEVER}
    config = compose([preset, "goal_reacher"], {**own, **overrides})
    if only is not None:
        config["brains"] = {only: config["brains"][only]}
    fresh = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    for _ in range(2_400 // config["num_envs"]):
        fresh.step()
    return fresh


def seconds(programs: dict[str, Trainer], rounds: int) -> dict[str, float]:
    """Microseconds of the processor per environment step of programs that alternate, medians."""
    by_program: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            started = time.process_time()
            for _ in range(STEPS // program.config.num_envs):
                program.step()
            by_program[name].append(1e6 * (time.process_time() - started) / STEPS)
    return {name: statistics.median(costs) for name, costs in by_program.items()}


def price(what: str, ours: float, peer: str, theirs: float) -> Median:
    """How many times as dear ours is."""
    return Median(
        what=what,
        ours=ours,
        unit="µs/step",
        peer=peer,
        theirs=theirs,
        ratio=ours / theirs,
        asked="<= 1.1",
    )


def main() -> None:
    """Print a table and leave it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds, of which the median counts")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    shorter = {"brains.ddpg.learning_repeat": 100}
    idle = {f"brains.{name}.learning_delay": NEVER for name in ("ppo", "ddpg")}
    cost = seconds(
        {
            "both": trainer("bpo_ir", shorter),
            "ppo": trainer("bpo_ir", shorter, "ppo"),
            "ddpg": trainer("bpo_ir", shorter, "ddpg"),
            "none": trainer("bpo_ir", idle, "ppo"),
            "reanalysing": trainer("ppo", {"brains.ppo.recalc_delay": 1}),
            "plain": trainer("ppo", {}),
        },
        rounds,
    )
    apart = cost["ppo"] + cost["ddpg"] - cost["none"]
    medians = [
        price("BPO with HER, importance resampling, reanalysis", cost["both"], "its brains", apart),
        price("PPO with reanalysis", cost["reanalysing"], "PPO without", cost["plain"]),
    ]
    show(medians)
    leave("hybrid_price", medians)


if __name__ == "__main__":
    main()
