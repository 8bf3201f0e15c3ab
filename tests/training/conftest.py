"""Small agents on the goal Reacher, and command lines."""

from tests.agent.conftest import make_trainer
from tests.experiment.conftest import command, finished_run, tiny

__all__ = ["command", "finished_run", "make_trainer", "tiny"]
