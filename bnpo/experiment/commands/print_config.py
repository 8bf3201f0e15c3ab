"""``bnpo print_config``: every key of a run, with its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.experiment.command import Command

if TYPE_CHECKING:
    from bnpo.config import RunConfig

__all__ = ["print_config"]


def print_config(run: RunConfig) -> int:
    """Print the complete configuration of a training run."""
    from bnpo.compose.overrides import flatten
    from bnpo.presets import write_config
    from bnpo.show.text import say

    say("\n".join(f"{path} = {value!r}" for path, value in flatten(write_config(run))))
    return 0


COMMAND = Command(function=print_config)
