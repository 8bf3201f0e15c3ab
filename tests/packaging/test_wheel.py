"""The built wheel, installed into an environment of its own and used from another directory."""

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("wheel")

METADATA = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")

IMPORTS = """
import importlib.metadata, json
import bnpo, bnpo.brains, bnpo.credit, bnpo.envs, bnpo.networks, bnpo.replay
(script,) = importlib.metadata.distribution("bnpo").entry_points
packages = bnpo, bnpo.brains, bnpo.credit, bnpo.envs, bnpo.networks, bnpo.replay
print(json.dumps([[p.__file__ for p in packages], script.name, callable(script.load())]))
"""


def leftovers(folder: str, names: list[str]) -> list[str]:
    """What belongs to the checkout and not to the package: links, caches, hidden files."""
    return [
        name
        for name in names
        if name == "__pycache__" or name.startswith(".") or Path(folder, name).is_symlink()
    ]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(
    root: Path, package_dir: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy without links and old builds, like a source distribution."""
    source = tmp_path_factory.mktemp("source")
    for name in METADATA:
        shutil.copy(root / name, source)
    for folder in package_dir.values():
        shutil.copytree(root / folder, source / folder, ignore=leftovers)
    return source


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", source, cwd=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter that has the wheel and, through a path file, the libraries of this one."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv)
    interpreter = venv / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", interpreter)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=venv)
    (site_packages,) = venv.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return interpreter


def test_wheel_has_one_top_level_name_and_every_file(
    wheel: Path, source: Path, package_dir: Mapping[str, str]
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"bnpo"}
    assert "bnpo/py.typed" in names
    written = {
        Path(*package.split("."), path.relative_to(source / folder)).as_posix()
        for package, folder in package_dir.items()
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    assert set(names) == written


def test_installed_wheel_imports_elsewhere(python: Path, tmp_path: Path) -> None:
    files, script, callable_main = json.loads(run(python, "-c", IMPORTS, cwd=tmp_path))
    assert all(Path(file).is_relative_to(python.parents[1]) for file in files)
    assert (script, callable_main) == ("bnpo", True)
