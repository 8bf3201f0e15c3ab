"""A study: its folder, its runs, its tables and its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bnpo.cluster.process import TaskProcess, resources
from bnpo.compose.overrides import differing_keys
from bnpo.errors import ConfigError, Interrupted, RunError
from bnpo.files import write_json
from bnpo.presets import write_config
from bnpo.runs import load_run
from bnpo.study.campaign import Campaign
from bnpo.study.plan import Job, StudyPlan, plan_fields
from bnpo.study.processes.folder_lock import alone
from bnpo.study.processes.forking import ForkServer
from bnpo.study.processes.jobs import ONE_THREAD, Process, Processes, Words
from bnpo.study.report import draw_figures, page, write_page
from bnpo.study.results import Results, is_finished, read_results
from bnpo.training.stopping import StopSignals

__all__ = ["Study"]


class Study(Campaign[StudyPlan]):
    """Presets on tasks with seeds, run in parallel into one folder.

    A study is run again to go on with it: finished runs are not repeated, and one that was stopped
    goes on from its checkpoint, or starts over where there is none.
    """

    word = "study"
    kind = StudyPlan
    library = "scipy"
    place = Path("studies")

    def _prepare(self) -> None:
        self.jobs = self.plan.jobs(elsewhere=self.ray is not None)

    @property
    def runs(self) -> Path:
        """Folder of the runs."""
        return self.folder / "runs"

    def run(self, *, progress_bar: bool = True) -> Results:
        """Make all runs that are not finished, then tables and report.

        Raises:
            ConfigError: another study is in the folder, or a run of another configuration.
            RunError: runs failed; the others are in tables and report.
            Interrupted: a signal stopped the study; it goes on when it is run again.

        """
        with self._cluster_joined() as cluster:
            failed = self._run(cluster, progress_bar)
        results = self.report()
        if failed:
            raise RunError(
                f"{len(failed)} of {len(self.jobs)} runs failed: {', '.join(failed)}; their output "
                f"is in {self.folder / 'logs'}"
            )
        return results

    def _run(self, cluster: Any, progress_bar: bool) -> list[str]:
        """Make the runs that are not finished; return the names of those that failed."""
        with alone(self.folder) as lock, ForkServer(keep=[lock]) as server:
            self._check_runs()
            write_json(self.folder / "study.json", plan_fields(self.plan))
            waiting = [job for job in self.jobs if not is_finished(self.runs / job.name)]
            waiting.sort(key=_late)
            processes = Processes(self.workers or len(self.jobs), self._starter(cluster, server))
            signals = StopSignals(processes.stop)
            with signals.listening():
                failed = self._make(waiting, processes, progress_bar)
        if signals.received is not None:
            raise Interrupted(signals.received)
        return failed

    def results(self) -> Results:
        """Read what the finished runs found."""
        return read_results(self.jobs, self.runs)

    def report(self) -> Results:
        """Write table.csv, table.md, the figures and report.html from the finished runs."""
        results = self.results()
        if not results.cells:
            return results
        (self.folder / "table.csv").write_text(results.csv(), encoding="utf-8")
        (self.folder / "table.md").write_text(results.markdown(), encoding="utf-8")
        pictures = draw_figures(results)
        place = self.folder / "figures"
        place.mkdir(exist_ok=True)
        for name, data in pictures.items():
            (place / f"{name}.svg").write_bytes(data)
        write_page(self.folder / "report.html", page(self.plan, results, pictures))
        return results

    def _starter(self, cluster: Any, server: ForkServer) -> Callable[[str, Words, Path], Process]:
        """Return what starts a run, here or on the cluster."""
        runs = {job.name: job.run for job in self.jobs}

        def here(_: str, words: Words, log: Path) -> Process:
            return server.start(words, log)

        def there(name: str, words: Words, log: Path) -> Process:
            needs = resources(runs[name])
            return TaskProcess(cluster, words, self.folder, log=log, environ=ONE_THREAD, **needs)

        return here if cluster is None else there

    def _make(self, waiting: list[Job], processes: Processes, progress_bar: bool) -> list[str]:
        """Make runs; return the names of those that failed."""
        commands: dict[str, Words] = {}
        for job in waiting:
            config = self.folder / "configs" / f"{job.name}.json"
            write_json(config, write_config(job.run))
            run = self.runs / job.name
            commands[job.name] = ["-m", "bnpo.experiment.study_worker", config, run]
        failed = []
        done = len(self.jobs) - len(waiting)
        with tqdm(
            total=len(self.jobs),
            initial=done,
            unit="run",
            desc=self.plan.name,
            disable=not progress_bar,
            dynamic_ncols=True,
        ) as bar:
            for name, status in processes.run(commands, self.folder / "logs"):
                bar.update()
                bar.set_postfix_str(name)
                if status not in (0, None):
                    failed.append(name)
        return sorted(failed)

    def _check_runs(self) -> None:
        """Refuse to mix with runs of the same name that were made otherwise."""
        for job in self.jobs:
            path = self.runs / job.name / "config.json"
            if not path.is_file():
                continue
            try:
                made = write_config(load_run(path.parent))
            except ValueError:
                continue  # stopped while it was being made: it starts over
            differing = differing_keys([made, write_config(job.run)])
            if differing:
                key, (there, here) = differing[0]
                raise ConfigError(
                    f"{path.parent} was made with {key} = {there!r}, this study has {here!r}: "
                    "remove it or take another folder"
                )


def _late(job: Job) -> tuple[int, int, bool]:
    """Sort key of runs: long ones first, so that no core is left with one at the end.

    Seed by seed, so that a table of all is early there; environments in Python take longest.
    """
    return -job.run.train.total_steps, job.seed, job.run.task.env.startswith("bnpo/")
