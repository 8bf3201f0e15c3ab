"""Whatever the unit: observations, goals and actions in millionths and in millions."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import bnpo
from bnpo.errors import ConfigError
from bnpo.interop.export import ExportedPolicy
from bnpo.networks import Normalizer
from tests.envs.points import SHORT, Point, agent_on, registered

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("middle", [0.0, 3.0])
def test_features_do_not_depend_on_the_unit(unit: float, middle: float) -> None:
    """Samples of variance 1 around the middle, in any unit, have the same features."""
    samples = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) + middle
    features = []
    for scale in (1.0, unit):
        normalizer = Normalizer(3, 0)
        normalizer.observe(samples * scale, torch.empty(0, 0))
        normalizer.commit()
        features.append(normalizer(samples * scale, samples[:, :0]))
    torch.testing.assert_close(features[1], features[0], rtol=1e-4, atol=1e-5)
    assert features[1].std() == pytest.approx(1.0, abs=0.05)


def test_what_does_not_vary_is_not_blown_up() -> None:
    """A constant, and one that varies by its rounding alone, are shifted to 0 with scale 1."""
    normalizer = Normalizer(3, 0)
    flicker = torch.tensor([1.0, 1.0 + 1.2e-7]).repeat(50)  # the next number of float32
    samples = torch.stack((torch.full((100,), 7.0), flicker, torch.zeros(100)), 1)
    normalizer.observe(samples, torch.empty(0, 0))
    normalizer.commit()
    assert normalizer.scale.tolist() == [1.0, 1.0, 1.0]
    assert float(normalizer(samples, samples[:, :0]).abs().max()) < 1e-6
    # A contact that was never made yet counts as what it is, not as the largest feature.
    assert normalizer(torch.tensor([[7.0, 1.0, 0.5]]), samples[:1, :0])[0, 2] == 0.5


class Scaled(Point):
    """The same task in another unit and elsewhere."""

    kind = np.float64
    unit, corner = 1.0, 0.0

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        self.place = self.place + 0.2 * action
        reward = float(super().compute_reward(self.place, self.goal, {}))
        return self.observe(), reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        achieved, desired = (
            (goal - self.corner) / self.unit for goal in (achieved_goal, desired_goal)
        )
        return super().compute_reward(achieved, desired, info)

    def observe(self) -> Any:
        return {key: part * self.unit + self.corner for key, part in super().observe().items()}


def scaled(one_unit: float, one_corner: float) -> Any:
    class Local(Scaled):
        unit, corner = one_unit, one_corner

    return Local


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e6])
def test_a_task_is_learnt_in_any_unit(unit: float) -> None:
    with registered(scaled(unit, 0.0), 20) as env_id:
        settings = {**SHORT, "eval_episodes": 40}
        history = bnpo.train(agent_on(env_id), 4_000, **settings)
    rate = history[-1].success_rate
    assert rate is not None
    assert rate >= 0.9


@pytest.mark.parametrize(
    ("unit", "corner"),
    [(1.0, 5.2e6), (1.0, 1e9), (1e-5, 48.137), (1e-6, 1.0), (100.0, 1e9), (1.0, -3e7)],
)
def test_float64_coordinates_that_float32_would_lose_are_refused(
    unit: float, corner: float
) -> None:
    with registered(scaled(unit, corner)) as env_id:
        with pytest.raises(ConfigError, match=r"set agent\.dtype = 'float64'"):
            bnpo.train(agent_on(env_id), 400, **SHORT)
        agent = agent_on(env_id, agent={"dtype": "float64", "warmup_steps": 800})
        bnpo.train(agent, 80, **SHORT)
        assert agent.replay is not None
        seen = agent.replay.finished().achieved_goal[:, 1:11] - corner
        assert float(seen.diff(dim=1).abs().median()) > 0.01 * unit


@pytest.mark.parametrize(
    ("unit", "corner"), [(1.0, 0.0), (1e-6, 0.0), (1e6, 0.0), (1.0, 100.0), (1e3, 1e6)]
)
def test_float64_that_float32_holds_is_left_alone(unit: float, corner: float) -> None:
    with registered(scaled(unit, corner)) as env_id:
        assert len(bnpo.train(agent_on(env_id), 120, **SHORT)) == 1


BOUNDS = [
    (-3.0718, -0.0698, np.float32),
    (-0.1, 0.1, np.float64),  # float32 rounds 0.1 up
    (-0.7, 0.3, np.float64),
    (1e-9, 3e-9, np.float64),
    (-1e7 - 0.3, 1e7 + 0.3, np.float64),
    (1 / 3, 2 / 3, np.float32),
    (-3e38, 3e38, np.float32),
    (100.1, 100.3, np.float16),
    (5.0, 5.0 + 1e-6, np.float64),
]


UNTOLD = {(-3e38, 3e38), (5.0, 5.0 + 1e-6)}
"""Bounds that are refused in float32: twice 3e38 overflows, and three numbers lie in the other."""


@pytest.mark.parametrize(("low", "high", "kind"), BOUNDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_actions_lie_in_the_box_to_the_last_bit(
    low: float, high: float, kind: Any, dtype: str
) -> None:
    """In training, evaluation and export, with a policy that goes to the bounds and beyond."""
    space = gym.spaces.Box(kind(low), kind(high), (2,), kind)

    class Joint(gym.Env[Any, Any]):
        def __init__(self) -> None:
            self.action_space = space
            self.observation_space = gym.spaces.Box(-4.0, 4.0, (1,), np.float32)

        def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
            super().reset(seed=seed)
            return np.zeros(1, np.float32), {}

        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            if not self.action_space.contains(action):
                raise ValueError(f"{action!r} is not in {self.action_space}")
            return np.zeros(1, np.float32), 0.0, False, False, {}

    with registered(Joint) as env_id:
        if dtype == "float32" and (low, high) in UNTOLD:
            with pytest.raises(ConfigError, match=r"Own-v0 .* float32: action\[0\] is in"):
                agent_on(env_id, "ppo", agent={"dtype": dtype})
            return
        agent = agent_on(env_id, "ppo", agent={"dtype": dtype})
        for bias in (20.0, -20.0):
            with torch.no_grad():
                agent.actor.head.bias.fill_(bias)
            if dtype == "float32":
                bnpo.evaluate(agent, 1)
            exported = ExportedPolicy(agent)(torch.zeros(1, 1, dtype=agent.dtype)).detach().numpy()
            assert (exported.astype(np.float64) >= np.float64(space.low)).all()
            assert (exported.astype(np.float64) <= np.float64(space.high)).all()
        draws = torch.Generator().manual_seed(0)
        wild = 1e3 * torch.randn(50, 2, generator=draws, dtype=agent.dtype)  # explored actions
        played = agent.policy.playable(wild * agent.actor.half_range + agent.actor.middle)
        for row in played:
            assert space.contains(row.astype(kind))
            assert (np.float64(space.low) <= row).all()
            assert (row <= np.float64(space.high)).all()
