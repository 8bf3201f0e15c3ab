"""What an environment prints while a progress bar is shown has lines of its own."""

from __future__ import annotations

import io
import sys

import pytest
from tqdm import tqdm

from bnpo.show.beside_bar import beside


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_printed_lines_stand_above_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with tqdm(total=4, file=screen, ncols=60) as bar, beside(bar):
        bar.update(1)
        bar.refresh()
        print("the simulator", "says hello")
        print("and no more", end="")
    assert capsys.readouterr().out == "the simulator says hello\nand no more"
    before, bar_again = screen.getvalue().split("1/4")[:2]
    assert before.startswith("\r")
    assert bar_again.count("\r") >= 2  # it was wiped for the line, and drawn anew below


def test_nothing_is_changed_without_a_bar() -> None:
    before = sys.stdout
    with tqdm(total=4, disable=True) as bar, beside(bar):
        assert sys.stdout is before
