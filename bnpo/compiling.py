"""Compiles C++ of the package once per machine, and loads what was compiled.

What comes out depends on the sources, the compiler and the processor alone, whose hash is the
file's name; it lies in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bnpo.errors import ConfigError

__all__ = ["Mode", "Source", "compile_seconds", "library", "processor_has", "require_library"]

Mode = Literal["auto", "off", "on"]
"""``AgentConfig.compile``: where there is a compiler, never, or always"""

_FLAGS = (
    # what -O3 does beyond these costs a second and saves none
    *("-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic"),
    *("-march=native", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno"),
)
_TIMEOUT_S = 120

_spent: list[float] = []


@dataclass(frozen=True)
class Source:
    """C++ that becomes one library."""

    main: Path
    """File that is compiled; it may include others of its folder"""

    defines: tuple[str, ...] = ()
    """Options of the compiler, -DNAME=VALUE each"""


def compile_seconds() -> float:
    """Return how long this process has waited for the compiler (seconds)."""
    return sum(_spent)


def library(source: Source, mode: Mode = "auto") -> ctypes.CDLL | None:
    """Return what is compiled of a source; None where it cannot be had, or shall not.

    Raises:
        ConfigError: ``mode`` is "on" and there is no compiler.

    """
    if mode == "off":
        return None
    return require_library(source) if mode == "on" else _library(source, _named())[0]


def require_library(source: Source) -> ctypes.CDLL:
    """Return what is compiled of a source.

    Raises:
        ConfigError: saying what is missing and what to set.

    """
    loaded, reason = _library(source, _named())
    if loaded is None:
        raise ConfigError(
            f"AgentConfig.compile = 'on': {reason}; or set compile to 'auto' or 'off'"
        )
    return loaded


def processor_has(instructions: str) -> bool:
    """Return whether the processor knows instructions, as /proc/cpuinfo calls them."""
    return instructions in _processor().split()


def _named() -> tuple[str, Path]:
    """Compiler and folder that the environment names."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return os.environ.get("CXX", ""), (Path(cache) if cache else Path.home() / ".cache") / "bnpo"


@functools.cache
def _library(source: Source, named: tuple[str, Path]) -> tuple[ctypes.CDLL | None, str]:
    """Compile and load; None and the reason where that fails."""
    compiler, folder = named
    words = shlex.split(compiler) or [""]
    names = [words[0]] if compiler else ["c++", "g++", "clang++"]
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        return None, (
            f"there is no C++ compiler ({', '.join(names)}): install g++, or name another in the "
            "environment variable CXX"
        )
    command = [path, *words[1:], *_FLAGS, *source.defines]
    try:
        file = folder / f"{_key(command, source.main)}.so"
        if not file.exists():
            _compile([*command, str(source.main)], file)
        return ctypes.CDLL(str(file)), ""
    except subprocess.CalledProcessError as error:
        told = [line for line in error.stderr.splitlines() if "error" in line] or [
            "no reason given"
        ]
        return None, f"{path} fails: {' '.join(told[0].split())[:200]}; name another in CXX"
    except (OSError, subprocess.SubprocessError) as error:
        reason = " ".join(str(error).split())[:200]
        return None, (
            f"what {path} makes cannot be kept or loaded: {reason}; name a folder that can be "
            "written to in the environment variable XDG_CACHE_HOME"
        )


def _key(command: list[str], main: Path) -> str:
    """Hash of all that decides what is compiled."""
    version = subprocess.run(
        [command[0], "--version"], check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
    ).stdout
    parts = [" ".join(command), version, platform.machine(), _processor()]
    parts += [file.read_text() for file in sorted(main.parent.glob("*.[ch]*"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _processor() -> str:
    """Model and instructions of the processor."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def _compile(command: list[str], file: Path) -> None:
    """Write the library whole: several processes may do so at once."""
    started = time.perf_counter()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        made = Path(folder) / file.name
        subprocess.run(
            [*command, "-o", str(made)],
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
        made.replace(file)
    _spent.append(time.perf_counter() - started)
