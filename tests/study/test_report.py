"""Results, tables and the page, which is opened in a real browser."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bnpo.study import Study
from bnpo.study.results import Results
from tests.study.conftest import PRETENDED, pretend

pytest.importorskip("scipy", reason="the extra study is not installed")


@pytest.fixture
def study(pretended: Path) -> Study:
    return Study(folder=pretended, **PRETENDED)


@pytest.fixture
def results(study: Study) -> Results:
    return study.results()


def test_figures_of_a_cell(results: Results) -> None:
    row = results.cells[0].row()
    assert (row["preset"], row["task"], row["runs"]) == ("bpo", "goal_reacher", 3)
    assert row["final"] == pytest.approx(0.98)  # of 0.97, 0.98, 0.99 nothing is dropped
    assert row["final_low"] == pytest.approx(0.97)
    assert (row["solved"], row["steps"], row["seconds"]) == (3, 400, 8)


def test_a_seed_that_does_not_get_there_counts_as_the_largest(
    study: Study, pretended: Path
) -> None:
    run = study.jobs[0].run
    for seed, values in enumerate(([0.96, 0.96], [0.1, 0.1], [0.1, 0.1])):
        pretend(pretended / "runs" / f"bpo-goal_reacher-{seed}", values, run=run)
    row = study.results().cells[0].row()
    assert (row["solved"], row["steps"]) == (1, None)


def test_the_table_as_csv_has_all_digits(results: Results) -> None:
    rows = [*csv.DictReader(io.StringIO(results.csv()))]
    assert len(rows) == 4
    assert float(rows[3]["final"]) == pytest.approx(0.61)
    assert rows[3]["steps"] == ""


def test_the_table_in_markdown(results: Results) -> None:
    lines = results.markdown().splitlines()
    expected = (
        "| ddpg_her | fetch_reach | 3 | success rate | 0.61 [0.60, 0.62] | 0/3 | - | - | 50.0 |"
    )
    assert lines[-1] == expected


def test_curves_keep_the_last_value_of_runs_that_ended_early(study: Study, pretended: Path) -> None:
    run = study.jobs[0].run
    pretend(pretended / "runs" / "bpo-goal_reacher-0", [0.4], run=run)
    steps, band = study.results().cells[0].curve()
    assert steps.tolist() == [100, 200, 300, 400, 500]
    assert band.value[-1] == pytest.approx((0.4 + 0.98 + 0.99) / 3)


def test_scores_without_success_lie_between_the_first_evaluation_and_the_threshold(
    study: Study, pretended: Path
) -> None:
    for job in study.jobs:
        if job.task == "fetch_reach":
            final = {"bpo": -10.0, "ddpg_her": -30.0}[job.preset]
            place = pretended / "runs" / job.name
            values = [-50.0, final]
            pretend(place, values, metric="mean_return", threshold=-10.0, run=job.run)
    scores = study.results().scores("fetch_reach")
    assert scores["bpo"] == pytest.approx(np.ones(3))
    assert scores["ddpg_her"] == pytest.approx(np.full(3, 0.5))


def test_a_study_with_nothing_finished_has_no_report(tmp_path: Path) -> None:
    study = Study(folder=tmp_path / "none", **PRETENDED)
    assert study.report().cells == []
    assert not study.folder.exists()


def test_the_page_needs_nothing_beside_it(study: Study) -> None:
    study.report()
    page = (study.folder / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)', page)
    assert len(sources) == 5  # two curves, profiles, means, improvement; no run left a video
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "url(" not in page
    assert "import" not in page
    study.report()
    assert (study.folder / "report.html").read_text() == page


class Rows(html.parser.HTMLParser):
    """Texts of the first cells of a table's body, and the page's title."""

    def __init__(self, table: str) -> None:
        super().__init__()
        self.table = table
        self.inside = self.new = self.first = self.title = False
        self.cells: list[str] = []
        self.heading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.inside = ("id", self.table) in attrs
        self.first = tag == "td" and self.inside and self.new
        self.new = tag == "tr"
        self.title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self.first:
            self.cells.append(data)
        if self.title:
            self.heading += data
            self.title = False
        self.first = False


_PROBE = """
<script>
window.errors = [];
window.addEventListener("error", event => errors.push(event.message));
window.addEventListener("load", () => {
  CLICKS.forEach(column => document.querySelectorAll("#runs th")[column].click());
  const images = [...document.images];
  const broken = images.filter(image => !image.complete || image.naturalWidth < 100).length;
  const wide = document.documentElement.scrollWidth > window.innerWidth;
  document.title = `${images.length} images, ${broken} broken, ${errors.length} errors, ` +
    (wide ? "too wide" : "fits");
});
</script></head>
"""


@pytest.mark.parametrize(
    ("clicks", "first", "last"),
    [
        ([], "bpo-goal_reacher-0", "ddpg_her-fetch_reach-2"),
        ([4], "ddpg_her-goal_reacher-0", "bpo-fetch_reach-2"),
        ([4, 4], "bpo-goal_reacher-2", "ddpg_her-fetch_reach-0"),
        ([7, 7], "bpo-goal_reacher-0", "ddpg_her-fetch_reach-2"),
    ],
)
def test_tables_are_sorted_in_a_browser(
    study: Study, tmp_path: Path, clicks: list[int], first: str, last: str
) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    study.report()
    page = (study.folder / "report.html").read_text()
    probed = tmp_path / "probed.html"
    probed.write_text(page.replace("</head>", _PROBE.replace("CLICKS", str(clicks))))
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=800,900"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", probed.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    rows = Rows("runs")
    rows.feed(done)
    assert rows.heading == "5 images, 0 broken, 0 errors, fits"
    assert len(rows.cells) == 12
    assert (rows.cells[0], rows.cells[-1]) == (first, last)
