"""What the server answers, and what it refuses: nothing of a folder of runs is trusted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.board.conftest import NASTY, leave_run

pytest.importorskip("fastapi", reason="the extra board is not installed")
pytest.importorskip("httpx2", reason="the server's test client needs it")

from fastapi.testclient import TestClient

from bnpo.board.application import application
from bnpo.board.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "bnpo" / "board" / "page"


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    with TestClient(application(Watch(runs)), base_url="http://127.0.0.1:8000") as made:
        yield made


def asked(client: TestClient, what: str, **content: Any) -> Any:
    answer = client.post(f"/api/{what}", json=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_and_all_that_it_names_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    names = {*re.findall(r'(?:src|href)="(/page/[^"]+)"', page.text)}
    names |= {
        f"/page/{name}"
        for path in PAGE.glob("*.js")
        for name in re.findall(r'from "\./([^"]+)"', path.read_text())
    }
    assert len(names) >= 6
    for name in names:
        assert client.get(name).status_code == 200, name


def test_the_page_asks_no_other_host_and_holds_no_script(client: TestClient) -> None:
    for path in PAGE.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # the name of a format
        assert re.findall(r"https?:|[\"'(`]//", text) == [], path.name
    assert re.findall(r"<script[^>]*>([^<]*)</script>", client.get("/").text) == [""]
    scripts = "".join(path.read_text() for path in PAGE.glob("*.js"))
    for markup in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert markup not in scripts


@pytest.mark.parametrize("path", ["/", "/page/board.js", "/api/runs", "/api/run?run=none"])
def test_every_answer_forbids_what_the_board_does_not_bring(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_a_name_that_leads_here_is_refused(client: TestClient) -> None:
    assert client.get("/api/runs", headers={"Host": "evil.example:8000"}).status_code == 400
    assert client.get("/api/runs", headers={"Host": "localhost:8000"}).status_code == 200


def test_runs_are_told_once(client: TestClient) -> None:
    told = client.get("/api/runs").json()
    assert {row["id"] for row in told["rows"]} == {"1", "2", "10"}
    again = client.get("/api/runs", params={"since": told["version"]}).json()
    assert (again["rows"], again["gone"], again["version"]) == ([], [], told["version"])


def test_curves_of_runs_and_of_groups(client: TestClient) -> None:
    runs = ["1", "2", "10"]
    names = asked(client, "scalars", runs=runs)
    assert {"success_rate", "mean_return", "ddpg/q_value"} <= {*names}
    drawn = asked(client, "curves", runs=runs, scalars=["success_rate"])["success_rate"]
    lines = {line["id"]: (line["x"], line["y"]) for line in drawn["runs"]}
    assert lines["1"] == ([100, 200, 300], [0.0, 0.2, 0.4])
    assert (drawn["groups"], drawn["thresholds"]) == ([], [0.95])
    drawn = asked(client, "curves", runs=runs, scalars=["success_rate"], pool=True, axis="seconds")
    (bpo, ppo) = drawn["success_rate"]["groups"]
    assert drawn["success_rate"]["runs"] == []
    assert bpo["x"] == [2, 4, 6]
    assert bpo["y"] == pytest.approx([0.5, 0.6, 0.4])  # the second run has come to 4 s
    assert (bpo["low"][2], bpo["high"][2]) == (None, None)
    assert (ppo["x"], ppo["y"], ppo["runs"]) == ([2], [0.5], [1])


def test_differences_of_configurations(client: TestClient) -> None:
    told = asked(client, "differences", runs=["1", "2", "none"])
    assert told == {"runs": ["1", "2"], "rows": [["seed", [0, 1]]]}


def test_a_run_tells_its_record_settings_and_notes(client: TestClient, runs: Path) -> None:
    record = {
        "meta": {"comment": NASTY, "overrides": ["seed=0"]},
        "start_time": "2026-01-02T03:04:05.6",
    }
    leave_run(runs / "1", [0.4], record=record)
    (runs / "1" / "notes.md").write_text("# looks *good*\n")
    told = client.get("/api/run", params={"run": "1"}).json()
    assert told["notes"] == [["comment", NASTY], ["notes.md", "# looks *good*\n"]]
    assert ["started", "2026-01-02 03:04:05 UTC"] in told["record"]
    assert ["set", "seed=0"] in told["record"]
    assert ["brains.ddpg.rule.name", "ddpg"] in told["settings"]


def test_the_console_is_plain_text(client: TestClient, runs: Path) -> None:
    output = b"one\r\n 10%\r 20%\r 30%\n\x1b[31mred\x1b[0m \x1b]0;title\x07\xff\n"
    (runs / "1" / "cout.txt").write_bytes(output)
    told = client.get("/api/console", params={"run": "1"}).json()
    assert told == "one\n 30%\nred \\x1b]0;title\\x07�\n"
    (runs / "1" / "cout.txt").write_bytes(b"x" * 100_000 + b"\nlast\n")
    assert client.get("/api/console", params={"run": "1"}).json() == "...\nlast\n"


def test_films_are_served_and_nothing_else_of_a_run(
    client: TestClient, runs: Path, tmp_path: Path
) -> None:
    run = runs / "1"
    (run / "policy.gif").write_bytes(b"GIF89a")
    (run / "pictures").mkdir()
    (run / "pictures" / "arm-000000100.mp4").write_bytes(b"film")
    (run / "page.svg").write_text("<svg onload='x'/>")
    (run / "page.html").write_text(NASTY)
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    (run / "link.png").symlink_to(secret)
    told = client.get("/api/run", params={"run": "1"}).json()
    assert [name for name, _ in told["films"]] == ["pictures/arm-000000100.mp4", "policy.gif"]
    answer = client.get("/api/film", params={"run": "1", "name": "policy.gif"})
    assert (answer.content, answer.headers["content-type"]) == (b"GIF89a", "image/gif")
    assert "sandbox" in answer.headers["content-security-policy"]
    names = ("config.json", "page.html", "page.svg", "link.png", "../2/config.json", str(secret))
    for name in (*names, "../../secret.png", "pictures/../policy.gif"):
        assert client.get("/api/film", params={"run": "1", "name": name}).status_code == 404, name


@pytest.mark.parametrize("run", ["none", "../runs/1", "/etc", "", "1/checkpoints"])
def test_no_other_folder_is_a_run(client: TestClient, run: str) -> None:
    for what in ("run", "console"):
        assert client.get(f"/api/{what}", params={"run": run}).status_code == 404
    assert asked(client, "scalars", runs=[run]) == []
    assert asked(client, "differences", runs=[run])["runs"] == []


def test_text_that_is_no_unicode_and_figures_that_are_none_are_told(
    client: TestClient, runs: Path
) -> None:
    config = json.loads((runs / "1" / "config.json").read_text())
    text = json.dumps({**config, "preset": "x\u20ac" + NASTY, "odd": [float("nan"), float("inf")]})
    (runs / "1" / "config.json").write_text(text)
    with TestClient(application(Watch(runs)), base_url="http://127.0.0.1") as fresh:
        told = fresh.get("/api/runs")
        rows = {row["id"]: row for row in told.json()["rows"]}
        assert rows["1"]["preset"] == "x\u20ac" + NASTY
        assert told.headers["content-type"] == "application/json"
        (runs / "1" / "run.json").write_text('{"meta": {"comment": "\\ud800 alone"}}')
        settings = fresh.get("/api/run", params={"run": "1"}).json()["settings"]
        assert ["odd", [None, None]] in settings
        assert fresh.get("/api/run", params={"run": "1"}).json()["notes"][0][0] == "comment"


def test_a_run_of_odd_types_is_shown(client: TestClient, runs: Path) -> None:
    (runs / "1" / "run.json").write_text(
        '{"meta": 3, "host": [], "fail_trace": 7, "start_time": {}}'
    )
    (runs / "2" / "run.json").write_text("[]")
    for run in "12":
        assert client.get("/api/run", params={"run": run}).json()["record"] == []
