"""What tests of environments share."""

import pytest


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let environments be stepped in this process alone, which starts no other one."""
    monkeypatch.setenv("BNPO_CORES", "1")
