"""SBX, Stable-Baselines3's algorithms in JAX: its learning step, on one thread of the processor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

__all__ = ["sbx_steps", "use_one_thread"]


def use_one_thread() -> None:
    """Let XLA compute on one thread; must come before JAX is imported."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def _model(env_id: str, hidden: tuple[int, ...], batch: int, stored: int) -> Any:
    """Return SBX's DDPG with SB3's hindsight and a replay that is full."""
    use_one_thread()
    import gymnasium as gym
    from sbx import DDPG
    from sbx.td3.policies import TD3Policy
    from stable_baselines3 import HerReplayBuffer
    from stable_baselines3.common.vec_env import DummyVecEnv

    model = DDPG(
        TD3Policy,
        DummyVecEnv([lambda: gym.make(env_id)] * 8),
        replay_buffer_class=HerReplayBuffer,
        policy_kwargs={"net_arch": [*hidden]},
        batch_size=batch,
        buffer_size=stored,
        learning_starts=10**9,
    )
    model.learn(stored)
    return model


def sbx_steps(
    env_id: str, hidden: tuple[int, ...], batch: int, stored: int, at_once: int
) -> tuple[Callable[[int], None], float]:
    """Return what takes so many gradient steps of SBX's DDPG, draws included.

    Args:
        env_id: goal environment that fills the replay
        hidden: widths of the hidden layers
        batch: transitions of a minibatch
        stored: transitions in the replay
        at_once: gradient steps that are drawn and compiled together

    Returns:
        what takes the steps, and the CPU seconds of the first call, which compiles.

    """
    model = _model(env_id, hidden, batch, stored)
    started = time.process_time()
    model.train(at_once, batch)
    compiled = time.process_time() - started

    def run(count: int) -> None:
        for _ in range(count // at_once):
            model.train(at_once, batch)

    return run, compiled
