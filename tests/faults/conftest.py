"""What the tests of the command line have."""

from tests.experiment.conftest import command

__all__ = ["command"]
