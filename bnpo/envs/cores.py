"""How many cores there are to work on."""

from __future__ import annotations

import os

from bnpo.errors import ConfigError

CORES = "BNPO_CORES"
"""Variable of the process environment that limits the cores, such as for one of several runs."""


def available_cores() -> int:
    """Return the cores that this process may run on, or what ``BNPO_CORES`` says where it is set.

    Raises:
        ConfigError: ``BNPO_CORES`` is no whole number of at least one.

    """
    limit = os.environ.get(CORES, "")
    if limit:
        if not (limit.isdecimal() and int(limit) >= 1):
            raise ConfigError(f"{CORES} = {limit!r}: allowed is a whole number of at least 1")
        return int(limit)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
