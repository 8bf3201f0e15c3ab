"""A lean PPO in one loop of PyTorch, as a peer: no framework around the mathematics.

Two perceptrons with tanh, a scale that does not depend on the state, GAE, clipped surrogate, values
without a clip, Adam with an annealed step and a bound on the gradient's norm (Schulman et al. 2017,
with what Engstrom et al. 2020 call its implementation details). Settings are the best of six that
were tried on seed 100.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["SETTINGS", "train"]

SETTINGS: dict[str, Any] = {
    "envs": 16,
    "rollout": 50,
    "epochs": 10,
    "minibatches": 8,
    "lr": 1e-3,
    "anneal": 120_000,
    "gamma": 0.92,
    "gae_lambda": 0.9,
    "eps": 0.2,
    "max_norm": 0.5,
    "value_weight": 0.5,
    "log_sigma": -1.0,
}
"""What is trained with; the step of Adam goes to zero over ``anneal`` environment steps."""

Judge = Callable[[Callable[[Any], Any]], float]
"""Mean return of a policy from observations to actions."""


class Statistics:
    """Running mean and variance (Chan, Golub and LeVeque 1979)."""

    def __init__(self, width: int) -> None:
        self.mean, self.variance, self.count = np.zeros(width), np.ones(width), 1e-4

    def take(self, samples: Any) -> None:
        """Count samples [N, D]."""
        count, mean, variance = len(samples), samples.mean(0), samples.var(0)
        total, shift = self.count + count, mean - self.mean
        squares = self.variance * self.count + variance * count
        self.variance = (squares + shift**2 * self.count * count / total) / total
        self.mean, self.count = self.mean + shift * count / total, total

    def normalise(self, samples: Any) -> Tensor:
        """Return samples [N, D] in standard deviations from their mean, at most 5."""
        scaled = (samples - self.mean) / np.sqrt(self.variance + 1e-8)
        return torch.from_numpy(np.clip(scaled, -5, 5).astype(np.float32))


def perceptron(inputs: int, outputs: int, gain: float) -> nn.Sequential:
    """Two hidden layers of 64 with tanh, orthogonal weights."""
    layers = [nn.Linear(inputs, 64), nn.Linear(64, 64), nn.Linear(64, outputs)]
    for layer, size in zip(layers, (2**0.5, 2**0.5, gain), strict=True):
        nn.init.orthogonal_(layer.weight, size)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


def train(  # noqa: PLR0915  one loop, which is what makes it lean
    env_id: str,
    seed: int,
    steps: int,
    interval: int,
    judge: Judge,
    done: Callable[[list[Any]], bool],
    settings: dict[str, Any] = SETTINGS,
) -> list[tuple[int, float, float, float]]:
    """Train until it is done or its steps are used up.

    Returns:
        environment steps, CPU seconds and seconds of training and mean return of each evaluation.

    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    count, length = settings["envs"], settings["rollout"]
    mode = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    env: Any = gym.make_vec(env_id, count, vectorization_mode="sync", vector_kwargs=mode)
    observation, _ = env.reset(seed=seed)
    width, actions = observation.shape[1], env.single_action_space.shape[0]
    statistics, returns = Statistics(width), Statistics(1)
    actor, critic = perceptron(width, actions, 0.01), perceptron(width, 1, 1.0)
    log_sigma = nn.Parameter(torch.full((actions,), settings["log_sigma"]))
    parameters = [*actor.parameters(), *critic.parameters(), log_sigma]
    optimizer = torch.optim.Adam(parameters, lr=settings["lr"], eps=1e-5, fused=True)
    gamma, decay = settings["gamma"], settings["gamma"] * settings["gae_lambda"]
    low, high = env.single_action_space.low, env.single_action_space.high
    running = np.zeros(count)
    curve: list[tuple[int, float, float, float]] = []
    cpu_s = wall_s = 0.0
    taken = 0
    states = torch.zeros(length + 1, count, width)
    drawn, log_probs = torch.zeros(length, count, actions), torch.zeros(length, count)
    rewards, ends = torch.zeros(length, count), torch.zeros(length, count)
    cut_values = torch.zeros(length, count)

    def log_prob(mean: Tensor, action: Tensor) -> Tensor:
        z = (action - mean) / log_sigma.exp()
        return -(0.5 * z * z + log_sigma + 0.9189385332046727).sum(-1)

    cpu, wall = time.process_time(), time.perf_counter()
    while taken < steps:
        optimizer.param_groups[0]["lr"] = settings["lr"] * max(
            0.0, 1.0 - taken / settings["anneal"]
        )
        for at in range(length):
            statistics.take(observation)
            states[at] = statistics.normalise(observation)
            with torch.no_grad():
                mean = actor(states[at])
                drawn[at] = mean + log_sigma.exp() * torch.randn_like(mean)
                log_probs[at] = log_prob(mean, drawn[at])
            observation, reward, terminated, truncated, infos = env.step(
                np.clip(drawn[at].numpy(), low, high)
            )
            running = running * gamma + reward
            returns.take(running[:, None])
            rewards[at] = torch.from_numpy(
                np.clip(reward / np.sqrt(returns.variance + 1e-8), -10, 10).astype(np.float32)
            )
            over = terminated | truncated
            running[over] = 0.0
            ends[at] = torch.from_numpy(over.astype(np.float32))
            cut_values[at] = 0.0
            if truncated.any():
                last = statistics.normalise(np.stack(infos["final_obs"][truncated]))
                with torch.no_grad():
                    cut_values[at, torch.from_numpy(truncated)] = critic(last)[:, 0]
            taken += count
            if taken % interval == 0:
                cpu_s += time.process_time() - cpu
                wall_s += time.perf_counter() - wall
                found = judge(lambda seen: acted(actor, statistics, seen, low, high))
                curve.append((taken, round(cpu_s, 3), round(wall_s, 3), round(found, 4)))
                if done(curve):
                    return curve
                cpu, wall = time.process_time(), time.perf_counter()
        states[length] = statistics.normalise(observation)
        with torch.no_grad():
            values = critic(states)[..., 0]
        advantages, following = torch.zeros_like(rewards), torch.zeros(count)
        for at in reversed(range(length)):
            live = 1.0 - ends[at]
            next_value = values[at + 1] * live + cut_values[at]
            following = rewards[at] + gamma * next_value - values[at] + decay * live * following
            advantages[at] = following
        batch = [
            part.flatten(0, 1)
            for part in (states[:-1], drawn, log_probs, advantages, advantages + values[:-1])
        ]
        size = len(batch[0]) // settings["minibatches"]
        for _ in range(settings["epochs"]):
            for rows in torch.randperm(len(batch[0])).split(size):
                state, action, before, advantage, target = (part[rows] for part in batch)
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                ratio = (log_prob(actor(state), action) - before).exp()
                clipped = ratio.clamp(1 - settings["eps"], 1 + settings["eps"])
                gain = torch.minimum(ratio * advantage, clipped * advantage).mean()
                error = (critic(state)[:, 0] - target).square().mean()
                optimizer.zero_grad()
                (settings["value_weight"] * 0.5 * error - gain).backward()
                nn.utils.clip_grad_norm_(parameters, settings["max_norm"])
                optimizer.step()
    return curve


def acted(actor: nn.Module, statistics: Statistics, observation: Any, low: Any, high: Any) -> Any:
    """Mean action of observations."""
    with torch.no_grad():
        mean = actor(statistics.normalise(observation))
    return np.clip(mean.numpy(), low, high)
