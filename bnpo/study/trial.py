"""The process of one trial of a sweep: it trains, and tells every evaluation as it comes."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

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
        for seed in seeds:
            _train(run.with_seed(int(seed)))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _train(run: RunConfig) -> None:
    agent = validate(run)
    trainer = Trainer(agent, run.train, progress_bar=False)

    def tell(record: Record) -> None:
        value = float(getattr(record, trainer.history.metric))
        told = {"seed": agent.seed, "env_steps": record.env_steps, "value": value}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    try:
        trainer.run(tell)
    finally:
        trainer.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
