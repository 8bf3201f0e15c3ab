"""The board's application: a page, and JSON about runs for it to show.

Nothing of a folder of runs is trusted. Its text reaches the page as JSON and is set as text, never
as markup; the page may run the board's own scripts alone, whatever a record holds (its Content
Security Policy); files leave a run's folder only where a listing of it names them, and never
through a link; a request that names another host than the board's own is refused, so that no other
page can read it through a name that leads here.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from bnpo.board import details
from bnpo.board.curves import Axis, Curve, CurveFiles, Pooled, pooled
from bnpo.board.groups import labels
from bnpo.board.rows import Row
from bnpo.board.watching import Watch

__all__ = ["application"]

_PAGE = Path(__file__).parent / "page"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_OWN_NAMES = ["127.0.0.1", "localhost"]

Ids = Annotated[list[str], Field(max_length=5_000)]


class Selection(BaseModel):
    """The runs that the page asks about, and how it draws them."""

    runs: Ids
    """Their ids"""

    scalars: Annotated[list[str], Field(max_length=200)] = []
    """Names of scalars"""

    axis: Axis = "steps"
    """What curves are drawn over"""

    pool: bool = False
    """Draw the mean of each group in the place of its runs"""


def application(watch: Watch, names: Sequence[str] | None = None) -> FastAPI:
    """Return the board as an ASGI application.

    Args:
        watch: the runs that it shows
        names: hosts by whose name it may be asked; None: this machine's own, ``"*"``: any

    """
    app = FastAPI(title="BNPO board", openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*(names or _OWN_NAMES)])
    curve_files = CurveFiles()

    def folder(run: str) -> Path:
        path = watch.folder(run)
        if path is None:
            raise HTTPException(404, "the board shows no such run")
        return path

    @app.middleware("http")
    async def guard(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await follow(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.get("/")
    def page() -> Response:
        return Response((_PAGE / "index.html").read_bytes(), media_type="text/html")

    @app.get("/api/runs")
    def runs(since: int = 0) -> Response:
        changes = watch.since(since)
        return _answer(
            {
                "root": str(watch.root.resolve()),
                "version": changes.version,
                "rows": [dataclasses.asdict(row) for row in changes.rows],
                "gone": changes.gone,
                "labels": labels(watch) if changes.rows else {},
                "studies": [*watch.studies],
            }
        )

    @app.post("/api/scalars")
    def scalars(selection: Selection) -> Response:
        folders = [watch.folder(run) for run in selection.runs]
        names = [name for one in folders if one is not None for name in curve_files.of(one)]
        return _answer([*dict.fromkeys(names)])

    @app.post("/api/curves")
    def drawn(selection: Selection) -> Response:
        ids = {*selection.runs}
        rows = [row for row in watch.rows() if row.id in ids]
        folders = [(row, watch.folder(row.id)) for row in rows]
        curves = [(row, curve_files.of(path)) for row, path in folders if path is not None]
        return _answer({name: _drawn(curves, name, selection) for name in selection.scalars})

    @app.post("/api/differences")
    def differences(selection: Selection) -> Response:
        ids = [run for run in selection.runs if watch.folder(run) is not None]
        return _answer({"runs": ids, "rows": details.differences([folder(run) for run in ids])})

    @app.get("/api/run")
    def run(run: str) -> Response:
        place = folder(run)
        return _answer(
            {
                "record": details.record(place),
                "settings": details.settings(place),
                "notes": details.notes(place),
                "films": details.films(place),
            }
        )

    @app.get("/api/console")
    def console(run: str) -> Response:
        return _answer(details.console(folder(run)))

    @app.get("/api/film")
    def film(run: str, name: str) -> Response:
        path = details.film(folder(run), name)
        if path is None:
            raise HTTPException(404, "this run has no such film")
        sort = details.FILM_TYPES[path.suffix]
        return FileResponse(
            path,
            media_type=sort,
            headers={"Content-Security-Policy": "default-src 'none'; sandbox"},
        )

    app.mount("/page", StaticFiles(directory=_PAGE))
    return app


def _drawn(
    runs: Sequence[tuple[Row, Mapping[str, Curve]]], name: str, selection: Selection
) -> dict[str, Any]:
    """Return the curves of one scalar, or their means by group, and the thresholds on it."""
    members = [(row, curves[name]) for row, curves in runs if name in curves]
    groups: dict[str, list[Curve]] = {}
    for row, curve in members if selection.pool else ():
        groups.setdefault(row.group, []).append(curve)
    lines = [] if selection.pool else [_line(row, curve, selection.axis) for row, curve in members]
    bands = [_band(group, pooled(curves, selection.axis)) for group, curves in groups.items()]
    thresholds = {row.threshold for row, _ in members if row.metric == name}
    return {
        "runs": lines,
        "groups": bands,
        "thresholds": sorted(value for value in thresholds if value is not None),
    }


def _line(row: Row, curve: Curve, axis: Axis) -> dict[str, Any]:
    thin = curve.thinned()
    return {"id": row.id, "x": thin.over(axis).tolist(), "y": thin.values.tolist()}


def _band(group: str, mean: Pooled) -> dict[str, Any]:
    return {
        "id": group,
        "x": mean.places.tolist(),
        "y": mean.mean.tolist(),
        "low": mean.low.tolist(),
        "high": mean.high.tolist(),
        "runs": mean.runs.tolist(),
    }


def _answer(content: Any) -> Response:
    """Return JSON in ASCII, whatever text a record holds; null stands for what is not finite."""
    text = json.dumps(_plain(content), allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
