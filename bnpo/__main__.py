"""``python -m bnpo`` and the command ``bnpo``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line of the process and exit with its status."""
    gc.disable()  # while the libraries load there is nothing to collect
    try:
        from bnpo.experiment import main as run_command_line
    except KeyboardInterrupt:  # while the libraries load
        sys.exit(130)
    gc.enable()
    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
