"""``bnpo print_config``: every key of a run, with its value."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from bnpo.experiment.command import Command

if TYPE_CHECKING:
    from bnpo.config import RunConfig

__all__ = ["print_config"]


def print_config(run: RunConfig) -> int:
    """Print the complete configuration of a training run, with what each key does."""
    from bnpo.compose.overrides import flatten
    from bnpo.config.keys import BRAIN, run_keys
    from bnpo.presets import write_config
    from bnpo.show.text import say

    keys = run_keys()
    for path, value in flatten(write_config(run)):
        key = keys.get(re.sub(r"^brains\.\w+\.", f"brains.{BRAIN}.", path))
        if key is not None:
            say(textwrap.indent(textwrap.fill(key.meaning, 98), "# "))
        say(f"{path} = {value!r}")
    return 0


COMMAND = Command(function=print_config)
