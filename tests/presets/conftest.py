"""Brain lists on the toy."""

from tests.agent.toys import make_toy

__all__ = ["make_toy"]
