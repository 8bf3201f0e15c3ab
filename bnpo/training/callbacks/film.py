"""Films of the policy while it trains."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from bnpo import seeding
from bnpo.config import Count, config
from bnpo.errors import RecordingError
from bnpo.show.recording import film
from bnpo.types.callback import Callback, TrainingRun

__all__ = ["Film"]


@config
class Film(Callback):
    """Films an episode of the policy, now and then; the films are pictures called ``policy``."""

    every: Count = 10_000
    """Distance between two films (environment steps)."""

    def on_step(self, run: TrainingRun) -> None:
        """Film the policy where a multiple of the interval was passed."""
        now = run.agent.env_steps
        if now // self.every == (now - run.config.num_envs) // self.every:
            return
        generators = seeding.state()  # a film decides nothing of the run
        try:
            with tempfile.TemporaryDirectory(prefix="bnpo-film-") as folder:
                run.log_picture("policy", film(run.agent, Path(folder) / "policy.gif"))
        except RecordingError as error:
            logging.getLogger("bnpo.training").warning("no film at %s steps: %s", f"{now:,}", error)
        finally:
            seeding.restore(generators)
