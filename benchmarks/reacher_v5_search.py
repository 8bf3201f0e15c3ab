"""Search of the settings of ``ppo`` and of the lean PPO on Reacher-v5, alike.

python benchmarks/reacher_v5.py --search 30                   ppo
python benchmarks/reacher_v5.py --search 30 --one lean_ppo    the lean one
"""

from __future__ import annotations

import json
from typing import Any

import lean_ppo
from reacher_v5 import LEAN, RESULTS, run_bnpo, run_lean, solved

SEARCH = RESULTS.with_name("reacher_v5_search.jsonl")
LEAN_SEARCH = RESULTS.with_name("reacher_v5_lean_search.jsonl")

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

STEPS, INTERVAL, EPISODES = 64_000, 4_000, 40
"""Environment steps of a trial and between its evaluations, and their episodes"""


def search(program: str, trials: int, seed: int) -> None:
    """Try settings of a program with Optuna and append what each reached."""
    import optuna

    lean = program == LEAN
    kind, path = (suggest_lean, LEAN_SEARCH) if lean else (suggest, SEARCH)

    def objective(trial: Any) -> float:
        settings = kind(trial)
        if lean:
            curve = run_lean(seed, settings, STEPS, INTERVAL, EPISODES)
        else:
            settings |= {"eval_interval": INTERVAL, "eval_episodes": EPISODES}
            curve = run_bnpo(seed, settings, STEPS)
        end = solved(curve)
        best = max(point[3] for point in curve)
        cost = end[1] if end else 1_000.0 - best  # what is not solved comes after all that is
        with path.open("a") as file:
            row = {"seed": seed, "settings": settings, "solved": end, "best": best, "cost": cost}
            file.write(json.dumps(row) + "\n")
        return cost

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(n_startup_trials=15))
    study.enqueue_trial(lean_ppo.SETTINGS if lean else FIRST_GUESS)
    study.optimize(objective, n_trials=trials)
    print(json.dumps(kind(study.best_trial)), study.best_value)


def suggest_lean(trial: Any) -> dict[str, Any]:
    """Settings of one trial of the lean PPO."""
    return {
        "envs": trial.suggest_categorical("envs", [8, 16]),
        "rollout": trial.suggest_categorical("rollout", [25, 50]),
        "minibatches": trial.suggest_categorical("minibatches", [1, 2, 4, 8]),
        "epochs": trial.suggest_int("epochs", 4, 15),
        "lr": trial.suggest_float("lr", 3e-4, 5e-3, log=True),
        "anneal": trial.suggest_categorical("anneal", [60_000, 120_000]),
        "value_weight": trial.suggest_float("value_weight", 0.25, 4.0, log=True),
        "eps": trial.suggest_float("eps", 0.1, 0.3),
        "gae_lambda": trial.suggest_float("gae_lambda", 0.8, 0.98),
        "gamma": trial.suggest_float("gamma", 0.8, 0.97),
        "log_sigma": trial.suggest_float("log_sigma", -2.0, -0.5),
        "max_norm": trial.suggest_float("max_norm", 0.3, 3.0, log=True),
    }


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
