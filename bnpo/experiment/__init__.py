"""The experiment layer: configuration, command line and records. Only this package knows sacred."""

import warnings

with warnings.catch_warnings():  # whatever module of this package is the first to need sacred
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    import sacred  # noqa: F401

from bnpo.experiment.commandline import main
from bnpo.experiment.definition import experiment

__all__ = ["experiment", "main"]
