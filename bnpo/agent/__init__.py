"""Agent: one actor, its critics and its replay, and the brains that train them in turn."""

from bnpo.agent.agent import Agent
from bnpo.types.step import Decision, Observation

__all__ = ["Agent", "Decision", "Observation"]
