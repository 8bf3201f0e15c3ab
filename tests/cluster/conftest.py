"""Ray on this machine, started once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bnpo.cluster.joining import joined


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Return Ray, started as ray=local does."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    with joined("local", "a test") as started:
        yield started
