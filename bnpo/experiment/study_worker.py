"""The process of one run of a study: it trains, or goes on where it was stopped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from bnpo.errors import CheckpointError, RunError
from bnpo.experiment import main as run_command_line
from bnpo.runs import load_config
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.folder import remove_run
from bnpo.show.streams import use_lenient_streams
from bnpo.show.text import say
from bnpo.study.processes.parent import follow_parent

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    """Make one run.

    Args:
        words: the file of its configuration, and its folder

    Returns:
        The exit status of the command line.

    """
    use_lenient_streams()
    config, folder = (Path(word) for word in words)
    threading.Thread(target=follow_parent, daemon=True).start()
    place = ["-F", str(folder.parent), "-b", "5"]
    if folder.exists():
        obstacle = _obstacle(folder)
        if obstacle is None:
            return run_command_line(["resume", *place, "with", f"run={folder}"])
        try:
            remove_run(folder)
        except RunError as error:
            say(f"{folder} cannot start over ({obstacle}): {error}")
            return 2
        say(f"{folder} starts over: {obstacle}")
    return run_command_line([*place, "-i", folder.name, "with", str(config)])


def _obstacle(folder: Path) -> str | None:
    """Return why a run cannot go on; None where it has left all that decides its future."""
    try:
        load_config(folder)
        restored = CheckpointFolder(folder / "checkpoints").restore()
    except (RunError, CheckpointError) as error:
        return str(error)
    if restored is None:
        return "it has no checkpoint yet"
    state, path, _ = restored
    return None if "progress" in state else f"checkpoint {path} holds a policy alone"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
