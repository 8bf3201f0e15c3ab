"""``bnpo profile with ...``: where the time of a training run goes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bnpo.experiment.command import Command, validated

if TYPE_CHECKING:
    from bnpo.config import RunConfig

__all__ = ["profile"]


def profile(run: RunConfig) -> float:
    """Train, leave no files and print where the time went."""
    from bnpo.experiment.profiling import SECTIONS, Profile
    from bnpo.experiment.session import Session
    from bnpo.show.text import say, table

    with tempfile.TemporaryDirectory(prefix="bnpo-profile-") as folder:
        session = Session(run, Path(folder), lambda *_: None)
        times = Profile(session.trainer)
        try:
            with times.watching():
                session.run()
        finally:
            session.close()
    agent = session.trainer.agent
    total = times.total
    rows = [("section", f"{'seconds':>8}  share")]
    for name, meaning in SECTIONS.items():
        seconds = times.seconds[name]
        rows.append((name, f"{seconds:8.2f}  {seconds / total:5.1%}  {meaning}"))
    steps = f"{agent.env_steps:,} environment steps, {agent.gradient_steps:,} gradient steps"
    rows.append(("total", f"{total:8.2f}  {steps}"))
    say(table(rows))
    return total


COMMAND = Command(function=profile, check=validated)
