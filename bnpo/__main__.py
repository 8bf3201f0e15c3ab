"""``python -m bnpo`` and the command ``bnpo``."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line of the process and exit with its status."""
    _look_here_last()
    _open_standard_files()
    gc.disable()  # while the libraries load there is nothing to collect
    try:
        from bnpo.experiment import main as run_command_line
        from bnpo.show.streams import use_lenient_streams
    except KeyboardInterrupt:  # while the libraries load
        sys.exit(130)
    gc.enable()
    use_lenient_streams()
    status = run_command_line()
    sys.stdout.flush()
    sys.exit(status)


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


def _open_standard_files() -> None:
    """Open what the process was started without: a file opened later would get what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # has the least free number, which is this one


if __name__ == "__main__":
    main()
