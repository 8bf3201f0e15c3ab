"""A small goal environment that gets into trouble at a step of its choice."""

from __future__ import annotations

import collections
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict

PUCK = "TroubledPuck-v0"

RUN = [
    *("with", "ddpg_her", f"env={PUCK}", "total_steps=80", "eval_interval=80", "eval_episodes=1"),
    *("num_envs=2", "train_episode_steps=10", "agent.max_steps=10", "agent.warmup_steps=0"),
    *("agent.networks.actor_hidden=[8]", "agent.networks.critic_hidden=[8]"),
    *("brains.ddpg.batch_size=16", "brains.ddpg.optim_batch_size=16"),
    *("brains.ddpg.learning_repeat=4", "worker_timeout=4"),
]
"""A training run of a second or two."""


class Puck(gym.Env[Any, Any]):
    """A puck that is pushed to a goal on a plane."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012

    def __init__(self, fault: str = "", at: int = 5, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        plane = Box(-10.0, 10.0, (2,), np.float32)
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = Dict(observation=plane, achieved_goal=plane, desired_goal=plane)
        self.fault, self.at, self.taken = fault, at, 0
        if fault.startswith("made: "):
            trouble(fault.removeprefix("made: "))
        self.metadata = {**self.metadata, **METADATA.get(fault, {})}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = np.zeros(2, np.float32)
        self.goal = self.np_random.uniform(-1.0, 1.0, 2).astype(np.float32)
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.taken += 1
        if self.taken == self.at:
            trouble(self.fault)
        self.place = (self.place + 0.1 * action).clip(-10.0, 10.0)
        reward = float(self.compute_reward(self.place, self.goal, {}))
        return self.observe(), reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=-1) > 0.1).astype(np.float32)

    def observe(self) -> dict[str, Any]:
        return {"observation": self.place, "achieved_goal": self.place, "desired_goal": self.goal}

    def pid(self) -> int:
        return os.getpid()

    def render(self) -> Any:
        return PICTURES.get(self.fault, lambda taken: None)(self.taken)

    def close(self) -> None:
        if self.fault == "raise in close":
            raise RuntimeError("the window is gone")


METADATA: dict[str, dict[str, Any]] = {
    "fps of zero": {"render_fps": 0},
    "fps of text": {"render_fps": "fast"},
    "no fps": {"render_fps": None},
}


def _shade(taken: int, *shape: int) -> Any:
    """A picture that tells the steps apart."""
    return np.full(shape or (24, 32, 3), 10 * taken, np.uint8)


PICTURES: dict[str, Any] = {
    **dict.fromkeys(("good", "fps of zero", "fps of text", "no fps"), _shade),
    "opaque": lambda taken: _shade(taken, 24, 32, 4),
    "growing": lambda taken: _shade(taken, 24 + taken, 32, 3),
    "fractions": lambda taken: _shade(taken) / 255.0,
    "flat": lambda taken: _shade(taken, 24, 32),
    "list": lambda taken: [_shade(taken)] * 2,
    "text": lambda taken: "a puck",
    "raise in render": lambda taken: 1 / 0,
    "abort in render": lambda taken: os.abort(),
}


def trouble(fault: str) -> None:
    """Do what a simulator in C, or a careless one in Python, may do."""
    TROUBLES.get(fault, lambda: None)()


def _hang() -> None:
    """Stay in compiled code that never comes back."""
    collections.deque(itertools.count(), maxlen=0)


def _hang_with_a_child() -> None:
    child = subprocess.Popen(["sleep", "600"])
    Path(os.environ["CHILD"]).write_text(str(child.pid))
    _hang()


def _abort_with_a_twin() -> None:
    if os.fork() == 0:
        time.sleep(600)
    os.abort()


def _print() -> None:
    print("the simulator says hello", flush=True)
    os.write(1, b"so does its library")


def _raise(error: BaseException) -> None:
    raise error


TROUBLES: dict[str, Callable[[], object]] = {
    "abort": os.abort,
    "exit": lambda: sys.exit(0),
    "exit at once": lambda: os._exit(0),
    "compiled hang": _hang,
    "child and hang": _hang_with_a_child,
    "fork and abort": _abort_with_a_twin,
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "chdir": lambda: os.chdir("/"),
    "print": _print,
    "two lines": lambda: _raise(
        ZeroDivisionError("the joint left its range\nsee the manual of the arm")
    ),
    "long": lambda: _raise(ValueError("x" * 100_000)),
    "no message": lambda: _raise(ValueError()),
    "unprintable": lambda: _raise(_Unprintable()),
}


class _Unprintable(Exception):
    """An error that cannot be told, nor sent to another process."""

    def __init__(self) -> None:
        self.guard = iter(())

    def __str__(self) -> str:
        raise TypeError("no text")

    def __reduce__(self) -> Any:
        raise TypeError("no pickle")


def register() -> None:
    """Register the environment, which no library does."""
    if PUCK not in gym.registry:
        gym.register(PUCK, f"{__name__}:Puck", max_episode_steps=20)
