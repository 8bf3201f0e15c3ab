"""Processes forked from a server: as if each had been started by itself, but sooner."""

from __future__ import annotations

import json
import signal
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from bnpo.envs.python import python
from bnpo.errors import RunError
from bnpo.study.processes import forking
from bnpo.study.processes.folder_lock import alone
from bnpo.study.processes.forking import ForkServer, LocalProcess
from bnpo.study.processes.jobs import Processes

FRESH = "from bnpo.study.processes.server import main; main(preloading=False)"
"""A server as other systems than Linux have it."""

PATIENT = """
    import signal, sys, threading, time
    from bnpo.experiment.study_worker import follow_parent

    def stop(*_):
        time.sleep(float(sys.argv[1]))
        print("stopped")
        sys.exit(143)

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=follow_parent, daemon=True).start()
    print("started", flush=True)
    time.sleep(60)
"""
"""Ends when its standard input does, after so many seconds."""


@dataclass
class Place:
    """A server, and a folder of modules that its processes can run."""

    server: ForkServer
    forks: bool
    folder: Path
    numbers: Iterator[int]

    def module(self, code: str) -> str:
        """Write a module; return its name."""
        name = f"module_{next(self.numbers)}"
        (self.folder / f"{name}.py").write_text(textwrap.dedent(code))
        return name

    def start(self, code: str, *words: str, telling: bool = False) -> tuple[LocalProcess, Path]:
        """Start a process; return it and its log."""
        name = self.module(code)
        log = self.folder / f"{name}.log"
        return self.server.start(["-m", name, *words], log, telling=telling), log

    def said(self, code: str, *words: str) -> str:
        """Return what a process writes, which must end well."""
        process, log = self.start(code, *words)
        assert process.wait() == 0, log.read_text()
        return log.read_text()


@pytest.fixture(scope="module", params=["forked", "fresh"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Return a server of either kind."""
    folder = tmp_path_factory.mktemp("modules")
    with pytest.MonkeyPatch.context() as patch, ForkServer() as server:
        patch.syspath_prepend(folder)
        forks = request.param == "forked"
        if not forks:
            patch.setattr(forking, "SERVER", FRESH)
        yield Place(server, forks, folder, count())


def wait_for(text: str, log: Path) -> None:
    """Wait until a process has written something."""
    deadline = time.monotonic() + 60
    while not (log.is_file() and text in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_output_of_a_process_goes_to_its_own_log(place: Place) -> None:
    code = """
        import ctypes, subprocess, sys
        print("printed by", sys.argv[1], flush=True)
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
        subprocess.run(["echo", "from a child"], check=True)
        sys.stderr.write("an error\\n")
        print("at the end")
    """
    started = {name: place.start(code, name) for name in ("one", "two")}
    for name, (process, log) in started.items():
        assert process.wait() == 0
        rest = ["from C", "from a child", "an error", "at the end"]
        assert log.read_text().splitlines() == [f"printed by {name}", *rest]


def test_a_process_is_one_of_its_own(place: Place) -> None:
    code = """
        import json, os, sys, threading
        import torch
        print(json.dumps([
            __name__, sys.argv, os.getsid(0) == os.getpid(), os.environ["BNPO_CORES"],
            threading.active_count(), torch.get_num_threads(), os.listdir("/proc/self/fd"),
        ]))
    """
    name, words, leads, *ones, files = json.loads(place.said(code, "a", "b c"))
    assert (name, leads, ones) == ("__main__", True, ["1", 1, 1])
    assert words[0].startswith(str(place.folder))
    assert words[1:] == ["a", "b c"]
    assert set(files) <= {"0", "1", "2", "3"}  # one for the listing


@pytest.mark.parametrize(
    ("code", "status", "mentions"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import os; os.abort()", -6, ""),
        ("raise ValueError('all is lost')", 1, "ValueError: all is lost"),
    ],
)
def test_exit_statuses(place: Place, code: str, status: int, mentions: str) -> None:
    process, log = place.start(code)
    assert process.wait() == status
    assert mentions in log.read_text()


def test_a_process_tells_lines_as_they_come(place: Place) -> None:
    code = """
        import sys, time
        for number in range(3):
            print("number", number, flush=True)
        sys.stderr.write("an error\\n")
        sys.stdin.read()
    """
    process, log = place.start(code, telling=True)
    lines = process.lines()
    assert [next(lines) for _ in range(3)] == ["number 0\n", "number 1\n", "number 2\n"]
    process.terminate()
    assert [*lines] == []
    assert process.wait() == 0
    process.terminate()  # too late, and no error
    assert log.read_text() == "an error\n"


def test_a_stop_signal_stops_processes_in_good_order(place: Place) -> None:
    words = ["-m", place.module(PATIENT), "0"]
    processes = Processes(1, lambda _, words, log: place.server.start(words, log))
    logs = place.folder / "logs"

    def stop() -> None:
        wait_for("started", logs / "a.log")
        processes.stop()

    threading.Thread(target=stop).start()
    assert dict(processes.run({"a": words, "b": words}, logs)) == {"a": 143, "b": None}
    assert "stopped" in (logs / "a.log").read_text()


def test_a_server_has_loaded_much_and_begun_nothing(place: Place) -> None:
    code = """
        import json, os, sys
        loaded = [name for name in ("mujoco", "sacred", "torch._dynamo") if name in sys.modules]
        server = f"/proc/{os.getppid()}"
        mapped = open(f"{server}/maps").read()
        opened = [name for name in ("libEGL", "libOSMesa") if name in mapped]
        print(json.dumps([loaded, opened, len(os.listdir(f"{server}/task"))]))
    """
    loaded = ["mujoco", "sacred"] if place.forks else []
    assert json.loads(place.said(code)) == [loaded, [], 1]


def test_a_server_that_has_died_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "SERVER", "raise SystemExit('no library')")
    words = ["-m", "bnpo.experiment.study_worker"]
    with ForkServer() as server:
        with pytest.raises(RunError, match="server of processes has ended"):
            server.start(words, tmp_path / "log").wait()
        with pytest.raises(RunError, match="server of processes has ended"):
            server.start(words, tmp_path / "log")


def test_a_living_process_holds_the_folder_of_a_killed_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "patient.py").write_text(textwrap.dedent(PATIENT))
    log = tmp_path / "log"
    code = f"""
        from pathlib import Path
        from bnpo.study.processes.folder_lock import alone
        from bnpo.study.processes.forking import ForkServer
        with alone(Path({str(tmp_path)!r})) as lock, ForkServer(keep=[lock]) as server:
            server.start(["-m", "patient", "1"], Path({str(log)!r})).wait()
    """
    study = subprocess.Popen(python(textwrap.dedent(code)))
    wait_for("started", log)
    study.send_signal(signal.SIGKILL)
    study.wait()
    with alone(tmp_path):
        assert log.read_text() == "started\nstopped\n"
