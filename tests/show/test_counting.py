"""The count of a study's runs: lines where no bar can move, nothing where none is asked for."""

from __future__ import annotations

import pytest

from bnpo.show.counting import counting


def test_lines_stand_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for visible in (True, False):
        with counting(3, done=1, unit="run", title="wide", visible=visible) as tell:
            tell("ppo-0")
            tell("ppo-1")
    assert capsys.readouterr().err == "wide: run 2 of 3, ppo-0\nwide: run 3 of 3, ppo-1\n"
