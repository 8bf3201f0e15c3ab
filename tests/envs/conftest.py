"""What tests of environments share."""

import pytest


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let environments be stepped in this process alone, own ones as well: nothing is started."""
    monkeypatch.setenv("BNPO_CORES", "1")
    monkeypatch.setattr(
        "bnpo.envs.making.is_of_gymnasium", lambda spec: spec.vector_entry_point is None
    )
