"""The learning steps in C++, for each floating point type."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from bnpo import compiling
from bnpo.compiling import Mode, Source

__all__ = ["library", "require_library"]

_MAIN = Path(__file__).with_name("learn.cpp")
_SOURCES = {
    torch.float32: Source(_MAIN, ("-DREAL=float", "-DSINGLE=1")),
    torch.float64: Source(_MAIN, ("-DREAL=double", "-DSINGLE=0")),
}


def library(dtype: torch.dtype, mode: Mode = "auto") -> ctypes.CDLL | None:
    """Return the compiled steps for a floating point type; None where they cannot be had.

    Raises:
        ConfigError: ``mode`` is "on" and there is no compiler.

    """
    return compiling.library(_SOURCES[dtype], mode)


def require_library(dtype: torch.dtype) -> ctypes.CDLL:
    """Return the compiled steps for a floating point type.

    Raises:
        ConfigError: saying what is missing and what to set.

    """
    return compiling.require_library(_SOURCES[dtype])
