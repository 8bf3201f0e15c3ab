"""Gradient steps per second of the DDPG brain, beside SBX, SB3 and a bare PyTorch loop.

    python benchmarks/learning_step.py                     width 64 x 2 and 256 x 3, one thread
    python benchmarks/learning_step.py --hidden 256x2 --threads 2

All: batch 256, float32, critic and actor in every step. BNPO, SBX and SB3 sample and relabel from a
replay of 20,000 Fetch-shaped transitions. BNPO draws for every step, as SB3, and as its presets do
for every fourth, with an update of the targets; compiled, with wide products in bfloat16 where the
processor has them, and with its steps one by one. SBX (JAX) draws for 80 steps or for four and
takes them in one call, which it compiles first: the seconds of the first call are printed beside.
The bare loop has its batches ready. They alternate in rounds; medians of rounds are printed, on one
thread in seconds of the processor, on two in those of the wall, which need a quiet machine (SBX
stays on one thread, and out of that comparison).
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import torch
from jax_peers import sbx_steps
from medians import Median, compared, leave, show
from torch import Tensor

from bnpo.compiling import processor_has

ENV = "ShapesOfFetch-v0"
OBSERVATION, GOAL, ACTION, BATCH = 25, 3, 4, 256
Mode = Literal["auto", "off", "on"]
STORED = 20_000
STEPS = 80
"""Of one turn in a round"""
ROUNDS = 15
ASKED = {
    small: {
        "SBX DDPG, 80 steps a call": ">= 1.2" if small else ">= 1.1",
        "SBX DDPG, 4 steps a call": "",
        "SB3 DDPG": ">= 1.35",
        "bare PyTorch loop": ">= 0.9",
    }
    for small in (True, False)
}
"""Ratio to each peer that is asked for, at width 64 or not"""
FORM_ROUNDED = "a draw in four steps, products in bfloat16"


class ShapesOfFetch(gym.Env[Any, Any]):
    """A goal environment of Fetch's shapes that takes no time."""

    def __init__(self) -> None:
        space = gym.spaces.Box(-np.inf, np.inf, (GOAL,), np.float32)
        self.observation_space = gym.spaces.Dict(
            {
                "observation": gym.spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float32),
                "achieved_goal": space,
                "desired_goal": space,
            }
        )
        self.action_space = gym.spaces.Box(-1.0, 1.0, (ACTION,), np.float32)
        self._time = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Begin an episode."""
        super().reset(seed=seed)
        self._time = 0
        return self._observe(), {}

    def step(self, action: Any) -> Any:
        """Go on with random numbers."""
        self._time += 1
        observation = self._observe()
        reward = float(
            self.compute_reward(observation["achieved_goal"], observation["desired_goal"], {})
        )
        return observation, reward, False, self._time == 50, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        """-1, or 0 where goals are close."""
        return -(np.square(achieved_goal - desired_goal).sum(-1) > 0.5).astype(np.float32)

    def _observe(self) -> Any:
        draw = self.np_random.standard_normal
        return {
            "observation": draw(OBSERVATION, dtype=np.float32),
            "achieved_goal": draw(GOAL, dtype=np.float32),
            "desired_goal": draw(GOAL, dtype=np.float32),
        }


_MADE: Any = ShapesOfFetch
gym.register(ENV, _MADE, max_episode_steps=50)


def bnpo_steps(
    hidden: tuple[int, ...],
    epochs: int = 1,
    compile_steps: Mode = "on",
    matmul: Literal["float32", "bfloat16"] = "float32",
) -> Callable[[int], None]:
    """Return what takes that many gradient steps of the DDPG brain, sampling included.

    Args:
        hidden: widths of the hidden layers
        epochs: gradient steps on one draw
        compile_steps: whether they are taken by compiled C++
        matmul: type of wide products' factors

    """
    import bnpo
    from bnpo.credit import HER

    brain = bnpo.BrainDescription(
        memory_size=STORED, batch_size=BATCH, optim_pool_size=STORED, optim_epochs=epochs,
        optim_batch_size=BATCH * epochs, recalc_delay=0, lr_actor=1e-3, learning_delay=10**9,
        learning_repeat=epochs, sync_delta_a=1, sync_delta_c=1, tau_actor=0.05, tau_critic=0.05,
        bellman=True, ppo_eps=None, natural=False, mean_only=True, separate_actors=True,
        credit=HER(steps=1),
    )  # fmt: skip
    agent = bnpo.Agent.for_env(
        ENV,
        [brain],
        config=bnpo.AgentConfig(
            networks=bnpo.NetworkConfig(
                actor_hidden=hidden, critic_hidden=hidden, sigma="fixed", matmul=matmul
            ),
            replay_size=STORED,
            compile=compile_steps,
        ),
    )
    bnpo.train(agent, STORED, num_envs=8, eval_interval=STORED, eval_episodes=1, progress_bar=False)
    trained, replay = agent.brains[0], agent.replay
    assert replay is not None

    def run(count: int) -> None:
        for _ in range(count // epochs):
            trained.round(replay, agent.target_actors)

    return run


def sb3_steps(hidden: tuple[int, ...]) -> Callable[[int], None]:
    """Return what takes that many gradient steps of SB3's DDPG, sampling included."""
    from stable_baselines3 import DDPG, HerReplayBuffer
    from stable_baselines3.common.vec_env import DummyVecEnv

    model = DDPG(
        "MultiInputPolicy",
        DummyVecEnv([lambda: gym.make(ENV)] * 8),
        replay_buffer_class=HerReplayBuffer,
        policy_kwargs={"net_arch": [*hidden]},
        batch_size=BATCH,
        buffer_size=STORED,
        learning_starts=10**9,
        device="cpu",
    )
    model.learn(STORED)
    return lambda count: model.train(count, BATCH)


def _layers(widths: list[int]) -> list[Tensor]:
    layers = []
    for fan_in, fan_out in pairwise(widths):
        bound = 1 / math.sqrt(fan_in)
        layers.append(torch.empty(fan_out, fan_in).uniform_(-bound, bound).requires_grad_())
        layers.append(torch.empty(fan_out).uniform_(-bound, bound).requires_grad_())
    return layers


def _apply(layers: list[Tensor], x: Tensor) -> Tensor:
    for weight, bias in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        x = torch.nn.functional.linear(x, weight, bias).relu_()
    return torch.nn.functional.linear(x, layers[-2], layers[-1])


def bare_steps(hidden: tuple[int, ...]) -> Callable[[int], None]:
    """Return a hand-written loop of the same steps on batches that are ready."""
    features = OBSERVATION + 2 * GOAL
    actor = _layers([features, *hidden, ACTION])
    critic = _layers([features + 2 * ACTION, *hidden, 1])
    targets = [[p.detach().clone() for p in network] for network in (actor, critic)]
    optimizers = [torch.optim.Adam(network, lr=1e-3, fused=True) for network in (actor, critic)]
    state, following = torch.randn(2, BATCH, features)
    action, zero = torch.randn(BATCH, ACTION), torch.zeros(BATCH, ACTION)
    reward = -torch.ones(BATCH, 1)

    def descend(loss: Tensor, index: int) -> None:
        parameters = (actor, critic)[index]
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizers[index].step()

    def step() -> None:
        with torch.no_grad():
            mu = torch.tanh(_apply(targets[0], following))
            y = reward + 0.98 * _apply(targets[1], torch.cat((following, mu, zero), -1))
        q = _apply(critic, torch.cat((state, action, zero), -1))
        descend((q - y).square().mean(), 1)
        mu = torch.tanh(_apply(actor, state))
        descend(-_apply(critic, torch.cat((state, mu, zero), -1)).mean(), 0)
        for target, online in zip(targets, (actor, critic), strict=True):
            torch._foreach_lerp_(target, [p.detach() for p in online], 0.05)

    def run(count: int) -> None:
        for _ in range(count):
            step()

    return run


def measure(programs: dict[str, Callable[[int], None]], threads: int) -> dict[str, float]:
    """Median gradient steps per second of programs that alternate."""
    torch.set_num_threads(threads)
    now = time.process_time if threads == 1 else time.perf_counter
    rates: dict[str, list[float]] = {name: [] for name in programs}
    for run in programs.values():
        run(STEPS)
    for _ in range(ROUNDS):
        for name, run in programs.items():
            started = now()
            run(STEPS)
            rates[name].append(STEPS / (now() - started))
    return {name: statistics.median(each) for name, each in rates.items()}


def main() -> None:
    """Print a table and leave it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", nargs="+", default=["64x2", "256x3"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    medians: list[Median] = []
    for named in options.hidden:
        width, layers = map(int, named.split("x"))
        hidden = (width,) * layers
        programs = {
            "a draw a step": bnpo_steps(hidden),
            "a draw in four steps": bnpo_steps(hidden, epochs=4),
            "one by one, a draw in four steps": bnpo_steps(hidden, epochs=4, compile_steps="off"),
            **(
                {FORM_ROUNDED: bnpo_steps(hidden, epochs=4, matmul="bfloat16")}
                if width > 64 and processor_has("avx512_bf16")
                else {}
            ),
            "SB3 DDPG": sb3_steps(hidden),
            "bare PyTorch loop": bare_steps(hidden),
        }
        for at_once in (80, 4):
            name = f"SBX DDPG, {at_once} steps a call"
            programs[name], seconds = sbx_steps(ENV, hidden, BATCH, STORED, at_once)
            print(f"{named}: the first call of {name} takes {seconds:.2f} CPU seconds")
        for threads in options.threads:
            rate = measure(programs, threads)
            for peer, asked in ASKED[named == "64x2"].items():
                if threads > 1 and peer.startswith("SBX"):
                    continue
                for form in [
                    name for name in programs if name.startswith(("a draw", "one by one"))
                ]:
                    what = f"learning step, hidden {named}, {threads} thread(s), {form}"
                    bound = "" if form.startswith("one by one") else asked
                    medians.append(compared(what, rate[form], peer, rate[peer], "steps/s", bound))
    show(medians)
    leave("learning_step", medians)


if __name__ == "__main__":
    main()
