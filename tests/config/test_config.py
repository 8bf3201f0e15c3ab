"""Every bad value is one line: object, field, value, what is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnpo.config import AgentConfig, NetworkConfig, TaskConfig, TrainConfig
from bnpo.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "fields", "line"),
    [
        (TrainConfig, {"num_envs": 0}, "TrainConfig.num_envs = 0: allowed is greater than or"),
        (TrainConfig, {"total_steps": 0.5}, "TrainConfig.total_steps = 0.5: allowed is"),
        (TrainConfig, {"num_envs": True}, "TrainConfig.num_envs = True: allowed is a valid int"),
        (TrainConfig, {"steps": 1}, "TrainConfig has no field 'steps'"),
        (AgentConfig, {"gamma": 1.0}, "AgentConfig.gamma = 1.0: allowed is less than 1"),
        (AgentConfig, {"gamma": float("nan")}, "AgentConfig.gamma = nan: allowed is"),
        (AgentConfig, {"target_bounds": (1.0, -1.0)}, "low below high"),
        (AgentConfig, {"target_bounds": (-3e38, 0.0)}, "target_bounds.0 = -3e+38: allowed is"),
        (AgentConfig, {"max_log_ratio": 3e38}, "AgentConfig.max_log_ratio = 3e+38: allowed is"),
        (AgentConfig, {"exploration": ()}, "allowed is at least 1 item"),
        (NetworkConfig, {"reduce": "max"}, "NetworkConfig.reduce = 'max': allowed is 'min' or"),
        (NetworkConfig, {"actor_hidden": (64, 0)}, "NetworkConfig.actor_hidden.1 = 0"),
    ],
)
def test_one_line(kind: Any, fields: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**fields)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fields_are_given_by_keyword() -> None:
    kind: Any = TrainConfig
    with pytest.raises(ConfigError, match="by keyword only"):
        kind(1_000)


def test_lists_from_json_become_tuples() -> None:
    assert NetworkConfig(actor_hidden=[8, 8]).actor_hidden == (8, 8)  # type: ignore[arg-type]


def test_numbers_and_arrays_of_numpy_are_numbers() -> None:
    network = NetworkConfig(critics=np.int64(2), sigma_init=np.float32(0.5))  # type: ignore[arg-type]
    assert (network.critics, network.sigma_init) == (2, 0.5)
    assert type(network.critics) is int
    agent = AgentConfig(exploration=np.array([0.5, 1.0]), target_bounds=(np.float64(-1.0), 0.0))  # type: ignore[arg-type]
    assert agent.exploration == (0.5, 1.0)
    with pytest.raises(ConfigError, match=r"TaskConfig.seed = -1: allowed is"):
        TaskConfig(env="a", seed=np.int64(-1))  # type: ignore[arg-type]


def test_a_count_may_be_written_with_an_exponent() -> None:
    settings = TrainConfig(total_steps=1e6, num_envs=np.float64(8.0))  # type: ignore[arg-type]
    assert (settings.total_steps, settings.num_envs) == (1_000_000, 8)
    assert type(settings.total_steps) is type(settings.num_envs) is int
    for value in (float("inf"), float("nan"), 2.5, -1e3):
        with pytest.raises(ConfigError, match="total_steps"):
            TrainConfig(total_steps=value)  # type: ignore[arg-type]


def test_an_unknown_field_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no field 'critcs'; did you mean 'critics'\?"):
        NetworkConfig(critcs=2)  # type: ignore[call-arg]
