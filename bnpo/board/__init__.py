"""The board: runs and studies in a browser while they go, read from their files alone.

A page of plain HTML, CSS and JavaScript, which this package brings, asks a FastAPI application for
JSON. Nothing is written, nothing of a run is executed, no other host is asked for anything.
"""

from bnpo.board.serving import Board

__all__ = ["Board"]
