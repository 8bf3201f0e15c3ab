"""Joining a Ray cluster, or starting one on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

from bnpo.envs.python import python
from bnpo.errors import ConfigError
from bnpo.extras import require

__all__ = ["checked_address", "joined"]

PATIENCE = 15.0
"""Time within which a cluster must answer (seconds)."""

_PLACE = re.compile(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
_JOIN = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='FATAL')"


def checked_address(address: object, feature: str) -> str:
    """Return the address of a cluster, of which only the form is checked.

    Args:
        address: ``local`` starts Ray on this machine, ``auto`` finds the cluster that this machine
            belongs to, HOST:PORT is that of a cluster's head
        feature: what needs Ray, as the user calls it

    Raises:
        ConfigError: it is none of these.
        MissingExtra: Ray is not installed.

    """
    place = _PLACE.fullmatch(address) if isinstance(address, str) else None
    if address not in ("local", "auto") and (place is None or int(place["port"]) > 65535):
        way = ""
        if str(address).startswith("ray://"):
            way = "; from outside of the cluster, submit the command as a job (ray job submit)"
        raise ConfigError(f"ray = {address!r}: allowed is local, auto or HOST:PORT{way}")
    require("ray", "ray", feature)
    return str(address)


@contextlib.contextmanager
def joined(address: str | None, feature: str) -> Iterator[Any]:
    """Join a cluster; yield Ray, and leave the cluster in the end.

    A process that has joined one already stays with it.

    Args:
        address: see :func:`checked_address`; None: there is nothing to join, and None is yielded
        feature: what needs Ray, as the user calls it

    Raises:
        ConfigError: nobody answers there.

    """
    if address is None:
        yield None
        return
    address = checked_address(address, feature)
    ray = require("ray", "ray", feature)
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address=address, include_dashboard=False, **quiet)
    else:
        _require_answer(address)
        ray.init(address=address, **quiet)
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise a ConfigError unless a cluster lets a process join.

    The process is another one: where nobody answers, Ray ends the process that asks, after minutes.
    """
    place = _PLACE.fullmatch(address)
    reason = None
    if place is not None:
        try:
            host = place["host"].strip("[]")
            socket.create_connection((host, int(place["port"])), timeout=PATIENCE / 3).close()
        except OSError as error:
            reason = error.strerror or str(error)
    if reason is None:
        command = python(_JOIN, address)
        try:
            asked = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            reason = f"no answer within {PATIENCE:.0f} s"
        else:
            reason = None if asked.returncode == 0 else _reason(asked.stderr)
    if reason is not None:
        raise ConfigError(f"ray = {address!r}: no Ray cluster answers there ({reason})")


def _reason(errors: str) -> str:
    """Return in a few words why a cluster could not be joined."""
    if "AuthenticationError" in errors:
        return "it asks for a token, see RAY_AUTH_MODE and RAY_AUTH_TOKEN in Ray's documentation"
    if "Version mismatch" in errors:
        return "it runs other versions of Ray or Python"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1].partition(": ")[2][:200] if lines else "it ended the process that asked"
