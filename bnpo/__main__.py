"""``python -m bnpo`` and the command ``bnpo``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line of the process and exit with its status."""
    _look_here_last()
    gc.disable()  # while the libraries load there is nothing to collect
    try:
        from bnpo.experiment import main as run_command_line
    except KeyboardInterrupt:  # while the libraries load
        sys.exit(130)
    gc.enable()
    sys.exit(run_command_line())


def _look_here_last() -> None:
    """Import from the working folder, which ``python -m`` puts first, after all others.

    No file that happens to lie there is taken for a library. Nothing that could be is loaded yet.
    """
    try:
        here = os.getcwd()  # noqa: PTH109
    except OSError:  # the folder is gone
        return
    if sys.path[0] in ("", here):
        sys.path.append(sys.path.pop(0))


if __name__ == "__main__":
    main()
