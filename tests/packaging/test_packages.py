"""setup.cfg names every package, and the checkout imports under the same names."""

import configparser
import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path

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


def test_locks_pin_every_version_exactly(root: Path) -> None:
    for lock in root.glob("requirements*.lock"):
        lines = lock.read_text().splitlines()
        loose = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)]
        assert loose == [], lock.name
