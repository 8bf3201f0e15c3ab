"""Train for an hour and watch memory, file handles and throughput.

    python benchmarks/soak.py [--minutes 60] [--task goal_reacher] [--run soak-runs/1]

A line is printed every half a minute. The run goes on where it was when the script is started
again. After the warm-up, resident memory should stay within 2 %, throughput within 5 % and the
number of file handles as it is; the last lines say whether they did.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

from bnpo.experiment.composition import compose
from bnpo.experiment.session import Session
from bnpo.summary import write_json

SETTINGS: dict[str, Any] = {
    "total_steps": 10**9,
    "eval_interval": 20_000,
    "eval_episodes": 20,
    "agent.replay_size": 50_000,
}
"""The replay is full after the warm-up, so that memory has no reason to grow."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between two lines")
    parser.add_argument("--warm-up", type=float, default=0.2, help="share of the time")
    parser.add_argument("--preset", default="bpo")
    parser.add_argument("--task", default="goal_reacher")
    parser.add_argument("--run", type=Path, default=Path("soak-runs/1"))
    return parser.parse_args()


def resident() -> int:
    """Bytes of memory that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def handles() -> int:
    """Open files."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Watch:
    """Prints a line at intervals and ends the run when its time is over."""

    def __init__(self, session: Session, options: argparse.Namespace) -> None:
        self.session = session
        self.options = options
        self.file = options.run / "soak.json"
        self.lines: list[dict[str, float]] = []
        if self.file.is_file():
            self.lines = json.loads(self.file.read_text())
        self.before = self.lines[-1]["seconds"] if self.lines else 0.0
        self.began = self.last = time.perf_counter()
        self.steps = session.trainer.agent.env_steps
        self.trained = session.trainer.progress.wall_s

    def look(self) -> None:
        """Take a measurement, if it is time to."""
        now = time.perf_counter()
        if now - self.last < self.options.interval:
            return
        trainer = self.session.trainer
        seconds = trainer.progress.wall_s - self.trained
        line = {
            "seconds": self.before + now - self.began,
            "env_steps": trainer.agent.env_steps,
            "steps_per_s": (trainer.agent.env_steps - self.steps) / seconds,
            "resident_mb": resident() / 2**20,
            "handles": handles(),
        }
        self.lines.append(line)
        write_json(self.file, self.lines)
        print("  ".join(f"{name} {value:,.1f}" for name, value in line.items()), flush=True)
        self.last, self.steps, self.trained = now, trainer.agent.env_steps, trainer.progress.wall_s
        if line["seconds"] > 60 * self.options.minutes:
            trainer.request_stop()

    def verdict(self) -> None:
        """Say how far each quantity moved after the warm-up, by a line through the measurements."""
        kept = self.lines[int(len(self.lines) * self.options.warm_up) :]
        if len(kept) < 4:
            print("too few measurements for a verdict")
            return
        for name, allowed in (("resident_mb", 2.0), ("steps_per_s", 5.0), ("handles", 0.0)):
            half = len(kept) // 2
            early = sum(line[name] for line in kept[:half]) / half
            late = sum(line[name] for line in kept[-half:]) / half
            change = 100 * (late / early - 1)
            print(f"{name}: {change:+.2f} % from the first half to the second, allowed {allowed} %")


def main() -> None:
    """Train until the time is over, then say what was seen."""
    options = parse()
    config = compose([options.preset, options.task], SETTINGS)
    session = Session(config, options.run, lambda *_: None)
    session.trainer.progress_bar = False
    at = session.restore()
    print("starts" if at is None else f"goes on from {at:,} steps", flush=True)
    watch = Watch(session, options)
    trainer = session.trainer
    step = trainer._step

    def watched() -> None:
        step()
        watch.look()

    trainer._step = watched  # type: ignore[method-assign]
    try:
        session.run()
    finally:
        session.close()
    watch.verdict()


if __name__ == "__main__":
    main()
