"""Notebooks executed by the interpreter that runs the tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat: Any = pytest.importorskip(
    "nbformat", reason="notebooks need nbformat: pip install 'bnpo[notebook]'"
)
nbclient: Any = pytest.importorskip(
    "nbclient", reason="notebooks need nbclient: pip install 'bnpo[notebook]'"
)
pytest.importorskip("ipykernel", reason="notebooks need ipykernel: pip install 'bnpo[notebook]'")
kernelspec: Any = pytest.importorskip("jupyter_client.kernelspec")
manager: Any = pytest.importorskip("jupyter_client.manager")

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class ThisInterpreter(kernelspec.KernelSpecManager):  # type: ignore[misc]
    """Knows one kernel, the running interpreter, whatever is installed for the user."""

    def get_kernel_spec(self, kernel_name: str) -> Any:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return kernelspec.KernelSpec(argv=argv, display_name=kernel_name, language="python")


def execute(notebook: Any, folder: Path, longest: int = 120) -> Any:
    """Run every cell in a folder; a cell that raises fails the test with its traceback.

    A process of its own keeps the client's sockets and event loop away from the other tests.

    Args:
        notebook: what is run
        folder: where its cells find themselves
        longest: seconds that a cell may take

    """
    path = folder / "executed.ipynb"
    nbformat.write(notebook, path)
    done = subprocess.run(
        [sys.executable, __file__, str(path), str(longest)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6_000:]
    return nbformat.read(path, as_version=4)


def _execute_file(path: Path, longest: int) -> None:
    """Run a notebook in its folder and write it back."""
    notebook = nbformat.read(path, as_version=4)
    kernel = manager.AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
    resources = {"metadata": {"path": str(path.parent)}}
    client = nbclient.NotebookClient(notebook, km=kernel, timeout=longest, resources=resources)
    client.execute()
    nbformat.write(notebook, path)


def of_cells(*sources: str) -> Any:
    """Return a notebook of these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def parameters(notebook: Any) -> Any:
    """Return the one cell that is tagged ``parameters``."""
    (cell,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    return cell


def assigned(source: str) -> set[str]:
    """Names that a cell of plain assignments sets."""
    body = ast.parse(source).body
    assert all(isinstance(line, ast.Assign) for line in body)
    return {ast.unparse(line.targets[0]) for line in body if isinstance(line, ast.Assign)}


def html_of(cell: Any) -> list[str]:
    """HTML outputs of a cell."""
    return [out.data["text/html"] for out in cell.outputs if "text/html" in out.get("data", {})]


def text_of(cell: Any) -> str:
    """What a cell printed."""
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


if __name__ == "__main__":
    _execute_file(Path(sys.argv[1]), int(sys.argv[2]))
