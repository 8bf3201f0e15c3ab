"""Search of the settings of ``ppo`` on Reacher-v5: python benchmarks/reacher_v5.py --search 40."""

from __future__ import annotations

import json
from typing import Any

from reacher_v5 import RESULTS, run_bnpo, solved

SEARCH = RESULTS.with_name("reacher_v5_search.jsonl")

FIRST_GUESS: dict[str, Any] = {
    "envs": 8,
    "segment": 50,
    "minibatches": 4,
    "epochs": 10,
    "lr_actor": 1e-3,
    "lr_critic": 3e-3,
    "eps": 0.2,
    "gae_lambda": 0.9,
    "gamma": 0.9,
    "sigma_init": 0.3,
    "input_gain": 1.0,
}
"""First trial of a search, by parameters of :func:`suggest`."""


def search(trials: int, seed: int, steps: int = 32_000) -> None:
    """Try settings with Optuna and append what each reached."""
    import optuna

    def objective(trial: Any) -> float:
        settings = suggest(trial) | {"eval_interval": 4_000, "eval_episodes": 40}
        curve = run_bnpo(seed, settings, steps)
        end = solved(curve)
        best = max(point[3] for point in curve)
        cost = end[1] if end else 2 * curve[-1][1] - best
        with SEARCH.open("a") as file:
            row = {"seed": seed, "settings": settings, "solved": end, "best": best, "cost": cost}
            file.write(json.dumps(row) + "\n")
        return cost

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(n_startup_trials=15))
    study.enqueue_trial(FIRST_GUESS)
    study.optimize(objective, n_trials=trials)
    print(json.dumps(suggest(study.best_trial)), study.best_value)


def suggest(trial: Any) -> dict[str, Any]:
    """Settings of one trial."""
    envs = trial.suggest_categorical("envs", [8, 16])
    segment = trial.suggest_categorical("segment", [25, 50])
    parts = trial.suggest_categorical("minibatches", [1, 2, 4])
    rollout = envs * segment
    epochs = trial.suggest_int("epochs", 4, 15)
    brain = {
        "learning_delay": segment,
        "optim_pool_size": rollout,
        "optim_batch_size": rollout,
        "batch_size": rollout // parts,
        "optim_epochs": parts,
        "learning_repeat": parts * epochs,
        "lr_actor": trial.suggest_float("lr_actor", 3e-4, 3e-3, log=True),
        "lr_critic": trial.suggest_float("lr_critic", 1e-3, 1e-2, log=True),
        "rule.eps": trial.suggest_float("eps", 0.1, 0.3),
        "credit": {"name": "gae", "gae_lambda": trial.suggest_float("gae_lambda", 0.8, 0.98)},
    }
    settings = {f"brains.ppo.{name}": value for name, value in brain.items()}
    return settings | {
        "num_envs": envs,
        "agent.max_steps": segment,
        "agent.gamma": trial.suggest_float("gamma", 0.8, 0.97),
        "agent.networks.sigma_init": trial.suggest_float("sigma_init", 0.1, 0.6),
        "agent.networks.input_gain": trial.suggest_float("input_gain", 1.0, 3.0),
    }
