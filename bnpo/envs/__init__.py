"""Environments: the Reachers, vector environments for any task, and their registration.

Importing this package registers ``bnpo/GoalReacher-v0``, ``bnpo/MovingReacher-v0``,
``bnpo/SlideReacher-v0``, ``bnpo/HockeyReacher-v0`` and ``bnpo/HockeyGoalReacher-v0`` with
Gymnasium. Neither MuJoCo nor a simulator is loaded before an environment is made.
"""

from __future__ import annotations

import importlib
from typing import Any

from farama_notifications import notifications

# Importing gymnasium imports gymnasium-robotics, which announces in every process, workers
# included, that some Hand environments have newer versions.
notifications.pop("gymnasium_robotics", None)

from gymnasium.envs.registration import register, registry  # noqa: E402

_HOMES = {
    "GoalReacherConfig": "reacher.goal_reacher_config",
    "GoalReacherEnv": "reacher.goal_reacher",
    "GoalReacherVectorEnv": "reacher.goal_reacher",
    "HockeyGoalReacherEnv": "reacher.hockey_reacher",
    "HockeyGoalReacherVectorEnv": "reacher.hockey_reacher",
    "HockeyReacherConfig": "reacher.hockey_reacher",
    "HockeyReacherEnv": "reacher.hockey_reacher",
    "HockeyReacherVectorEnv": "reacher.hockey_reacher",
    "MovingReacherConfig": "reacher.moving_reacher_config",
    "MovingReacherEnv": "reacher.moving_reacher",
    "MovingReacherVectorEnv": "reacher.moving_reacher",
    "SlideReacherConfig": "reacher.slide_reacher_config",
    "SlideReacherEnv": "reacher.slide_reacher",
    "SlideReacherVectorEnv": "reacher.slide_reacher",
    "as_goal_observation": "rollout",
    "describe": "making",
    "make_env": "making",
    "reward_function": "goal_functions",
    "termination_function": "goal_functions",
    "make_vector_env": "making",
    "step_info": "rollout",
    "true_next_observation": "rollout",
}

_ENVIRONMENTS = {
    "GoalReacher": "goal_reacher",
    "HockeyGoalReacher": "hockey_reacher",
    "HockeyReacher": "hockey_reacher",
    "MovingReacher": "moving_reacher",
    "SlideReacher": "slide_reacher",
}

__all__ = [*_HOMES, "register_environments"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"bnpo.envs.{_HOMES[name]}"), name)


def register_environments() -> None:
    """Register the environments of this package; repeating it changes nothing.

    The environments truncate their episodes themselves (``episode_steps``), so that single and
    vector form end at the same step.
    """
    for name, module in _ENVIRONMENTS.items():
        env_id = f"bnpo/{name}-v0"
        if env_id not in registry:
            register(
                id=env_id,
                entry_point=f"bnpo.envs.reacher.{module}:{name}Env",
                vector_entry_point=f"bnpo.envs.reacher.{module}:{name}VectorEnv",
            )


register_environments()
