"""What one training run is configured with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bnpo.config.agent import AgentConfig
from bnpo.config.base import Count, Positive, config, nested
from bnpo.config.opponents import OpponentConfig
from bnpo.errors import ConfigError

__all__ = ["TrainConfig"]

SHORT_EPISODE = 100
"""Environment steps up to which evaluations by default are those of the fixed protocol."""

PRICE = 10
"""Training steps for each step of an evaluation, at least, on tasks of longer episodes."""


def _listed(value: Any) -> Any:
    """Return a single name as a list of it."""
    return [value] if isinstance(value, str | Mapping) else value


_Callbacks = Annotated[list[str | dict[str, Any]], BeforeValidator(_listed)]


@config
class TrainConfig:
    """One training run: how long, on how many environments, evaluated how often."""

    total_steps: Count = 40_000
    """Length of the run (single-environment steps)."""

    num_envs: Count = 8
    """Environments stepped as one batch."""

    eval_interval: Count | None = None
    """Steps between evaluations (single-environment steps); None: as ``eval_protocol`` has it."""

    eval_episodes: Count | None = None
    """Episodes of one evaluation, on fixed evaluation seeds; None: as ``eval_protocol`` has it."""

    eval_protocol: Literal["affordable", "fixed"] = "affordable"
    """What evaluations are where the two fields above do not say. fixed: 100 episodes every 1,000
    steps, as in races. affordable: the same where episodes have 100 steps at most; on longer ones
    10 episodes, or fewer, as often as a tenth of the training steps pays for."""

    eval_max_steps: Count = 1_000
    """Evaluation episodes of environments without a time limit are cut there, if they have not
    ended by then (environment steps)."""

    train_episode_steps: Count | None = None
    """Training episodes are cut to this many steps; None: as long as the environment's own."""

    solve_metric: Literal["success_rate", "mean_return", "mean_score"] | None = None
    """What decides when the task is solved; None: success_rate with goals, else mean_return."""

    solve_threshold: float = 0.95
    """Value of the metric from which on the task counts as solved."""

    stop_when_solved: bool = False
    """End the run at the first of two evaluations in a row at or above the threshold."""

    log_interval: Count | None = None
    """Steps between lines of the training stream (single-environment steps); None: a tenth of those
    between evaluations."""

    callbacks: _Callbacks = dataclasses.field(default_factory=list)
    """Callbacks by name: early_stopping, film, mlflow, tensorboard, wandb or module:Name; alone or
    as {"name": ..., argument: value}."""

    on_callback_failure: Literal["stop", "continue"] = "stop"
    """What to do when a callback raises. stop: the run ends, its last checkpoint stays. continue:
    it is told once, and the run goes on without that callback."""

    threads: Count = 1
    """Threads of torch and of the simulator; decides the last bits of a result."""

    rollouts: Literal["local", "ray"] = "local"
    """Where training environments are stepped: beside the brain, or by rollout workers on Ray
    (extra ``ray``)."""

    rollout_workers: Count = 2
    """Rollout workers on Ray, which share the environments, of ``threads`` cores each."""

    ray: str = "local"
    """Address of the Ray cluster of the rollout workers: local, auto or HOST:PORT."""

    overlap: Literal["off", "lockstep", "free"] = "off"
    """Step the environments while the brains learn. ``lockstep``: always max_staleness vector steps
    ahead, so that the seed alone decides the result; ``free``: under the newest policy there is.
    With ``rollouts="ray"`` free workers wait neither for the learner nor for each other."""

    max_staleness: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Vector steps by which the acting policy may be behind the brains, if overlapped. With
    ``rollouts="ray"``: policy versions (changes of the policy) by which the first step of a segment
    may be behind; what is further behind is not learnt from."""

    checkpoint_interval: Count = 10_000
    """Steps between checkpoints (single-environment steps)."""

    checkpoint_keep: Count = 2
    """How many of the last checkpoints stay, beside the best policy."""

    on_worker_failure: Literal["stop", "restart"] = "stop"
    """What to do when a worker process of the environments dies, hangs or raises. stop: the run
    ends, its last checkpoint stays. restart: another one takes over with fresh episodes; those
    that were under way are dropped. Environments are then stepped in worker processes alone."""

    worker_timeout: Positive = 30.0
    """Longest time that one step or reset of one environment may take in a worker (seconds)."""

    worker_restarts: Count = 10
    """Restarts of workers after which the next failure ends the run. Free rollout workers on Ray
    that die are always replaced, so often."""

    offline: str | None = None
    """Local Minari dataset that fills the replay before the first step (extra ``minari``)."""

    offline_turns: Annotated[int, Field(ge=0)] = 0
    """Turns of every brain on that dataset before the first step."""

    opponents: Annotated[OpponentConfig | None, BeforeValidator(nested(OpponentConfig))] = None
    """Self-play on a task of two sides; None: the task's own opponent plays the other one."""

    def __post_init__(self) -> None:
        """Refuse turns on a dataset that is not named, and workers without environments."""
        for name, allowed in (("rollouts", "local"), ("overlap", "off")):
            if self.opponents is not None and getattr(self, name) != allowed:
                raise ConfigError(
                    f"TrainConfig.{name} = {getattr(self, name)!r} with opponents: allowed is "
                    f"{allowed!r}, since the policy in training plays the other side, too"
                )
        if self.rollouts == "ray" and self.overlap == "lockstep":
            raise ConfigError(
                "TrainConfig.overlap = 'lockstep' with rollouts='ray': allowed is 'off', which is "
                "repeated to the bit, 'free', which is not, or rollouts='local'"
            )
        if self.rollouts == "ray" and self.rollout_workers > self.num_envs:
            raise ConfigError(
                f"TrainConfig.rollout_workers = {self.rollout_workers}: allowed is at most "
                f"num_envs = {self.num_envs}, one environment for each"
            )
        if self.offline_turns and self.offline is None:
            raise ConfigError(
                f"TrainConfig.offline_turns = {self.offline_turns}: allowed is 0 without "
                "TrainConfig.offline, the dataset to learn from"
            )

    def evaluations(self, episode_steps: int | None) -> tuple[int, int]:
        """Return the interval of evaluations (environment steps) and the episodes of each.

        Args:
            episode_steps: length of an episode; None: there is no limit

        """
        steps = episode_steps or self.eval_max_steps
        interval, episodes = self.eval_interval, self.eval_episodes
        if self.eval_protocol == "fixed" or steps <= SHORT_EPISODE:
            return interval or 1_000, episodes or 100
        if episodes is None:
            paid_for = 10 if interval is None else interval // (PRICE * steps)
            episodes = min(max(paid_for, 5), 100)
        if interval is None:
            interval = -(-PRICE * episodes * steps // 1_000) * 1_000
        return interval, episodes

    def require_fits(self, agent: AgentConfig) -> None:
        """Refuse what cannot be combined with how an agent sees and explores.

        Other processes and threads show their policies single observations, without the noise of
        the agent's own; datasets hold single ones, too.

        Raises:
            ConfigError: naming both fields and what is allowed.

        """
        networks = agent.networks
        recalled = {
            "networks.frame_history": networks.frame_history
            if networks.frame_history > 1
            else None,
            "networks.memory": networks.memory,
        }
        ahead = recalled | {"parameter_noise": agent.parameter_noise}
        for own, default, fields in (
            ("rollouts", "local", ahead),
            ("overlap", "off", ahead),
            ("offline", None, recalled),
        ):
            for name, value in fields.items():
                if getattr(self, own) != default and value is not None:
                    raise ConfigError(
                        f"TrainConfig.{own} = {getattr(self, own)!r} with AgentConfig.{name} = "
                        f"{value}: allowed is {own} = {default!r}, or {name} as it is by default"
                    )
