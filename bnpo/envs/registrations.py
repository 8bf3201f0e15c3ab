"""Environments that a script has registered, for processes that do not run the script."""

from __future__ import annotations

import os
import pickle
import tempfile

import cloudpickle
import gymnasium as gym

from bnpo.envs.lookup import is_of_gymnasium

__all__ = ["own_registrations", "register_others", "registrations_file"]


def own_registrations() -> bytes:
    """Return what was registered here and is none of the usual packages', as a pickle.

    What cannot be sent, an environment that holds a file say, is left out.
    """
    registrations: list[bytes] = []
    for spec in gym.registry.values():
        if is_of_gymnasium(spec) or spec.namespace == "bnpo":
            continue
        try:
            registrations.append(cloudpickle.dumps(spec))
        except Exception:
            continue
    return pickle.dumps(registrations)


def register_others(content: bytes) -> None:
    """Register what another process of this program has registered, and this one has not."""
    for one in pickle.loads(content):
        try:
            spec = pickle.loads(one)
        except Exception:  # its module is not to be found here; it may not be needed
            continue
        gym.registry.setdefault(spec.id, spec)


def registrations_file() -> int:
    """Return the descriptor of an anonymous file that holds :func:`own_registrations`."""
    with tempfile.TemporaryFile() as file:
        file.write(own_registrations())
        file.flush()
        return os.dup(file.fileno())
