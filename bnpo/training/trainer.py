"""The training loop: act, remember, let the brains take their turns, evaluate."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from tqdm import tqdm

from bnpo import seeding
from bnpo.agent import Agent
from bnpo.agent.brain import TurnReport
from bnpo.cluster.free_rollouts import FreeRollouts
from bnpo.config import TrainConfig
from bnpo.envs.workers.care import WorkerCare
from bnpo.interop.offline import from_minari, learn_offline
from bnpo.show import LiveBar, in_notebook, interruptible
from bnpo.show.plotting import plot
from bnpo.training.environments import env_state, make_training_envs, set_env_state
from bnpo.training.evaluation import Evaluation, PolicyEvaluator
from bnpo.training.free import FreeFeed
from bnpo.training.monitor import Monitor, Progress
from bnpo.training.overlap import Ahead
from bnpo.training.rollout import Stepper
from bnpo.training.self_play import SelfPlayEnv
from bnpo.types.history import History, Record
from bnpo.types.step import Observation

__all__ = ["Trainer"]


class Trainer:
    """One agent on one batch of environments."""

    def __init__(self, agent: Agent, config: TrainConfig, *, progress_bar: bool = True) -> None:
        """Make the environments and reset them, seeded by the agent's seed.

        Args:
            agent: what learns
            config: how long, on how many environments
            progress_bar: show steps, speed, success and time left

        Raises:
            ConfigError: for settings of the run and the agent that exclude each other.

        """
        config.require_fits(agent.config)
        torch.set_num_threads(config.threads)
        self.agent = agent
        self.config = config
        self.progress_bar = progress_bar
        self.progress = Progress()
        self._monitor = Monitor(agent)
        self.history = History(
            metric=config.solve_metric
            or ("success_rate" if agent.spec.is_goal_env else "mean_return"),
            threshold=config.solve_threshold,
        )
        care = WorkerCare(
            on_failure=config.on_worker_failure,
            timeout=config.worker_timeout,
            restarts=config.worker_restarts,
        )
        self.evaluator = PolicyEvaluator(
            agent,
            config.eval_episodes,
            threads=config.threads,
            care=care,
            max_steps=config.eval_max_steps,
        )
        self._stop = False
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

    def request_stop(self) -> None:
        """End the run after the current step."""
        self._stop = True

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
        config, agent, progress = self.config, self.agent, self.progress
        if config.offline is not None and not agent.env_steps:
            self._start_offline(config.offline, on_evaluation)
        with self._bar() as bar, interruptible(self.request_stop):
            while agent.env_steps < config.total_steps and not self._stop:
                before = agent.env_steps
                started = time.perf_counter()
                self.step()
                ended = agent.env_steps >= config.total_steps
                evaluates = self._crossed(config.eval_interval) or ended
                if evaluates and self.ahead is not None:
                    self.ahead.settle()  # so that no step is taken outside the measured time
                progress.wall_s += time.perf_counter() - started
                bar.update(agent.env_steps - before)
                if evaluates:
                    record = self.evaluate()
                    bar.set_postfix(record.headline())
                    if on_evaluation is not None:
                        on_evaluation(record)
                    if config.stop_when_solved and self.history.solved is not None:
                        break
                if on_checkpoint is not None and self._crossed(config.checkpoint_interval):
                    on_checkpoint()
        self._stop = False  # so that another call goes on
        return self.history

    def _start_offline(self, dataset: str, on_evaluation: Callable[[Record], None] | None) -> None:
        """Fill the replay with a dataset and learn from it, then evaluate."""
        started = time.perf_counter()
        from_minari(self.agent, dataset)
        if turns := self.config.offline_turns:
            reports = learn_offline(self.agent, turns, progress_bar=self.progress_bar)
            self._take_note(reports)
        self.progress.wall_s += time.perf_counter() - started
        record = self.evaluate()
        if on_evaluation is not None:
            on_evaluation(record)

    def _take_note(self, reports: Mapping[str, TurnReport]) -> None:
        """Keep what brains did in a turn, and warn of what looks wrong."""
        for name, report in reports.items():
            self.progress.turns[name] = report.info
            self._monitor.judge(name, report.info)

    def _bar(self) -> Any:
        """Return the progress bar: in a notebook one with a learning curve."""
        total, taken = self.config.total_steps, self.agent.env_steps
        if self.progress_bar and in_notebook():
            return LiveBar(total, taken, lambda: plot(self.history))
        return tqdm(
            total=total,
            initial=taken,
            unit="step",
            disable=not self.progress_bar,
            dynamic_ncols=True,
        )

    def _crossed(self, interval: int) -> bool:
        """Whether the last step of the environments passed a multiple of an interval."""
        now = self.agent.env_steps
        return now // interval > (now - self.config.num_envs) // interval

    def step(self) -> None:
        """Take one step of every environment, then the brains' turns."""
        agent, ahead = self.agent, self.ahead
        if self.free is not None:
            self.progress.note(*self.free.step())
        else:
            agent.policy.version = agent.vector_steps
            step = self.stepper.step(agent.policy) if ahead is None else ahead.next()
            self.progress.note(step.reward_low, step.reward_high, step.lag)
            if step.lost is not None:
                self.progress.note_restarts(self.env, agent.env_steps)
            agent.remember(step)
        self._take_note(agent.learn(commit=self.config.overlap != "lockstep"))

    def evaluate(self) -> Record:
        """Evaluate the policy of the moment and add it to the history."""
        evaluation: Evaluation = self.evaluator.run()
        progress = self.progress
        for env in (self.env, self.evaluator.env):
            progress.note_restarts(env, self.agent.env_steps)
        values = self._monitor.values(progress.reward_low, progress.reward_high)
        for name, figures in values.items():
            self._monitor.judge(name, figures)
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
        self.history.append(record)
        progress.policy_lag = 0
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
        self.progress = Progress(**state["progress"])
        records = [Record(**record) for record in state["history"]]
        now = self.agent.env_steps
        at_end = bool(records) and records[-1].env_steps == now
        if (
            at_end
            and now < self.config.total_steps
            and not self._crossed(self.config.eval_interval)
        ):
            records.pop()
        self.history.records = records
        told = any(record.success_rate is not None for record in records)
        self.evaluator.tells_success = told

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
            self.history.records = list(history)
            self.progress.wall_s = history[-1].wall_s if len(history) else 0.0

    def close(self) -> None:
        """Close all environments."""
        if self.ahead is not None:
            self.ahead.close()
        self.env.close()
        self._joined.close()
        self.evaluator.close()
