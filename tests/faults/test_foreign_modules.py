"""No file of the working folder is imported by accident; an environment that lies there can be."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bnpo
from bnpo.envs.python import python
from bnpo.extras import import_here_too

ROOT = Path(bnpo.__file__).parents[1]
TRAP = "import sys; sys.stderr.write('IMPORTED FROM THE FOLDER')\nraise SystemExit(9)\n"
LIBRARIES = ("json", "ctypes", "socket", "pickle", "numpy", "torch", "yaml", "tqdm", "sacred")
"""Modules of Python and of others that the package needs."""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """Return a folder with files that have the names of libraries, and of the package."""
    for name in LIBRARIES:
        (tmp_path / f"{name}.py").write_text(TRAP)
    for name in ("bnpo", "gymnasium", "mujoco"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(TRAP)
    return tmp_path


def said(words: list[str], folder: Path) -> str:
    """Run a process in a folder; return what it writes."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "IMPORTED" not in done.stdout + done.stderr
    return done.stdout


def test_child_processes_leave_the_working_folder_alone(trapped: Path) -> None:
    code = f"import {', '.join(LIBRARIES)}, bnpo, gymnasium; print(bnpo.__file__, sys.argv[1:])"
    assert said(python(code, 1, "two"), trapped) == f"{bnpo.__file__} ['1', 'two']\n"


def test_so_do_the_interpreters_that_a_library_starts(trapped: Path) -> None:
    code = "from bnpo.envs.simulation import mujoco; import glfw; print(glfw.ERROR_REPORTING)"
    said(python(code), trapped)
    code = "from bnpo.envs import make_env; make_env('FetchReach-v4').close()"
    said(python(code), trapped)


def test_so_do_the_server_of_processes_and_the_command_line(trapped: Path) -> None:
    code = "from bnpo.study.processes import server; print(server.__file__)"
    assert said(python(code), trapped).startswith(str(ROOT))
    own = trapped / "bnpo" / "__init__.py"
    own.unlink()
    own.parent.rmdir()  # `python -m bnpo` means the folder's own by Python's own rules
    assert said([sys.executable, "-m", "bnpo", "--version"], trapped).startswith("bnpo ")


def test_mujoco_is_loaded_in_one_place() -> None:
    """Elsewhere it would load glfw, which starts an interpreter that imports from the folder."""
    places = set()
    for path in ROOT.glob("bnpo/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and any(a.name == "mujoco" for a in node.names):
                places.add(path.relative_to(ROOT).as_posix())
    assert places == {"bnpo/envs/simulation.py"}


def test_every_child_process_is_started_so() -> None:
    """Nothing else may start an interpreter: it would import from the working folder."""
    places = {}
    for path in sorted(ROOT.glob("bnpo/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.List):
                continue
            words = [ast.unparse(word) for word in node.elts]
            if "sys.executable" in words[:1]:
                places[path.relative_to(ROOT).as_posix()] = words[1]
    assert places == {"bnpo/cluster/node.py": "'-P'", "bnpo/envs/python.py": "'-P'"}


def test_a_module_of_the_folder_can_be_asked_for_and_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    import_here_too()
    import_here_too()
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1
