"""Tasks by name."""

from __future__ import annotations

from typing import Any

__all__ = ["TASKS"]

TASKS: dict[str, dict[str, Any]] = {
    "goal_reacher": {
        "env": "bnpo/GoalReacher-v0",
        "agent": {"gamma": 0.92, "max_steps": 50, "target_bounds": [-12.5, 0.0]},
    },
    # The short way leads through a zone in which the motors stall, the way round it takes three
    # steps more: benchmarks/stall_model.py computes that the optimum goes round it, and that values
    # learnt from hindsight goals do not.
    "stall_reacher": {
        "env": "bnpo/GoalReacher-v0",
        "env_kwargs": {
            "stall_zone": [0.12, 0.14, 0.075],
            "stall_probability": 0.15,
            "target_center": [-0.03, 0.07],
            "target_radius": 0.03,
        },
        "total_steps": 60_000,
        "eval_interval": 2_000,
        "agent": {"gamma": 0.95, "max_steps": 50, "target_bounds": [-20.0, 0.0]},
    },
    "slide_reacher": {
        "env": "bnpo/SlideReacher-v0",
        "total_steps": 400_000,
        "eval_interval": 10_000,
        "solve_threshold": 0.8,
        "agent": {"gamma": 0.97, "max_steps": 50, "target_bounds": [-33.4, 0.0]},
    },
    "hockey_reacher": {
        "env": "bnpo/HockeyReacher-v0",
        "total_steps": 12_000_000,
        "eval_interval": 300_000,
        "solve_metric": "mean_return",
        "solve_threshold": 0.5,
        "agent": {"gamma": 0.99, "max_steps": 50, "target_bounds": [-1.0, 1.0]},
    },
    "hockey_goal_reacher": {
        "env": "bnpo/HockeyGoalReacher-v0",
        "total_steps": 400_000,
        "eval_interval": 10_000,
        "solve_threshold": 0.8,
        "agent": {"gamma": 0.98, "max_steps": 100, "target_bounds": [-50.0, 0.0]},
    },
    "moving_reacher": {
        "env": "bnpo/MovingReacher-v0",
        "num_envs": 20,
        "train_episode_steps": 60,
        "total_steps": 400_000,
        "eval_interval": 50_000,  # of five episodes of 1,000 steps: a tenth of the training steps
        "solve_metric": "mean_score",
        "solve_threshold": 30.0,
        "agent": {"gamma": 0.95, "max_steps": 60, "target_bounds": [-20.0, 0.0]},
    },
    "reacher_v5": {
        "env": "Reacher-v5",
        "total_steps": 100_000,
        "eval_interval": 2_000,
        "solve_metric": "mean_return",
        "solve_threshold": -5.0,
        "agent": {"gamma": 0.92, "max_steps": 50},
    },
    **{
        name: {
            "env": env,
            "total_steps": steps,
            "eval_interval": interval,
            "agent": {"gamma": 0.98, "max_steps": 50, "target_bounds": [-50.0, 0.0]},
        }
        for name, env, steps, interval in (
            ("fetch_reach", "FetchReach-v4", 10_000, 1_000),
            ("fetch_push", "FetchPush-v4", 500_000, 10_000),
            ("fetch_slide", "FetchSlide-v4", 1_000_000, 20_000),
            ("fetch_pick_and_place", "FetchPickAndPlace-v4", 1_000_000, 20_000),
        )
    },
    "point_maze": {
        "env": "PointMaze_UMaze-v3",
        "env_kwargs": {"continuing_task": True, "max_episode_steps": 300},
        "total_steps": 200_000,
        "agent": {"gamma": 0.98, "max_steps": 100, "target_bounds": [0.0, 50.0]},
    },
}
"""Environments by name, with the agent settings that follow from them."""
