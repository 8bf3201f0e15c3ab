"""The report of a study: one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from bnpo.compose.overrides import differing_keys
from bnpo.files import write_whole
from bnpo.runs.summary import versions
from bnpo.study import figures
from bnpo.study.plan import StudyPlan
from bnpo.study.results import COLUMNS, Cell, Results, shown_row

__all__ = ["draw_figures", "page"]


def draw_figures(results: Results) -> dict[str, bytes]:
    """Return the pictures of a study as SVG, by name."""
    drawn = {f"curve_{task}": figures.learning_curves(results, task) for task in results.tasks}
    drawn["aggregate"] = figures.aggregate(results)
    drawn["profiles"] = figures.profiles(results)
    improvement = figures.improvement(results)
    if improvement is not None:
        drawn["improvement"] = improvement
    return {name: figures.as_svg(figure) for name, figure in drawn.items()}


def page(plan: StudyPlan, results: Results, pictures: Mapping[str, bytes]) -> str:
    """Return the page.

    Args:
        plan: of the study
        results: what its runs found; at least one is through
        pictures: as :func:`draw_figures` returns them

    """
    loader = jinja2.BaseLoader()
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.lstrip_blocks = True
    text = resources.files("bnpo.study").joinpath("report.html").read_text(encoding="utf-8")
    runs = [run for cell in results.cells for run in cell.runs]
    return environment.from_string(text).render(
        plan=plan,
        results=results,
        finished=len(runs),
        training=_duration(sum(run.summary.wall_s for run in runs)),
        rows=[_sortable(row) for row in results.rows()],
        runs=runs,
        pictures={name: _embedded(data, "svg+xml") for name, data in pictures.items()},
        videos=[video for cell in results.cells if (video := _video(cell)) is not None],
        settings=_settings(results),
        versions=versions(),
    )


def _sortable(row: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return cells as they are read, with the value that they are sorted by."""
    keys = {COLUMNS[key]: key for key in ("steps", "seconds", "env_steps_per_s")}
    cells = shown_row(dict(row))
    return {title: (text, row.get(keys.get(title, title), text)) for title, text in cells.items()}


def _settings(results: Results) -> dict[str, tuple[list[str], list[tuple[str, list[Any]]]]]:
    """Return where configurations differ: between presets on one task, and between tasks."""
    tables = {}
    first_task, first_preset = results.tasks[0], results.presets[0]
    groups = {
        f"presets, on {first_task}": {c.preset: c for c in results.cells if c.task == first_task},
        f"tasks, with {first_preset}": {
            c.task: c for c in results.cells if c.preset == first_preset
        },
    }
    for title, cells in groups.items():
        rows = differing_keys([cell.runs[0].job.config for cell in cells.values()])
        if rows:
            tables[title] = ([*cells], rows)
    return tables


def _video(cell: Cell) -> dict[str, str] | None:
    """Return the video of the best run of a cell that has one."""
    ranked = sorted(cell.runs, key=lambda run: run.final, reverse=True)
    for run in ranked:
        path = run.folder / "policy.gif"
        if path.is_file():
            caption = f"{cell.preset} on {cell.task}, seed {run.job.seed}: {run.final:.2f}"
            return {"source": _embedded(path.read_bytes(), "gif"), "caption": caption}
    return None


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _embedded(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def write_page(path: Path, text: str) -> None:
    """Write the page, whole or not at all."""
    write_whole(path, text.encode())
