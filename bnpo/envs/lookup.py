"""Environments by their Gymnasium id; light enough for worker processes, which import it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from typing import Any, TypeAlias

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv

from bnpo.envs.python import safe_children
from bnpo.errors import did_you_mean, headline
from bnpo.extras import import_here_too

AnyEnv: TypeAlias = gym.Env[Any, Any]


def load_registrations() -> None:
    """Register the environments of gymnasium-robotics, where it is installed."""
    if importlib.util.find_spec("gymnasium_robotics"):
        with safe_children():
            importlib.import_module("gymnasium_robotics")


def find_spec(env_id: str) -> EnvSpec:
    """Return the registered environment; an unknown id is a ValueError with a suggestion."""
    if not isinstance(env_id, str):
        raise ValueError(f"env_id={env_id!r} must be the id of a Gymnasium environment")
    module, _, name = env_id.rpartition(":")
    if module and env_id not in gym.registry:
        import_home(module)
        env_id = name
    if env_id not in gym.registry:
        load_registrations()
    if env_id not in gym.registry:
        hint = did_you_mean(env_id, gym.registry)
        home = f" after importing {module}" if module else " (of a module: 'module:Id-v0')"
        raise ValueError(f"unknown environment env_id={env_id!r}{hint}{home}")
    return gym.registry[env_id]


def import_home(module: str) -> None:
    """Import the module that registers an environment, also one of the working folder.

    Raises:
        ValueError: there is no such module, or it raises an error.

    """
    import_here_too()
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module}.".startswith(f"{missing}."):  # itself, or a package above it
            raise ValueError(f"env_id={module + ':...'!r}: there is no module {missing}") from None
        raise ValueError(f"module {module} cannot be imported: {headline(error)}") from error


def load_code(spec: EnvSpec) -> None:
    """Import an environment's code; what keeps it from being imported is told when it is made."""
    for entry in (spec.entry_point, spec.vector_entry_point):
        if isinstance(entry, str):
            with safe_children(), contextlib.suppress(Exception, SystemExit):
                importlib.import_module(entry.partition(":")[0])


def create(spec: EnvSpec, settings: dict[str, Any]) -> AnyEnv:
    """Make a single environment; whatever keeps it from being made is a ValueError."""
    try:
        with in_this_folder():
            load_code(spec)
            return gym.make(spec, **settings)
    except TypeError as error:
        raise ValueError(f"{spec.id} cannot be made with {settings!r}: {error}") from error
    except gym.error.DependencyNotInstalled as error:
        raise ValueError(f"{spec.id} cannot be made here: {error}") from error
    except ValueError:  # the environment's own complaint
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"{spec.id} cannot be made: {headline(error)}") from error


def discard(env: AnyEnv | VectorEnv[Any, Any, Any]) -> None:
    """Close an environment; what it raises then comes too late to matter."""
    with contextlib.suppress(Exception, SystemExit):
        env.close()


def is_of_gymnasium(spec: EnvSpec) -> bool:
    """Whether an environment is one of Gymnasium's own or gymnasium-robotics', as it comes."""
    entry = spec.entry_point
    module = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    top = module.partition(":")[0].partition(".")[0]
    return top in ("gymnasium", "gymnasium_robotics") and not spec.additional_wrappers


def is_registered_here_alone(env_id: str) -> bool:
    """Whether an id names what this process has registered, and no module that others import."""
    if ":" in env_id:
        return False
    spec = find_spec(env_id)
    return not is_of_gymnasium(spec) and spec.namespace != "bnpo"


@contextlib.contextmanager
def in_this_folder() -> Iterator[None]:
    """Come back to the working folder where what an environment does leaves it."""
    before = os.getcwd()  # noqa: PTH109, a fifth of the time of Path.cwd
    try:
        yield
    finally:
        if os.getcwd() != before:  # noqa: PTH109
            os.chdir(before)
