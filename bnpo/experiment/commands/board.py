"""``bnpo board``: runs and studies in a browser while they go."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from bnpo.config import config
from bnpo.experiment.command import Command

if TYPE_CHECKING:
    from bnpo.board import Board

__all__ = ["BoardOptions", "board"]


@config
class BoardOptions:
    """Options of ``bnpo board``."""

    folder: str | None = None
    """Folder of runs, of a study or of studies, all that lies in it included; None: where new runs
    are put."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 8_000
    """Port at which the browser finds it; 0 takes any that is free."""

    host: str = "127.0.0.1"
    """Address of this machine; any other than 127.0.0.1 shows the runs to whoever can reach it."""


def board(server: Board) -> int:
    """Show runs and studies in a browser while they go: curves, films, differences, output."""
    from bnpo.show.text import say

    server.listen()
    say(f"{server.folder} is shown at {server.address}; Ctrl-C ends it")
    if server.is_open:
        say(f"whoever can reach {server.host}:{server.port} can read these runs")
    with contextlib.suppress(KeyboardInterrupt):  # whether it comes depends on when Ctrl-C did
        server.serve()
    say("the board is closed")
    return 0


def _of_folder(options: BoardOptions, runs: Path) -> Board:
    """Return the board of a folder that holds runs; it is not served yet."""
    from bnpo.board import Board

    settings = dataclasses.asdict(options)
    folder = settings.pop("folder")
    return Board(runs if folder is None else Path(folder), **settings)


COMMAND = Command(function=board, options=BoardOptions, word="folder", check=_of_folder)
