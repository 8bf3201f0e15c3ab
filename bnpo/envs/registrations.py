"""Environments that a script has registered, for processes that do not run the script."""

from __future__ import annotations

import pickle

import cloudpickle
import gymnasium as gym

__all__ = ["own_registrations", "register_others"]

_INSTALLED = ("gymnasium", "gymnasium_robotics", "bnpo", "shimmy", "ale_py", "mujoco")
"""Packages whose environments are registered where they are imported."""


def own_registrations() -> bytes:
    """Return what was registered here and is of none of the usual packages, as a pickle.

    What cannot be sent, an environment that holds a file say, is left out.
    """
    found: list[bytes] = []
    for spec in gym.registry.values():
        entry = spec.entry_point
        home = entry if isinstance(entry, str) else getattr(entry, "__module__", None) or ""
        if home.partition(":")[0].partition(".")[0] in _INSTALLED:
            continue
        try:
            found.append(cloudpickle.dumps(spec))
        except Exception:
            continue
    return pickle.dumps(found)


def register_others(pickled: bytes) -> None:
    """Register what another process of this program has registered, and this one has not."""
    for one in pickle.loads(pickled):
        try:
            spec = pickle.loads(one)
        except Exception:  # its module is not to be found here; it may not be needed
            continue
        gym.registry.setdefault(spec.id, spec)
