"""The learning steps in C++, for each floating point type."""

from __future__ import annotations

from ctypes import CDLL
from pathlib import Path

import torch

from bnpo import compiling
from bnpo.compiling import Mode, Source

__all__ = ["library", "require_library"]

_MAIN = Path(__file__).with_name("learn.cpp")
_SOURCES = {
    (torch.float32, "float32"): Source(_MAIN, ("-DREAL=float", "-DSINGLE=1")),
    (torch.float64, "float32"): Source(_MAIN, ("-DREAL=double", "-DSINGLE=0")),
    (torch.float32, "bfloat16"): Source(_MAIN, ("-DREAL=float", "-DSINGLE=1", "-DHALVED=1")),
}


def library(dtype: torch.dtype, mode: Mode = "auto", matmul: str = "float32") -> CDLL | None:
    """Return the compiled steps for a floating point type; None where they cannot be had.

    Args:
        dtype: of the networks
        mode: whether they are compiled
        matmul: type of wide products' factors, see :attr:`bnpo.config.NetworkConfig.matmul`

    Raises:
        ConfigError: ``mode`` is "on" and there is no compiler.

    """
    return compiling.library(_SOURCES[dtype, matmul], mode)


def require_library(dtype: torch.dtype, matmul: str = "float32") -> CDLL:
    """Return the compiled steps for a floating point type.

    Raises:
        ConfigError: saying what is missing and what to set.

    """
    return compiling.require_library(_SOURCES[dtype, matmul])
