"""The training loop: act, remember, let the brains take their turns, evaluate."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from bnpo import seeding
from bnpo.agent import Agent
from bnpo.cluster.free_rollouts import FreeRollouts
from bnpo.config import TrainConfig
from bnpo.envs.workers.care import WorkerCare
from bnpo.files import checked
from bnpo.interop.offline import from_minari, learn_offline
from bnpo.training.callbacks.functions import Functions
from bnpo.training.environments import env_state, make_training_envs, set_env_state
from bnpo.training.evaluation import Evaluation, PolicyEvaluator
from bnpo.training.free import FreeFeed
from bnpo.training.live_run import LiveRun
from bnpo.training.overlap import Ahead
from bnpo.training.rollout import Stepper
from bnpo.training.self_play import SelfPlayEnv
from bnpo.training.stream import Progress
from bnpo.types.callback import Callback
from bnpo.types.history import History, Record
from bnpo.types.step import Observation

__all__ = ["Trainer"]


class Trainer:
    """One agent on one batch of environments."""

    def __init__(
        self,
        agent: Agent,
        config: TrainConfig,
        *,
        progress_bar: bool = True,
        callbacks: Sequence[Any] = (),
        own: Sequence[Callback] = (),
        folder: Path | None = None,
    ) -> None:
        """Make the environments and reset them, seeded by the agent's seed.

        Args:
            agent: what learns
            config: how long, on how many environments
            progress_bar: show steps, speed and evaluations
            callbacks: objects with hooks of :class:`bnpo.Callback`, or names of such, behind those
                of the configuration
            own: callbacks of the package, whose exceptions end the run as they are
            folder: of the run, for callbacks that leave files

        Raises:
            ConfigError: for settings of the run and the agent that exclude each other, for an
                agent that can act alone, and for what is no callback.

        """
        agent.require_trainable()
        config.require_fits(agent.config)
        torch.set_num_threads(config.threads)
        self.agent = agent
        self.config = config
        self.progress_bar = progress_bar
        self.live = LiveRun(agent, config, callbacks=callbacks, own=own, folder=folder)
        self.history, self.tally = self.live.history, self.live.tally
        care = WorkerCare(
            on_failure=config.on_worker_failure,
            timeout=config.worker_timeout,
            restarts=config.worker_restarts,
        )
        self.eval_interval, episodes = config.evaluations(agent.spec.max_episode_steps)
        self.log_interval = config.log_interval or max(1, min(self.eval_interval // 10, 1_000))
        self.evaluator = PolicyEvaluator(
            agent,
            episodes,
            threads=config.threads,
            care=care,
            max_steps=config.eval_max_steps,
        )
        self._joined = ExitStack()
        self.ahead: Ahead | None = None
        self.env, reset = make_training_envs(agent, config, care, self._joined)
        self.free = None
        if isinstance(self.env, FreeRollouts):
            self.free = FreeFeed(agent, self.env, config.max_staleness)
            return
        self.stepper = Stepper(agent, self.env, reset)
        if config.overlap != "off":
            lockstep = config.overlap == "lockstep"
            self.ahead = Ahead(agent, self.stepper, config.max_staleness, lockstep=lockstep)

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self.tally.progress

    def request_stop(self, reason: str | None = None) -> None:
        """End the run after the current step; the reason is told at its end."""
        self.live.request_stop(reason)

    def run(
        self,
        on_evaluation: Callable[[Record], None] | None = None,
        on_checkpoint: Callable[[], None] | None = None,
    ) -> History:
        """Train until total_steps, a requested stop or, if so configured, the solved task.

        Args:
            on_evaluation: called with every record of the history, outside the measured time
            on_checkpoint: called every checkpoint_interval steps, outside the measured time

        """
        config, agent, live = self.config, self.agent, self.live
        with live.followed(Functions(on_evaluation, on_checkpoint), visible=self.progress_bar):
            if config.offline is not None and not agent.env_steps:
                self._start_offline(config.offline)
            while agent.env_steps < config.total_steps and not live.stopped:
                started = time.perf_counter()
                self.step()
                ended = agent.env_steps >= config.total_steps
                evaluates = self._crossed(self.eval_interval) or ended
                if evaluates and self.ahead is not None:
                    self.ahead.settle()  # so that no step is taken outside the measured time
                self.progress.wall_s += time.perf_counter() - started
                live.tell_step(line=self._crossed(self.log_interval))
                if evaluates:
                    self.evaluate()
                if self._crossed(config.checkpoint_interval):
                    live.tell_checkpoint()
        return self.history

    def _start_offline(self, dataset: str) -> None:
        """Fill the replay with a dataset and learn from it, then evaluate."""
        started = time.perf_counter()
        from_minari(self.agent, dataset)
        if turns := self.config.offline_turns:
            reports = learn_offline(self.agent, turns, progress_bar=self.progress_bar)
            self.tally.note_turns({name: report.info for name, report in reports.items()})
            self.tally.publish()
        self.progress.wall_s += time.perf_counter() - started
        self.evaluate()

    def _crossed(self, interval: int) -> bool:
        """Whether the last step of the environments passed a multiple of an interval."""
        now = self.agent.env_steps
        return now // interval > (now - self.config.num_envs) // interval

    def step(self) -> None:
        """Take one step of every environment, then the brains' turns."""
        agent, ahead = self.agent, self.ahead
        if self.free is not None:
            self.tally.note_arrival(self.free.step())
        else:
            agent.policy.version = agent.vector_steps
            step = self.stepper.step(agent.policy) if ahead is None else ahead.next()
            self.tally.note_step(step)
            if step.lost is not None:
                self.progress.note_restarts(self.env, agent.env_steps)
            agent.remember(step)
        reports = agent.learn(commit=self.config.overlap != "lockstep")
        self.tally.note_turns({name: report.info for name, report in reports.items()})

    def evaluate(self) -> Record:
        """Evaluate the policy of the moment and add it to the history."""
        live, progress, started = self.live, self.progress, time.perf_counter()
        live.tell_evaluation(None)
        evaluation: Evaluation = self.evaluator.run()
        progress.evaluation_s += time.perf_counter() - started
        for env in (self.env, self.evaluator.env):
            progress.note_restarts(env, self.agent.env_steps)
        values = self.tally.monitor.values(progress.reward_low, progress.reward_high)
        for name, figures in values.items():
            self.tally.monitor.judge(name, figures)
        turns = progress.turns
        scalars = {name: {**info, **values.get(name, {})} for name, info in turns.items()}
        if isinstance(self.env, SelfPlayEnv):
            scalars["opponents"] = self.env.figures()
        if self.free is not None:
            scalars["rollouts"] = self.free.figures()
        record = Record(
            env_steps=self.agent.env_steps,
            gradient_steps=self.agent.gradient_steps,
            wall_s=progress.wall_s,
            policy_lag=progress.policy_lag,
            brains=scalars,
            **dataclasses.asdict(evaluation),
        )
        progress.policy_lag = 0
        live.tell_evaluation(record)
        return record

    @property
    def games(self) -> dict[str, Any] | None:
        """All games that past selves have played, with ratings; None without self-play."""
        return self.env.table() if isinstance(self.env, SelfPlayEnv) else None

    def check_state(self) -> None:
        """Raise a StateUnknown where the environments cannot tell their state, and need to."""
        if self.free is not None:
            return
        env_state(self.env, self.agent.spec.env_id)

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the run's future.

        Raises:
            StateUnknown: where the environment cannot tell its state.

        """
        if self.free is None:
            ahead = None if self.ahead is None else self.ahead.state_dict()
            shown, envs = (
                list(self.stepper.observation),
                env_state(self.env, self.agent.spec.env_id),
            )
        else:
            ahead, shown, envs = self.free.state_dict(), [], {}
        return {
            "agent": self.agent.state_dict(),
            "generators": seeding.state(),
            "env": envs,
            "shown": shown,
            "ahead": ahead,
            "progress": dataclasses.asdict(self.progress),
            "episodes": self.tally.episodes.state_dict(),
            "stream": self.tally.stream.state_dict(),
            "history": [dataclasses.asdict(record) for record in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        The evaluation that a run makes at its end is forgotten where the run is extended and a
        longer one would not have made it.
        """
        self.agent.load_state_dict(state["agent"])
        seeding.restore(state["generators"])
        self._load_acting(state)
        tally = self.tally
        tally.progress = checked(state["progress"], Progress)
        for name, part in (("episodes", tally.episodes), ("stream", tally.stream)):
            if name in state:  # else of a version that had none
                part.load_state_dict(state[name])
        records = [checked(record, Record) for record in state["history"]]
        now = self.agent.env_steps
        at_end = bool(records) and records[-1].env_steps == now
        if at_end and now < self.config.total_steps and not self._crossed(self.eval_interval):
            records.pop()
        self.history.records = records
        tells_success = any(record.success_rate is not None for record in records)
        self.evaluator.tells_success = tells_success

    def _load_acting(self, state: dict[str, Any]) -> None:
        """Let the environments go on from a saved state, and what steps them."""
        ahead = state["ahead"]
        if (ahead is None) != (self.ahead is None and self.free is None):
            raise ValueError(f"its run was not one of overlap = {self.config.overlap!r}")
        if self.free is not None:
            self.free.load_state_dict(ahead)
            return
        set_env_state(self.env, state["env"])
        if self.ahead is not None:
            self.ahead.load_state_dict(ahead)
        shown = Observation(*(tensor.to(self.agent.device) for tensor in state["shown"]))
        self.stepper.start_at(shown, 0 if ahead is None else len(ahead["steps"]))

    def continue_history(self, history: History | None) -> None:
        """Put the evaluations of earlier calls before those to come."""
        if history is not None and history.metric == self.history.metric:
            self.history.records, self.history.training = list(history), [*history.training]
            self.progress.wall_s = history[-1].wall_s if len(history) else 0.0
        agent = self.agent
        self.tally.stream.begin(agent.env_steps, agent.gradient_steps, self.progress.wall_s)

    def close(self) -> None:
        """Close all environments."""
        if self.ahead is not None:
            self.ahead.close()
        self.env.close()
        self._joined.close()
        self.evaluator.close()
