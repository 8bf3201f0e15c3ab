"""Child processes of Python: the same interpreter, which imports from where this one does."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator

__all__ = ["python", "safe_children"]

_START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "


def python(code: str, *words: object) -> list[str]:
    """Return the command line of a process that runs code with the import path of this one.

    By itself ``python -c`` and ``python -m`` import from the working folder first; ``-P`` keeps it
    off, so that no file that happens to lie there is taken for a library.

    Args:
        code: what it runs
        words: its ``sys.argv[1:]``

    """
    return [sys.executable, "-P", "-c", _START + code, *map(str, words), json.dumps(sys.path)]


@contextlib.contextmanager
def safe_children() -> Iterator[None]:
    """Keep the working folder off the import path of interpreters that a library starts.

    glfw, which draws MuJoCo's windows, starts one while it loads, to try its own library there.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before
