"""Small agents on the goal Reacher."""

from tests.agent.conftest import make_trainer

__all__ = ["make_trainer"]
