"""setup.cfg names every package, and the checkout imports under the same names."""

import configparser
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import bnpo


def test_every_package_folder_is_listed(
    setup_cfg: configparser.ConfigParser, modules: Mapping[str, Path]
) -> None:
    packages = {
        name if path.stem == "__init__" else name.rpartition(".")[0]
        for name, path in modules.items()
    }
    assert set(setup_cfg["options"]["packages"].split()) == packages


def test_every_package_has_an_init(modules: Mapping[str, Path]) -> None:
    folders = {path.parent for path in modules.values()}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_links_lead_to_the_mapped_folders(root: Path, package_dir: Mapping[str, str]) -> None:
    for package, folder in package_dir.items():
        link = root.joinpath(*package.split("."))
        assert link.samefile(root / folder), f"{link} should lead to {folder}"


def test_one_version(setup_cfg: configparser.ConfigParser) -> None:
    version = setup_cfg["metadata"]["version"]
    assert bnpo.__version__ == version
    assert importlib.metadata.version("bnpo") == version


def pins(lock: Path) -> dict[str, str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


@pytest.mark.parametrize(
    ("locks", "extra"),
    [
        (["requirements.lock"], "dev"),
        (["requirements.lock", "requirements-bench.lock"], "bench"),
    ],
)
def test_locks_hold_exact_versions_within_the_ranges(
    root: Path, setup_cfg: configparser.ConfigParser, locks: list[str], extra: str
) -> None:
    locked = {
        canonicalize_name(name): Version(version)
        for lock in locks
        for name, version in pins(root / lock).items()
    }
    ranges = setup_cfg["options"]["install_requires"] + setup_cfg["options.extras_require"][extra]
    wanted = [Requirement(line) for line in ranges.splitlines() if line]
    outside = [r for r in wanted if locked[canonicalize_name(r.name)] not in r.specifier]
    assert outside == [], "make lock"
