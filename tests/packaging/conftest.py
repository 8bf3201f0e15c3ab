import configparser
from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def setup_cfg(root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(root / "setup.cfg")
    return parser


@pytest.fixture(scope="session")
def package_dir(setup_cfg: configparser.ConfigParser) -> Mapping[str, str]:
    """Folder at the root of each package that setup.cfg maps."""
    lines = setup_cfg["options"]["package_dir"].split("\n")
    pairs = (line.partition("=") for line in lines if line)
    return {package.strip(): folder.strip() for package, _, folder in pairs}


@pytest.fixture(scope="session")
def modules(root: Path, package_dir: Mapping[str, str]) -> Mapping[str, Path]:
    """File of every module, under the name it is imported by."""
    paths = {}
    for package, folder in package_dir.items():
        for path in (root / folder).rglob("*.py"):
            inside = path.relative_to(root / folder).with_suffix("").parts
            parts = inside[:-1] if inside[-1] == "__init__" else inside
            paths[".".join((package, *parts))] = path
    return paths
