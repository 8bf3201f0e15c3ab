"""``bnpo resume``: a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.config import Count, config
from bnpo.errors import CheckpointError, ConfigError
from bnpo.experiment.command import Command
from bnpo.experiment.commands.train import carry_out, opened

if TYPE_CHECKING:
    from bnpo.config import RunConfig

__all__ = ["ResumeOptions", "resume"]


@config
class ResumeOptions:
    """Options of ``bnpo resume``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    total_steps: Count | None = None
    """New length of the run (single-environment steps); None: as configured."""


def resume(run: RunConfig, record: Any) -> float | None:
    """Go on with an interrupted run, or extend a finished one (total_steps=...)."""
    from bnpo.experiment.run_folder import RunFolder
    from bnpo.show.text import say

    observer = next(one for one in record.observers if isinstance(one, RunFolder))
    with opened(run, observer.folder, record) as session:
        at = session.restore()
        observer.rewind(session.trainer.history)
        if at is None:
            say(f"{observer.folder} has no checkpoint yet: it starts over")
        elif session.finished:
            say(f"{observer.folder} is finished: {at:,} steps; more with total_steps=...")
        else:
            say(f"{observer.folder} goes on from {at:,} steps")
        return carry_out(session)


def _configured(options: ResumeOptions, runs: Path) -> RunConfig:
    """Return the configuration of the run, with its new length; check its checkpoints."""
    from bnpo.compose.validation import validate
    from bnpo.runs import find_run, load_run

    folder = find_run(options.run, runs)
    run = load_run(folder)
    if options.total_steps is not None:
        run = run.with_train(total_steps=options.total_steps)
    try:
        validate(run)
    except ConfigError as error:
        raise ConfigError(f"{folder / 'config.json'}: {error}") from None
    taken = _require_state(folder / "checkpoints", run.task.env)
    if options.total_steps is not None and options.total_steps < taken:
        raise ConfigError(
            f"total_steps = {options.total_steps}: run {folder} has taken {taken} steps; allowed "
            "is at least as many"
        )
    return run


def _require_state(folder: Path, env: str) -> int:
    """Refuse damaged checkpoints, and those that hold a policy alone: the record stays as it is.

    Returns the environment steps that the newest one is of; 0 where there is none.
    """
    from bnpo.runs.checkpoint import load_checkpoint, policy_alone
    from bnpo.runs.checkpoint_folder import CheckpointFolder, steps_of

    checkpoints = CheckpointFolder(folder)
    checkpoints.check()
    for path in checkpoints.manifests():
        try:
            state = load_checkpoint(path, rows=False)
        except CheckpointError:
            continue  # the one before it is taken
        if "progress" not in state:
            raise policy_alone(path, env)
        return steps_of(path)
    return 0


COMMAND = Command(function=resume, options=ResumeOptions, word="run", check=_configured)
