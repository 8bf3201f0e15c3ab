"""The commands: functions of the configuration, which sacred calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bnpo.compose.validation import plain
from bnpo.errors import ConfigError, RecordingError
from bnpo.experiment.options import EvaluateOptions, PlotOptions, RecordOptions
from bnpo.experiment.report import config_lines, evaluation_rows, summary_rows
from bnpo.experiment.run_folder import RunFolder
from bnpo.experiment.session import Session
from bnpo.interop.events import with_events
from bnpo.runs import find_run, load_agent, load_history
from bnpo.runs.summary import Summary
from bnpo.show.plotting import draw
from bnpo.show.recording import record as record_agent
from bnpo.show.text import say, table
from bnpo.training.evaluation import evaluate as evaluate_agent

__all__ = ["evaluate", "plot", "print_config", "record", "resume", "train"]


def train(_config: Mapping[str, Any], _run: Any) -> float | None:
    """Train brains on an environment (the default command)."""
    config, folder = plain(_config), _folder(_run)
    with (
        with_events(config, folder, _run.log_scalar) as log,
        _session(config, folder, log, _run.info) as made,
    ):
        return _finish(made, made.run())


def resume(_config: Mapping[str, Any], _run: Any) -> float | None:
    """Go on with an interrupted run, or extend a finished one (total_steps=...)."""
    observer = next(one for one in _run.observers if isinstance(one, RunFolder))
    config = plain(_config)
    with (
        with_events(config, observer.folder, _run.log_scalar) as log,
        _session(config, observer.folder, log, _run.info) as session,
    ):
        at = session.restore()
        observer.rewind(session.trainer.history)
        if at is None:
            say(f"{observer.folder} has no checkpoint yet: it starts over")
        elif session.finished:
            say(f"{observer.folder} is finished: {at:,} steps; more with total_steps=...")
        else:
            say(f"{observer.folder} goes on from {at:,} steps")
        return _finish(session, session.run())


def evaluate(_config: Mapping[str, Any]) -> float:
    """Play episodes with a run's policy, on fixed seeds."""
    options: EvaluateOptions = _options(EvaluateOptions, _config)
    torch.set_num_threads(options.threads)
    folder = find_run(options.run)
    agent = load_agent(folder, options.checkpoint)
    evaluation = evaluate_agent(agent, options.episodes, threads=options.threads)
    say(table(evaluation_rows(evaluation, folder)))
    success = evaluation.success_rate
    return evaluation.mean_return if success is None else success


def record(_config: Mapping[str, Any]) -> int:
    """Write a video of a run's policy: policy.gif, and policy.png with stills."""
    options: RecordOptions = _options(RecordOptions, _config)
    folder = find_run(options.run)
    agent = load_agent(folder, options.checkpoint)
    try:
        video, sheet = record_agent(agent, folder, options.episodes)
    except RecordingError as error:
        raise ConfigError(str(error)) from None
    say(table([("video", str(video)), ("stills", str(sheet))]))
    return options.episodes


def plot(_config: Mapping[str, Any]) -> int:
    """Draw the learning curves of one run or of several."""
    options: PlotOptions = _options(PlotOptions, _config)
    runs = options.runs if isinstance(options.runs, list) else [options.runs]
    folders = [find_run(run) for run in runs]
    histories = {str(folder): load_history(folder) for folder in folders}
    path = folders[0] / "learning_curve.png"
    if len(folders) > 1:
        path = folders[0].parent / "learning_curves.png"
    if options.output is not None:
        path = Path(options.output)
    try:
        draw(next(iter(histories.values())) if len(histories) == 1 else histories, path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} cannot be drawn: {error}") from None
    say(table([("learning curve", str(path))]))
    return len(folders)


def print_config(_config: Mapping[str, Any]) -> int:
    """Print the complete configuration of a training run."""
    say(config_lines(plain(_config)))
    return 0


@contextmanager
def _session(
    config: Mapping[str, Any], folder: Path | None, log: Any, info: dict[str, Any]
) -> Iterator[Session]:
    """Build what trains, and close it."""
    session = Session(config, folder, log, info)
    try:
        yield session
    finally:
        session.close()


def _options(kind: type[Any], config: Mapping[str, Any]) -> Any:
    """Return a command's options; sacred adds a seed of its own to every configuration."""
    return kind(**{key: value for key, value in plain(config).items() if key != "seed"})


def _folder(run: Any) -> Path | None:
    """Return the folder of a run, None for one that leaves no files."""
    folders = (getattr(observer, "dir", None) for observer in run.observers)
    return next((Path(folder) for folder in folders if folder), None)


def _reason(error: Exception) -> str:
    """Message of an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())[:300] or type(error).__name__


def _finish(session: Session, summary: Summary) -> float | None:
    """Record the video and print the figures; return the one that counts."""
    rows = summary_rows(summary)
    folder = session.folder
    if folder is not None:
        try:
            video = str(record_agent(session.trainer.agent, folder)[0])
        except Exception as error:  # a run that was trained has not failed for want of a film
            video = f"none: {_reason(error)}"
        rows += [
            ("run", str(folder)),
            ("learning curve", str(folder / "learning_curve.png")),
            ("video", video),
        ]
    say(table(rows))
    return summary.mean_return if summary.success_rate is None else summary.success_rate
