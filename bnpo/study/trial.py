"""The process of one trial of a sweep: it trains, and tells every evaluation as it comes."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from bnpo.compose.validation import validate
from bnpo.config import RunConfig
from bnpo.errors import ConfigError
from bnpo.presets import read_config
from bnpo.study.processes.parent import follow_parent
from bnpo.training import Trainer
from bnpo.types.history import Record

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    """Train one configuration with one seed after the other.

    Args:
        words: the file of the configuration, and the seeds

    Returns:
        0, or 2 where the configuration cannot work.

    """
    file, *seeds = words
    threading.Thread(target=follow_parent, daemon=True).start()
    try:
        run = read_config(json.loads(Path(file).read_text(encoding="utf-8")))
        with _outlet() as outlet:
            for seed in seeds:
                _train(run.with_seed(int(seed)), outlet)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _outlet() -> IO[str]:
    """Return the standard output for what the trial tells; what simulators print goes to the log.

    They are stepped in processes that inherit it, and may print from compiled code.
    """
    outlet = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return outlet


def _train(run: RunConfig, outlet: IO[str]) -> None:
    agent = validate(run)
    trainer = Trainer(agent, run.train, progress_bar=False)

    def tell(record: Record) -> None:
        value = float(getattr(record, trainer.history.metric))
        report = {"seed": agent.seed, "env_steps": record.env_steps, "value": value}
        outlet.write(json.dumps(report) + "\n")
        outlet.flush()

    try:
        trainer.run(tell)
    finally:
        trainer.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
