"""``bnpo evaluate``: figures of a run's policy."""

from __future__ import annotations

from typing import Literal

from bnpo.config import Count, config
from bnpo.experiment.command import Command, with_run_found

__all__ = ["EvaluateOptions", "evaluate"]


@config
class EvaluateOptions:
    """Options of ``bnpo evaluate``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    episodes: Count = 100
    """Number of episodes, on fixed evaluation seeds."""

    checkpoint: Literal["last", "best"] = "last"
    """Policy of the run that is evaluated: the last or the best one."""

    threads: Count = 1
    """Number of threads of torch and of the simulator."""


def evaluate(options: EvaluateOptions) -> float:
    """Play episodes with a run's policy, on fixed seeds."""
    import torch

    from bnpo.experiment.report import evaluation_rows
    from bnpo.runs import find_run, load_agent
    from bnpo.show.text import say, table
    from bnpo.training.evaluation import evaluate as evaluate_agent

    torch.set_num_threads(options.threads)
    agent = load_agent(options.run, options.checkpoint)
    evaluation = evaluate_agent(agent, options.episodes, threads=options.threads)
    say(table(evaluation_rows(evaluation, find_run(options.run))))
    success = evaluation.success_rate
    return evaluation.mean_return if success is None else success


COMMAND = Command(function=evaluate, options=EvaluateOptions, word="run", check=with_run_found)
