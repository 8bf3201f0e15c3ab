"""The source distribution: the package, its tests and its documents, each once."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("wheel")

KEPT = ("bnpo", "brains", "credit", "replay", "tests", "docs", "benchmarks", "notebooks")
LEFT = shutil.ignore_patterns("__pycache__", "api", "house.svg", "*.egg-info")


@pytest.fixture(scope="module")
def names(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Files of a source distribution, made from a copy of the checkout with its links."""
    source = tmp_path_factory.mktemp("checkout")
    for path in root.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, source)
    for folder in KEPT:
        shutil.copytree(root / folder, source / folder, symlinks=True, ignore=LEFT)
    words = (sys.executable, "-m", "build", "--sdist", "--no-isolation", str(source))
    done = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = (source / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as file:
        return {name.partition("/")[2] for name in file.getnames() if "." in Path(name).name}


@pytest.mark.parametrize("folder", KEPT)
def test_every_file_of_a_folder_is_there(folder: str, names: set[str], root: Path) -> None:
    here = {
        path.relative_to(root).as_posix()
        for pattern in ("*.py", "*.md", "*.jsonl", "*.ipynb", "*.html")
        for path in (root / folder).rglob(pattern)
        if not any(parent.is_symlink() for parent in path.parents)
        and path.parent != root / "docs" / "api"
    }
    assert here
    assert here <= names


def test_what_one_reads_first_is_there(names: set[str]) -> None:
    files = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "requirements.lock"}
    assert files <= names


def test_nothing_is_there_twice(names: set[str]) -> None:
    assert not [name for name in names if name.startswith(("bnpo/brains/", "docs/notebooks/"))]
