"""The experiment layer: configuration, command line and records. Only this package knows sacred."""

from bnpo.experiment.commandline import main
from bnpo.experiment.definition import experiment

__all__ = ["experiment", "main"]
