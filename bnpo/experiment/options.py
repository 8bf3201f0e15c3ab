"""What the commands that work on finished runs take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnpo.config import Count, config
from bnpo.errors import ConfigError

__all__ = ["EvaluateOptions", "PlotOptions", "RecordOptions", "ResumeOptions"]


@config
class EvaluateOptions:
    """Options of ``bnpo evaluate``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    episodes: Count = 100
    """Episodes, on fixed evaluation seeds."""

    checkpoint: Literal["last", "best"] = "last"
    """Which policy of the run."""

    threads: Count = 1
    """Threads of torch and of the simulator."""


@config
class RecordOptions:
    """Options of ``bnpo record``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    episodes: Annotated[int, Field(ge=1, le=100)] = 4
    """Episodes in the video."""

    checkpoint: Literal["last", "best"] = "last"
    """Which policy of the run."""


@config
class PlotOptions:
    """Options of ``bnpo plot``."""

    runs: str | int | list[str | int]
    """Folders of the runs, or their numbers or names."""

    output: str | None = None
    """Picture to write; None: learning_curve.png in the run, learning_curves.png beside several."""

    def __post_init__(self) -> None:
        """Refuse an empty list."""
        if self.runs == []:
            raise ConfigError("PlotOptions.runs = []: allowed is a list of at least one run")


@config
class ResumeOptions:
    """Options of ``bnpo resume``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    total_steps: Count | None = None
    """New length of the run (single-environment steps); None: as configured."""
