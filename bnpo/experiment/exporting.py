"""The command that exports a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from bnpo.config import ConfigError, config
from bnpo.experiment.report import say, table
from bnpo.experiment.validation import plain

__all__ = ["ExportOptions", "export"]


@config
class ExportOptions:
    """Options of ``bnpo export``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    format: Literal["torch_export", "onnx"] = "torch_export"
    """Kind of file."""

    checkpoint: Literal["last", "best"] = "last"
    """Which policy of the run."""

    output: str | None = None
    """Folder for the file and its card; None: export in the run's folder."""


def export(_config: Mapping[str, Any]) -> float:
    """Write a run's policy as a file that is used without BNPO, and its model card."""
    from bnpo.export import ExportError
    from bnpo.export import export as export_policy

    options = ExportOptions(**{key: val for key, val in plain(_config).items() if key != "seed"})
    try:
        file, card, difference = export_policy(
            options.run, options.format, checkpoint=options.checkpoint, output=options.output
        )
    except ExportError as error:
        raise ConfigError(str(error)) from None
    shown = f"{difference:.1e} of half the action range at most, on 1,000 states"
    say(table([("policy", str(file)), ("card", str(card)), ("differs from the agent by", shown)]))
    return difference
