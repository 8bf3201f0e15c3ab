"""The board in a real Chromium: rows, growing curves, filters, and no script but its own."""

from __future__ import annotations

import functools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bnpo.files import write_json
from bnpo.runs.folder import FolderLock
from tests.board.conftest import NASTY, leave_run, stream

pytest.importorskip("fastapi", reason="the extra board is not installed")
pytest.importorskip("uvicorn", reason="the extra board is not installed")
pytest.importorskip("selenium", reason="selenium is not installed")

import uvicorn
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bnpo.board.application import application
from bnpo.board.serving import listening
from bnpo.board.watching import Watch

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

if CHROMIUM is None or DRIVER is None:
    pytest.skip(
        "needs Chromium and its driver (Debian: chromium, chromium-driver)", allow_module_level=True
    )


TIMED = """
const [field, text, selector, number, done] = arguments;
const from = performance.now();
const input = document.querySelector(field);
input.value = text;
input.dispatchEvent(new Event("input"));
const look = () => document.querySelectorAll(selector).length === number
  ? done(performance.now() - from) : requestAnimationFrame(look);
look();
"""
"""Milliseconds from a change of a field until so many elements are drawn."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
        *("--window-size=1600,950", f"--user-data-dir={profile}"),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no other host can be reached
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


class Page:
    """The board in the browser."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        browser.get_log("browser")
        browser.get(address)
        self.wait(lambda: self.text("#live") == "live")

    def one(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(self.script("document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def count(self, selector: str) -> int:
        return int(self.script("document.querySelectorAll(arguments[0]).length", selector))

    def wait(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        def holds(_: Any) -> Any:
            return condition()

        return WebDriverWait(self.browser, seconds, poll_frequency=0.1).until(holds)

    def click(self, selector: str) -> None:
        self.one(selector).click()

    def script(self, code: str, *arguments: Any) -> Any:
        return self.browser.execute_script(f"return {code}", *arguments)

    def names(self) -> list[str]:
        """Return the runs in the table, in the order of their rows."""
        rows = "[...document.querySelectorAll('#runs tbody tr')].map(row => row.dataset.run)"
        return list(self.script(rows))

    def type(self, text: str) -> None:
        field = self.one("#filter")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE, text)

    def show(self, view: str) -> None:
        self.click(f"#tab-{view}")

    def lines(self, scalar: str = "success_rate") -> list[str]:
        """Return the paths of a chart."""
        selector = f"[data-scalar='{scalar}'] path.line"
        return list(
            self.script(
                f'[...document.querySelectorAll("{selector}")].map(p => p.getAttribute("d"))'
            )
        )

    def has_lines(self, strokes: int) -> bool:
        """Whether the chart of success has one line, of so many strokes."""
        return [line.count("L") for line in self.lines()] == [strokes]

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture
def served(runs: Path) -> Iterator[str]:
    """Return the address of a board over the folder of runs."""
    socket = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(application(Watch(runs)), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    socket.close()


def test_rows_filters_and_groups(browser: Any, served: str, runs: Path) -> None:
    page = Page(browser, served)
    assert page.names() == ["1", "2", "10"]
    first = page.text("tr[data-run='1']")
    for text in ("completed", "bpo", "GoalReacher-v0", "0.40", "300", "50"):
        assert text in first
    page.type("ppo")
    page.wait(lambda: page.names() == ["10"])
    page.type("seed=1")
    page.wait(lambda: page.names() == ["2"])
    page.type("")
    page.wait(lambda: len(page.names()) == 3)
    page.click("th[data-key='figure'] button")
    page.wait(lambda: page.names() == ["2", "10", "1"])  # 1.0, 0.5, 0.4
    page.click("#grouped")
    page.wait(lambda: len(page.names()) == 2)
    assert "2 seeds" in page.text("#runs tbody")
    assert "0.70 [0.40, 1.00]" in page.text("#runs tbody")
    page.wait(lambda: len(page.lines()) == 2)  # means of the groups
    assert page.count("[data-scalar='success_rate'] path.band") == 2
    page.click(".fold")
    page.wait(lambda: len(page.names()) == 4)
    assert page.script("location.hash") == "#pool=true&grouped=true"
    page = Page(browser, f"{served}/#view=differences&filter=ppo&axis=none")
    page.wait(lambda: page.names() == ["10"])
    page.wait(lambda: "preset" in page.text("#view"))
    assert page.errors() == []


def test_a_curve_grows_and_a_new_run_appears(browser: Any, served: str, runs: Path) -> None:
    page = Page(browser, served)
    page.wait(lambda: len(page.lines()) == 3)
    page.click("#select-none")
    page.wait(lambda: page.lines() == [])
    page.click("tr[data-run='2'] .swatch")
    page.wait(lambda: page.has_lines(1))  # two evaluations
    lock = FolderLock(runs / "2")
    try:
        for number in (3, 4, 5):
            leave_run(runs / "2", [1.0] * number, seed=1, through=False)
            page.wait(functools.partial(page.has_lines, number - 1))
        assert "running" in page.text("tr[data-run='2']")
        leave_run(runs / "11", [0.3], seed=7)
        page.wait(lambda: "11" in page.names())
        write_json(runs / "11" / "config.json", "no configuration")
        page.wait(lambda: "damaged" in page.text("tr[data-run='11']"))
    finally:
        lock.release()
    assert page.errors() == []


def test_every_view_shows_something(browser: Any, served: str, runs: Path) -> None:
    leave_run(runs / "1", [0.0, 0.2, 0.4], record={"meta": {"comment": "the first of all"}})
    (runs / "1" / "cout.txt").write_text("evaluated\n")
    (runs / "1" / "policy.gif").write_bytes(
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
        b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    )
    stream(runs / "1", {"env_steps": 50, "wall_s": 1.0, "rollout/return": -9.0})
    page = Page(browser, served)
    page.click("tr[data-run='1'] .name")
    page.show("brains")
    page.wait(lambda: len(page.lines("ddpg/q_value")) == 3)
    page.show("curves")
    page.wait(lambda: "rollout/return" in page.script("document.querySelector('#view').innerHTML"))
    seconds = (
        "[...document.querySelectorAll('#view button')].find(b => b.textContent === 'seconds')"
    )
    page.script(f"{seconds}.click()")
    page.wait(lambda: "seconds of training" in page.text("#view"))
    page.show("differences")
    page.wait(lambda: "preset" in page.text("#view"))
    page.show("run")
    page.wait(lambda: "the first of all" in page.text("#view"))
    assert "brains.ddpg.rule.name" in page.text("#view")
    page.show("films")
    page.wait(lambda: page.script("document.querySelector('.films img')?.naturalWidth") == 1)
    page.show("console")
    page.wait(lambda: "evaluated" in page.text("#view"))
    page.click("#show-folders")
    page.wait(lambda: page.text("#folders tbody").startswith(str(runs)))
    sources = page.script("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert sources
    assert all(source.startswith(served) for source in sources)
    assert page.errors() == []


def test_text_of_a_record_is_never_markup(browser: Any, served: str, runs: Path) -> None:
    record = {"meta": {"comment": NASTY}, "host": {"hostname": NASTY}, "fail_trace": [NASTY]}
    folder = leave_run(runs / "<b>nasty", [0.4], record=record, env=NASTY, odd={NASTY: NASTY})
    text = (folder / "history.json").read_text().replace("q_value", NASTY.replace('"', "'"))
    (folder / "history.json").write_text(text)
    (folder / "cout.txt").write_text(NASTY)
    (folder / "notes.md").write_text(NASTY)
    page = Page(browser, served)
    page.wait(lambda: "<b>nasty" in page.names())
    page.script("document.querySelector('tr[data-run=\"<b>nasty\"]').click()")
    for view in ("brains", "differences", "run", "console", "films", "curves"):
        page.show(view)
        page.wait(lambda: page.text("#view"))
        time.sleep(0.7)  # for what an image that is not there would do
    page.click("#grouped")
    page.click("#show-folders")
    time.sleep(0.5)
    assert page.script("document.title") == "BNPO board"
    assert page.script("document.querySelectorAll('[onerror]').length") == 0
    assert page.errors() == []


def test_a_thousand_runs_are_shown_without_delay(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("many")
    original = leave_run(folder / "0", [0.1 * i for i in range(10)])
    files = {path.name: path.read_bytes() for path in original.iterdir()}
    for number in range(1, 1_000):
        (folder / str(number)).mkdir()
        for name, content in files.items():
            (folder / str(number) / name).write_bytes(content)
    started = time.process_time()
    watch = Watch(folder, 0.0)
    read = time.process_time() - started
    started = time.process_time()
    for version in range(5):
        watch.since(version + 1)
    again = (time.process_time() - started) / 5
    print(f"1,000 runs: read in {read:.2f} CPU s, looked at again in {again * 1e3:.0f} ms")
    assert read < 3.0
    assert again < 0.3
    socket = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(application(watch), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        page = Page(browser, f"http://127.0.0.1:{socket.getsockname()[1]}")
        assert len(page.names()) == 1_000
        browser.set_script_timeout(60)
        filtered = browser.execute_async_script(TIMED, "#filter", "none of them", "#runs tr", 1)
        all_again = browser.execute_async_script(TIMED, "#filter", "", "#runs tr", 1_001)
        print(f"filtered in {filtered:.0f} ms, 1,000 rows shown again in {all_again:.0f} ms")
        assert max(filtered, all_again) < 1_000
        page.click("#select-all")
        page.wait(lambda: "1000 selected" in page.text("#shown"))
        page.wait(lambda: len(page.lines()) == 1_000, 60)
        assert page.errors() == []
    finally:
        server.should_exit = True
        thread.join(20)
        socket.close()
