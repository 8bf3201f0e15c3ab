"""Training that counts its CPU seconds, which other work on the machine distorts least."""

from __future__ import annotations

import time

from bnpo import Trainer


class TimedTrainer(Trainer):
    """Counts the CPU seconds of its steps, evaluation left out."""

    cpu_s = 0.0

    def step(self) -> None:
        """Take the trainer's step and count it."""
        started = time.process_time()
        super().step()
        self.cpu_s += time.process_time() - started
