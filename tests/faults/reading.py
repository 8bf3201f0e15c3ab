"""Command lines run in this process, up to where all is read and the long work would begin."""

from __future__ import annotations

import contextlib
import io
import os
import unittest.mock
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnpo.errors import ConfigError, RecordingError
from bnpo.experiment import main


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command line did."""

    status: int | None
    """Exit status; None where an exception was raised"""

    output: str
    errors: str
    raised: Exception | None = None

    def fault(self) -> str | None:
        """Say what is wrong with it, if anything."""
        if self.raised is not None:
            return f"raised {type(self.raised).__name__}"
        if self.status not in (0, 2):
            return f"status {self.status}"
        said = [line for line in self.errors.splitlines() if line.startswith("bnpo: ")]
        if self.status == 2 and (len(said) != 1 or len(self.errors) > 2_000):
            return "not one line of error"
        return "a traceback is told" if "Traceback" in self.output + self.errors else None


def outcome(line: str) -> Outcome:
    """Run a command line in this process."""
    output, errors = io.StringIO(), io.StringIO()
    status, raised = None, None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = main(line.split())
        except Exception as error:
            raised = error
    return Outcome(status=status, output=output.getvalue(), errors=errors.getvalue(), raised=raised)


def _saved(_: Any, file: Any, **__: Any) -> None:
    """Save a figure without drawing it."""
    file.write(b"<svg/>") if isinstance(file, io.BytesIO) else Path(file).touch()


def _no_work(*_: Any, **__: Any) -> None:
    """End, by a new exception each time: one that is raised again holds all that it has passed."""
    raise ConfigError("all was read")


def _no_drawing(*_: Any, **__: Any) -> None:
    raise RecordingError("nothing is drawn here")


@contextlib.contextmanager
def reading_alone() -> Iterator[None]:
    """Let commands end where the long work would begin; datasets are those of this folder."""
    with contextlib.ExitStack() as stubs:
        for name, end in (
            ("bnpo.training.evaluation.PolicyEvaluator.run", _no_work),
            ("bnpo.show.recording.play", _no_drawing),
            ("torch.export.export", _no_work),
            ("optuna.create_study", _no_work),
            ("bnpo.study.processes.forking.ForkServer.start", _no_work),
        ):
            stubs.enter_context(unittest.mock.patch(name, end))
        stubs.enter_context(unittest.mock.patch("matplotlib.figure.Figure.savefig", _saved))
        datasets = {"MINARI_DATASETS_PATH": str(Path("datasets").resolve())}
        stubs.enter_context(unittest.mock.patch.dict(os.environ, datasets))
        yield
