"""Off-policy brains of Stable-Baselines3 with hindsight, judged like BNPO's programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from judged import judge, reaches


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One algorithm of Stable-Baselines3 with 8 environments, observations normalised."""

    name: str
    """How results call it"""

    algorithm: str
    """Class of stable_baselines3: SAC, TD3 or DDPG"""

    env_id: str
    """What it learns"""

    steps: int
    """Environment steps after which it has not solved the task"""

    settings: dict[str, Any]
    """Arguments of the algorithm"""

    net_arch: tuple[int, ...] = (64, 64)
    """Hidden layers"""

    noise: float | None = None
    """Standard deviation of the action noise; None: the algorithm explores by itself"""

    processes: bool = False
    """One process per environment instead of one after the other"""


def learn(peer: Peer, seed: int, *, interval: int, threshold: float) -> dict[str, Any]:
    """Train a peer until two evaluations in a row reach the threshold or its steps are used up.

    Observations and goals are normalised as in BNPO: without it the peers are far slower.
    """
    import gymnasium as gym
    import numpy as np
    import stable_baselines3
    import torch
    from stable_baselines3 import HerReplayBuffer
    from stable_baselines3.common.noise import NormalActionNoise, VectorizedActionNoise
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

    torch.set_num_threads(1)

    callback = judge(peer.env_id, interval, reaches(threshold))

    def make() -> Any:
        return gym.make(peer.env_id)

    batch = (SubprocVecEnv if peer.processes else DummyVecEnv)([make] * 8)
    env = VecNormalize(batch, norm_reward=False, clip_obs=5.0)
    arguments = dict(peer.settings)
    if peer.noise is not None:
        size = env.action_space.shape[0]
        single = NormalActionNoise(np.zeros(size), np.full(size, peer.noise))
        arguments["action_noise"] = VectorizedActionNoise(single, 8)
    model = getattr(stable_baselines3, peer.algorithm)(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        policy_kwargs={"net_arch": list(peer.net_arch)},
        seed=seed,
        device="cpu",
        **arguments,
    )
    model.learn(peer.steps, callback=callback)
    env.close()
    curve = [(one.env_steps, one.wall_s, one.success) for one in callback.curve]
    return {"gradient_steps": model._n_updates, "curve": curve}
