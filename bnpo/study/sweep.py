"""A sweep: the search for a configuration, its folder and what comes out of it."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bnpo.cluster.process import TaskProcess, resources
from bnpo.errors import ConfigError, Interrupted, RunError
from bnpo.files import read_json, replacing, write_json, write_whole
from bnpo.runs.folder import writing
from bnpo.show.counting import counting
from bnpo.study.campaign import Campaign
from bnpo.study.figures import importance
from bnpo.study.plan import plan_fields
from bnpo.study.processes.folder_lock import alone
from bnpo.study.processes.forking import ForkServer
from bnpo.study.processes.jobs import ONE_THREAD, Process, Words
from bnpo.study.sweep_plan import SweepPlan
from bnpo.training.stopping import StopSignals

__all__ = ["Sweep"]


class Sweep(Campaign[SweepPlan]):
    """Trials of configurations in parallel processes, kept in an SQLite file by Optuna.

    A sweep is run again to go on with it: trials that were being made when it was stopped are made
    again. This process alone writes to the file.
    """

    word = "sweep"
    kind = SweepPlan
    library = "optuna"
    place = Path("sweeps")

    def _prepare(self) -> None:
        self.optuna = self._library
        self.ranges = self.plan.searched(elsewhere=self.ray is not None)
        self._cluster: Any = None
        self._guard = threading.RLock()
        self._running: dict[int, Process] = {}
        self._stopped = threading.Event()

    def run(self, *, progress_bar: bool = True) -> dict[str, Any]:
        """Make the trials that are missing; return the best one's values by dotted path.

        Raises:
            RunError: no trial came to an end.
            Interrupted: a signal stopped the sweep; it goes on when it is run again.

        """
        with self._cluster_joined() as self._cluster:
            try:
                return self._run(progress_bar)
            except self.optuna.exceptions.OptunaError as error:
                raise self._unusable(error) from None

    def _run(self, progress_bar: bool) -> dict[str, Any]:
        with alone(self.folder), ForkServer() as self._server:
            self._check_plan()
            study = self.open_study()
            self._take_up(study)
            signals = StopSignals(self._stop)
            missing = self.plan.trials - self._trials_of(study)
            with (
                signals.listening(),
                counting(
                    self.plan.trials,
                    done=self.plan.trials - missing,
                    unit="trial",
                    title=self.plan.name,
                    visible=progress_bar,
                ) as tell,
                ThreadPoolExecutor(self.workers or self._room()) as pool,
            ):
                waiting = [pool.submit(self._trial, study, tell) for _ in range(missing)]
                for one in waiting:
                    one.result()
            if signals.received is not None:
                raise Interrupted(signals.received)
            return self._conclude(study)

    def _room(self) -> int:
        """Return how many trials the cluster can make at a time."""
        needs = resources(self.plan.run)
        there = self._cluster.cluster_resources()
        room = there.get("CPU", 1) // needs["cpus"]
        if needs["gpus"]:
            room = min(room, there.get("GPU", 1))
        return max(1, int(room))

    def open_study(self) -> Any:
        """Open the sweep's study in its database, or make it."""
        optuna = self.optuna
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
        try:
            return optuna.create_study(
                storage=f"sqlite:///{self.folder / 'trials.db'}",
                study_name=self.plan.name,
                direction="maximize",
                sampler=optuna.samplers.TPESampler(),
                pruner=pruner if self.plan.prune else optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
        except Exception as error:  # whatever a damaged file lets SQLAlchemy raise
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> RunError:
        """Return the error about the file of trials."""
        lines = [" ".join(line.split()) for line in str(error.__cause__ or error).splitlines()]
        reason = next((line for line in lines if line), type(error).__name__)
        return RunError(f"{self.folder / 'trials.db'} cannot be used: {reason[:200]}")

    def _check_plan(self) -> None:
        """Refuse to mix with trials of another search; more trials are welcome."""
        path = self.folder / "sweep.json"
        mine = {**json.loads(json.dumps(plan_fields(self.plan))), "ranges": self._plain_ranges()}
        try:
            there = read_json(path) if path.exists() else mine
        except ValueError as error:
            raise RunError(str(error)) from None
        if not isinstance(there, dict):
            raise RunError(f"{path} is damaged: it holds no plan of a sweep")
        for key, value in mine.items():
            if key != "trials" and there.get(key) != value:
                raise ConfigError(
                    f"{self.folder} is a sweep with {key} = {there.get(key)!r}, this one has "
                    f"{value!r}: take another folder"
                )
        with writing(path):
            write_json(path, mine)

    def _plain_ranges(self) -> dict[str, Any]:
        return {path: plan_fields(values) for path, values in self.ranges.items()}

    def _take_up(self, study: Any) -> None:
        """Put trials that were being made when the sweep ended in line again."""
        states = self.optuna.trial.TrialState
        for trial in study.get_trials(states=[states.RUNNING]):
            study.enqueue_trial(trial.params, user_attrs={"again": trial.number})
            study.tell(trial.number, state=states.FAIL)

    def _trials_of(self, study: Any) -> int:
        """Count the trials that came to an end, one that was stopped and made again once."""
        trials = study.get_trials(deepcopy=False)
        again = {trial.user_attrs.get("again") for trial in trials}
        return sum(trial.state.is_finished() and trial.number not in again for trial in trials)

    def _stop(self) -> None:
        with self._guard:
            self._stopped.set()
            for process in self._running.values():
                process.terminate()

    def _trial(self, study: Any, tell: Callable[[str], None]) -> None:
        """Make one trial, to its end or until it is pruned."""
        space = {path: values.distribution(self.optuna) for path, values in self.ranges.items()}
        with self._guard:
            if self._stopped.is_set():
                return
            trial = study.ask(space)
            process = self.start(trial)
            self._running[trial.number] = process
        values, pruned = self._follow(trial, process)
        status = process.wait()
        with self._guard:
            del self._running[trial.number]
            if self._stopped.is_set():
                return  # it is made again when the sweep goes on
            states = self.optuna.trial.TrialState
            if pruned:
                study.tell(trial, state=states.PRUNED)
            elif status == 0 and values:
                study.tell(trial, self.objective_of(values))
            else:
                study.tell(trial, state=states.FAIL)
            tell(f"best {_best_of(study)}")

    def start(self, trial: Any) -> Process:
        """Start the process of a trial."""
        file = self.folder / "trials" / f"{trial.number}.json"
        with writing(file):
            write_json(file, self.plan.config(trial.params))
        words: Words = ["-m", "bnpo.study.trial", file, *map(str, self.plan.seed_list)]
        log = file.with_suffix(".log")
        if self._cluster is None:
            return self._server.start(words, log, telling=True)
        return TaskProcess(
            self._cluster,
            words,
            self.folder,
            log=log,
            output=file.with_suffix(".jsonl"),
            environ=ONE_THREAD,
            **resources(self.plan.run),
        )

    def _follow(self, trial: Any, process: Process) -> tuple[dict[int, list[float]], bool]:
        """Report the evaluations of a trial; return them by seed, and whether it was pruned."""
        values: dict[int, list[float]] = {}
        for line in process.lines():
            report = json.loads(line)
            values.setdefault(report["seed"], []).append(report["value"])
            seen = [value for row in values.values() for value in row]
            with self._guard:
                trial.report(float(np.mean(seen)), len(seen))
                if trial.should_prune():
                    process.terminate()
                    return values, True
        return values, False

    def objective_of(self, values: Mapping[int, list[float]]) -> float:
        """Return the objective of the values of every seed, averaged over seeds."""
        rows = values.values()
        if self.plan.objective == "area":
            return float(np.mean([np.mean(row) for row in rows]))
        return float(np.mean([row[-1] for row in rows]))

    def _conclude(self, study: Any) -> dict[str, Any]:
        """Write the best configuration, the table of trials and the picture."""
        states = self.optuna.trial.TrialState
        trials = study.get_trials(deepcopy=False)
        completed = [trial for trial in trials if trial.state == states.COMPLETE]
        if not completed:
            raise RunError(
                f"no trial of {self.folder} came to an end; what they said is in "
                f"{self.folder / 'trials'}"
            )
        best: dict[str, Any] = study.best_trial.params
        config = self.plan.config(best)
        del config["seed"]
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["trial", "state", "value", *self.ranges])
        for trial in trials:
            row = [trial.params.get(path) for path in self.ranges]
            writer.writerow([trial.number, trial.state.name.lower(), trial.value, *row])
        shares: dict[str, float] = {}
        if len({trial.value for trial in completed}) > 1 and len(completed) > 3:
            evaluator = self.optuna.importance.PedAnovaImportanceEvaluator()
            shares = self.optuna.importance.get_param_importances(study, evaluator=evaluator)
        points = [(trial.params, trial.value) for trial in completed]
        logarithmic = {path for path, values in self.ranges.items() if values.log}
        label = {"area": "mean of all evaluations", "final": "last evaluation"}
        figure = importance(shares, points, logarithmic, label[self.plan.objective])
        with writing(self.folder):
            write_json(self.folder / "best.json", config)
            write_whole(self.folder / "trials.csv", table.getvalue().encode())
            with replacing(self.folder / "importance.png") as picture:
                figure.savefig(picture, format="png")
        return best


def _best_of(study: Any) -> str:
    try:
        return f"{study.best_value:.3f}"
    except ValueError:
        return "-"
