"""Trainers of brain lists on the toy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bnpo import TrainConfig, Trainer
from bnpo.presets import PRESETS, build_agent
from tests.agent.toy import ENV_ID

MakeToy = Callable[..., Trainer]

NUM_ENVS = 40


@pytest.fixture
def make_toy(request: pytest.FixtureRequest) -> MakeToy:
    """Trainer of a brain list on the toy: 40 environments, networks of 16 units."""

    def make(
        brains: Mapping[str, Any],
        agent: Mapping[str, Any] | None = None,
        *,
        steps: int = 1,
        total_steps: int = 400,
        seed: int = 0,
        **env: Any,
    ) -> Trainer:
        settings = {
            "gamma": 0.9,
            "replay_size": 20_000,
            **(agent or {}),
            "max_steps": steps,
            "warmup_steps": 0,
        }
        sizes = {"actor_hidden": [16], "critic_hidden": [16]}
        settings["networks"] = {**settings.get("networks", {}), **sizes}
        toy_agent = build_agent(
            {
                "env": ENV_ID,
                "env_kwargs": {"episode_steps": steps, **env},
                "seed": seed,
                "agent": settings,
                "brains": copy.deepcopy(dict(brains)),
            }
        )
        trainer = Trainer(
            toy_agent,
            TrainConfig(num_envs=NUM_ENVS, total_steps=total_steps, eval_interval=total_steps),
            progress_bar=False,
        )
        request.addfinalizer(trainer.close)
        return trainer

    return make


def brain_of(preset: str, name: str | None = None, **fields: Any) -> dict[str, Any]:
    """Fields of a preset's brain, the only one or the one named."""
    brains = PRESETS[preset]["brains"]
    (fields_of_preset,) = [brains[name]] if name else brains.values()
    return {**copy.deepcopy(fields_of_preset), **fields}
