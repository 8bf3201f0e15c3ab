"""Train for an hour and judge memory, open files and throughput.

    python benchmarks/soak.py [--minutes 60] [--task goal_reacher] [--run soak-runs/1]

A line is printed every minute. After the warm-up, the first fifth of the time: resident memory
stays within 2 %, the number of open files as it is, and throughput, the median of the second half
against that of the first, within 5 %. Throughput is judged in CPU seconds of the process, since
other programs may share the machine; that in seconds of the clock is told beside it. The last lines
give the verdicts, soak.json in the run's folder the measurements; the exit status is 1 where a bar
was missed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bnpo.compose.composition import compose_run
from bnpo.experiment.session import Session
from bnpo.files import write_json

SETTINGS: dict[str, Any] = {
    "total_steps": 10**9,
    "eval_interval": 20_000,
    "eval_episodes": 20,
    "agent.replay_size": 50_000,
}
"""The replay is full after the warm-up, so that memory has no reason to grow."""


BARS = {"resident_mb": 2.0, "handles": 0.0, "steps_per_cpu_s": 5.0}
"""Largest change after the warm-up (per cent)."""

ENOUGH = 8
"""Measurements after the warm-up that a verdict needs."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between two lines")
    parser.add_argument("--warm-up", type=float, default=0.2, help="share of the time")
    parser.add_argument("--preset", default="bpo")
    parser.add_argument("--task", default="goal_reacher")
    parser.add_argument("--run", type=Path, default=Path("soak-runs/1"))
    options = parser.parse_args()
    if options.run.exists():
        parser.error(f"--run = {options.run}: it exists, a soak begins in a folder of its own")
    return options


def resident() -> int:
    """Bytes of memory that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def handles() -> int:
    """Open files."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Watch:
    """Takes a measurement at intervals and ends the run when its time is over."""

    def __init__(self, session: Session, options: argparse.Namespace) -> None:
        self.trainer = session.trainer
        self.options = options
        self.lines: list[dict[str, float]] = []
        self.began = self.last = time.perf_counter()
        self.steps = self.trainer.agent.env_steps
        self.trained = self.trainer.progress.wall_s
        self.cpu = 0.0
        self._step = self.trainer.step

    def step(self) -> None:
        """Take the trainer's step, and a measurement where it is time to."""
        before = time.process_time()
        self._step()
        self.cpu += time.process_time() - before
        if time.perf_counter() - self.last >= self.options.interval:
            self.measure()

    def measure(self) -> None:
        """Print and keep a line on the time since the last one, evaluations left out."""
        self.last = time.perf_counter()
        env_steps, trained = self.trainer.agent.env_steps, self.trainer.progress.wall_s
        taken = env_steps - self.steps
        line = {
            "minute": (self.last - self.began) / 60,
            "env_steps": env_steps,
            "steps_per_s": taken / (trained - self.trained),
            "steps_per_cpu_s": taken / self.cpu,
            "resident_mb": resident() / 2**20,
            "handles": handles(),
        }
        self.lines.append(line)
        write_json(self.options.run / "soak.json", self.lines)
        print("  ".join(f"{name} {value:,.1f}" for name, value in line.items()), flush=True)
        self.steps, self.trained, self.cpu = env_steps, trained, 0.0
        if line["minute"] >= self.options.minutes:
            self.trainer.request_stop()

    def verdict(self) -> bool:
        """Say of each quantity how far it moved after the warm-up; True where all bars are met."""
        start = self.options.warm_up * self.options.minutes
        late = [line for line in self.lines if line["minute"] >= start]
        if len(late) < ENOUGH:
            print(f"no verdict: {len(late)} measurements after the warm-up, {ENOUGH} are needed")
            return False
        print(f"after minute {start:g}, {len(late)} measurements:")
        met = []
        for name in ("resident_mb", "handles", "steps_per_cpu_s", "steps_per_s"):
            values = [line[name] for line in late]
            change = halves(values) if name.startswith("steps") else spread(values)
            text = f"  {name}: {min(values):,.1f} to {max(values):,.1f}, moved {change:+.2f} %"
            if name in BARS:
                met.append(abs(change) <= BARS[name])
                text += f", allowed {BARS[name]:g} %: {'pass' if met[-1] else 'FAIL'}"
            print(text)
        return all(met)


def spread(values: list[float]) -> float:
    """Largest against least (per cent)."""
    return 100 * (max(values) / min(values) - 1)


def halves(values: list[float]) -> float:
    """Median of the second half against that of the first (per cent)."""
    half = len(values) // 2
    return 100 * (statistics.median(values[-half:]) / statistics.median(values[:half]) - 1)


def main() -> int:
    """Train until the time is over, then say what was seen."""
    options = parse()
    run = compose_run([options.preset, options.task], SETTINGS)
    session = Session(run, options.run, lambda *_: None)
    session.trainer.progress_bar = False
    watch = Watch(session, options)
    session.trainer.step = watch.step  # type: ignore[method-assign]
    try:
        summary = session.run()
    finally:
        session.close()
    met = watch.verdict()
    share = summary.checkpoint_share
    if share is not None:
        print(f"  checkpoints: {share:.2%} of the training seconds")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
