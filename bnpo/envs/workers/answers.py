"""Answers of worker processes as bytes, without what no other process can have."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle

__all__ = ["pickled", "survivor"]

_LEFT_OUT = "what cannot be sent"
"""Text in the place of what cannot be sent, in lists; a dict leaves it out."""


def pickled(answer: Any) -> bytes:
    """Return an answer as it can be sent to the calling process: without handles of simulators."""
    try:
        return _whole(answer)
    except Exception:
        return _whole(_sendable(answer))


def survivor(error: BaseException) -> Exception | None:
    """Return the exception if it survives a pipe."""
    try:
        restored = pickle.loads(pickle.dumps(error))
    except Exception:
        return None
    return restored if isinstance(restored, Exception) else None


def _whole(answer: Any) -> bytes:
    try:
        return pickle.dumps(answer)
    except Exception:  # of a class defined in a notebook
        content: bytes = cloudpickle.dumps(answer)
        return content


def _sendable(value: Any) -> Any:
    """Return an answer without those parts of dicts that cannot be sent to another process."""
    if isinstance(value, dict):
        sendable = {key: _sendable(item) for key, item in value.items()}
        return {key: item for key, item in sendable.items() if item is not _LEFT_OUT}
    if type(value) in (list, tuple):
        return type(value)(_sendable(item) for item in value)
    try:
        _whole(value)
    except Exception:
        return _LEFT_OUT
    return value
