"""A study: its folder, its runs, its tables and its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bnpo.cluster.process import TaskProcess, resources
from bnpo.compose.overrides import differing_keys
from bnpo.errors import ConfigError, Interrupted, RunError
from bnpo.files import read_json, write_json, write_whole
from bnpo.runs.folder import refuse_foreign, writing
from bnpo.runs.reading import complete_config
from bnpo.show.counting import counting
from bnpo.study.campaign import Campaign
from bnpo.study.plan import Job, StudyPlan, plan_fields
from bnpo.study.processes.folder_lock import alone
from bnpo.study.processes.forking import ForkServer
from bnpo.study.processes.jobs import ONE_THREAD, Process, Processes, Words
from bnpo.study.report import draw_figures, page, write_page
from bnpo.study.results import Results, has_whole_record, is_trained, read_results
from bnpo.training.stopping import StopSignals

__all__ = ["Study"]

_LEFT = ("table.csv", "table.md", "report.html", "figures", "configs", "logs")
"""Names of the files and folders that a study leaves beside its runs."""


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
            self._check_folder()
            self._check_runs()
            with writing(self.folder / "study.json") as path:
                write_json(path, plan_fields(self.plan))
            waiting = [job for job in self.jobs if not has_whole_record(self.runs / job.name)]
            waiting.sort(key=late)
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
        pictures = draw_figures(results)
        with writing(self.folder):
            write_whole(self.folder / "table.csv", results.csv().encode())
            write_whole(self.folder / "table.md", results.markdown().encode())
            for name, data in pictures.items():
                write_whole(self.folder / "figures" / f"{name}.svg", data)
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
            with writing(config):
                write_json(config, job.config)
            run = self.runs / job.name
            commands[job.name] = ["-m", "bnpo.experiment.study_worker", config, run]
        failed = []
        done = len(self.jobs) - len(waiting)
        with counting(
            len(self.jobs), done=done, unit="run", title=self.plan.name, visible=progress_bar
        ) as tell:
            for name, status in processes.run(commands, self.folder / "logs"):
                tell(name)
                if status not in (0, None) and not is_trained(self.runs / name):
                    failed.append(name)
        return sorted(failed)

    def _check_folder(self) -> None:
        """Refuse a folder with files that no study made and this one would write over."""
        if (self.folder / "study.json").is_file():
            return
        for name in _LEFT:
            if (self.folder / name).exists():
                raise ConfigError(
                    f"{self.folder / name} is of no study, since {self.folder / 'study.json'} is "
                    "missing: remove it or take another folder"
                )

    def _check_runs(self) -> None:
        """Refuse to mix with runs of the same name that were made otherwise, or are none."""
        for job in self.jobs:
            run = self.runs / job.name
            if not run.is_dir():
                continue
            path = run / "config.json"
            try:
                recorded = read_json(path)
            except ValueError:
                recorded = None
            if not isinstance(recorded, dict):  # stopped while it was being made: it starts over
                refuse_foreign(run)
                continue
            differing = differing_keys([complete_config(recorded), job.config])
            if differing:
                key, (there, here) = differing[0]
                raise ConfigError(
                    f"{path.parent} was made with {key} = {there!r}, this study has {here!r}: "
                    "remove it or take another folder"
                )


def late(job: Job) -> tuple[int, int, bool]:
    """Sort key of runs: long ones first, so that no core is left with one at the end.

    Seed by seed, so that a table of all is early there; environments in Python take longest.
    """
    return -job.run.train.total_steps, job.seed, job.run.task.env.startswith("bnpo/")
