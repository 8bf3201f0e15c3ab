"""What the tests of the command line have."""

from tests.experiment.conftest import command, finished_run

__all__ = ["command", "finished_run"]
