"""``bnpo record``: a video of a run's policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnpo.config import config
from bnpo.errors import ConfigError, RecordingError
from bnpo.experiment.command import Command, with_run_found

__all__ = ["RecordOptions", "record"]


@config
class RecordOptions:
    """Options of ``bnpo record``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    episodes: Annotated[int, Field(ge=1, le=100)] = 4
    """Number of episodes in the video."""

    checkpoint: Literal["last", "best"] = "last"
    """Policy of the run that is filmed: the last or the best one."""


def record(options: RecordOptions) -> int:
    """Write a video of a run's policy: policy.gif, and policy.png with stills."""
    from bnpo.runs import find_run, load_agent
    from bnpo.show.recording import record as record_agent
    from bnpo.show.text import say, table

    agent = load_agent(options.run, options.checkpoint)
    try:
        video, sheet, *others = record_agent(agent, find_run(options.run), options.episodes)
    except RecordingError as error:
        raise ConfigError(str(error)) from None
    videos = ", ".join(map(str, (video, *others)))
    say(table([("video", videos), ("stills", str(sheet))]))
    return options.episodes


COMMAND = Command(function=record, options=RecordOptions, word="run", check=with_run_found)
