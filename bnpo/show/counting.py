"""How many of many things are done: a bar where it can move, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

from bnpo.show.kernel import in_notebook

__all__ = ["counting"]


@contextlib.contextmanager
def counting(
    total: int, *, done: int, unit: str, title: str, visible: bool
) -> Iterator[Callable[[str], None]]:
    """Yield what is called with a few words whenever one more is done.

    Args:
        total: number of things
        done: of which so many are done already
        unit: word for one of them
        title: before the count
        visible: whether anything is shown, on the standard error

    """
    terminal: Any = getattr(sys.stderr, "__wrapped__", sys.stderr)
    moves = visible and (terminal.isatty() or in_notebook())
    with tqdm(
        total=total,
        initial=done,
        unit=unit,
        desc=title,
        disable=not moves,
        dynamic_ncols=True,
    ) as bar:

        def tell(words: str) -> None:
            nonlocal done
            done += 1
            if moves:
                bar.update()
                bar.set_postfix_str(words)
            elif visible:
                sys.stderr.write(f"{title}: {unit} {done:,} of {total:,}, {words}\n")
                sys.stderr.flush()

        yield tell
