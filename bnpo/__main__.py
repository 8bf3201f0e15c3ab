"""``python -m bnpo`` and the command ``bnpo``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of the process and exit with its status."""
    try:
        from bnpo.experiment import main as run_command_line
    except KeyboardInterrupt:  # while the libraries load
        sys.exit(130)
    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
