"""The plan of a sweep: what is searched, where, and what counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from bnpo.compose.overrides import as_overrides
from bnpo.config import RunConfig, config
from bnpo.errors import ConfigError, did_you_mean
from bnpo.presets import PRESETS, TASKS
from bnpo.presets.ranges import RANGES
from bnpo.study.plan import Name, Seeds, on_cpu

__all__ = ["Range", "SweepPlan"]


@config
class Range:
    """Values of one key: an interval, or a choice."""

    low: int | float | None = None
    """Smallest value; a whole number makes all values whole numbers."""

    high: int | float | None = None
    """Largest value."""

    log: bool = False
    """Whether values are drawn evenly on a logarithmic scale."""

    step: int | float | None = None
    """Distance between neighbouring values; None: any value of the interval."""

    choices: list[bool | int | float | str] | None = None
    """Values to choose from, instead of an interval."""

    def __post_init__(self) -> None:
        """Refuse what is neither an interval nor a choice."""
        if self.choices is not None:
            if not self.choices or self.low is not None or self.high is not None:
                raise ConfigError(f"choices = {self.choices!r}: allowed is a list, alone")
            return
        if self.low is None or self.high is None or not self.low < self.high:
            raise ConfigError(
                f"low = {self.low!r}, high = {self.high!r}: allowed is low < high, or choices"
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise ConfigError(f"log with low = {self.low!r}: allowed is above 0, without a step")
        self._check_step()

    def _check_step(self) -> None:
        """Refuse a step that leads nowhere."""
        if self.step is None:
            return
        if not self.step > 0 or (self.whole and not isinstance(self.step, int)):
            allowed = "a whole number above 0" if self.whole else "a number above 0"
            raise ConfigError(f"step = {self.step!r}: allowed is {allowed}")

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def first(self) -> Any:
        """Return one of the values."""
        return self.low if self.choices is None else self.choices[0]

    def distribution(self, optuna: Any) -> Any:
        """Return the range as Optuna has it."""
        if self.choices is not None:
            return optuna.distributions.CategoricalDistribution(self.choices)
        if self.whole:
            step = 1 if self.step is None else self.step
            return optuna.distributions.IntDistribution(
                self.low, self.high, log=self.log, step=step
            )
        return optuna.distributions.FloatDistribution(
            float(self.low or 0), float(self.high or 0), log=self.log, step=self.step
        )


@config
class SweepPlan:
    """Which configurations are tried, and how they are judged."""

    preset: str
    """Preset whose configuration is searched."""

    task: str = "goal_reacher"
    """Task on which configurations are tried."""

    ranges: dict[str, dict[str, Any]] | None = None
    """Values by dotted path: ``{low: 1.0e-4, high: 1.0e-2}``, with ``log: true`` or a ``step``, or
    ``{choices: [...]}``; None: those declared beside the preset."""

    trials: Annotated[int, Field(ge=1, le=100_000)] = 30
    """Number of configurations that are tried."""

    seeds: Seeds = 1
    """Number of seeds that each is tried with, from 0 on, or the seeds themselves."""

    objective: Literal["area", "final"] = "area"
    """What is maximised: the mean of all evaluations, or the last one, averaged over the seeds."""

    prune: bool = True
    """Whether trials end whose evaluations so far are below the median of the others'."""

    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Configuration that all trials share, by dotted path."""

    name: Name = "sweep"
    """Name of the sweep."""

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        known: Mapping[str, Mapping[str, Any]] = {"preset": PRESETS, "task": TASKS}
        for kind, names in known.items():
            name = getattr(self, kind)
            if name not in names:
                hint = did_you_mean(name, names)
                raise ConfigError(f"{kind} = {name!r}: allowed is one of {', '.join(names)}{hint}")
        if self.ranges is None and self.preset not in RANGES:
            raise ConfigError(f"no ranges are declared for {self.preset!r}: give ranges=...")

    @property
    def seed_list(self) -> list[int]:
        """The seeds, each once."""
        seeds = self.seeds
        return list(range(seeds)) if isinstance(seeds, int) else list(dict.fromkeys(seeds))

    def searched(self, *, elsewhere: bool = False) -> dict[str, Range]:
        """Return the ranges, each checked by a configuration with one of its values.

        Args:
            elsewhere: trials are made on other machines; this one need not have their device

        Raises:
            ConfigError: naming the key that does not exist or the range that cannot be.

        """
        from bnpo.compose.validation import validate

        searched = {}
        for path, fields in (RANGES[self.preset] if self.ranges is None else self.ranges).items():
            try:
                searched[path] = Range(**fields)
            except ConfigError as error:
                raise ConfigError(f"ranges.{path}: {error}") from None
        if not searched:
            raise ConfigError("ranges = {}: allowed is at least one")
        validate(on_cpu(self.run) if elsewhere else self.run)
        for path, values in searched.items():
            self.config({path: values.first()})
        return searched

    @property
    def run(self) -> RunConfig:
        """Run around whose configuration is searched."""
        from bnpo.presets import read_config

        return read_config(self.config({}))

    def config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration of a trial, its values unchecked: trials may fail."""
        from bnpo.compose.composition import compose

        updates = as_overrides(self.overrides)
        if "seed" in updates:
            raise ConfigError("seed cannot be overridden in a sweep: allowed is seeds=...")
        updates.update(as_overrides(values))
        return compose([self.preset, self.task], updates)
