"""Training: the loop that acts, remembers, gives the brains their turns and evaluates."""

from bnpo.training.trainer import Trainer

__all__ = ["Trainer"]
