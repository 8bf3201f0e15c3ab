"""Serving the board: its socket, and the server that listens there until it is stopped."""

from __future__ import annotations

import socket
from pathlib import Path

from bnpo.board.run_folders import require_runs
from bnpo.errors import ConfigError
from bnpo.extras import require

__all__ = ["Board", "listening"]

_LOOPBACK = ("127.0.0.1", "localhost")


class Board:
    """A folder of runs, shown in the browser at an address of this machine."""

    def __init__(self, folder: Path, *, port: int = 8000, host: str = "127.0.0.1") -> None:
        """Look for runs; nothing is served yet.

        Args:
            folder: of runs, of a study or of studies
            port: of the address; 0 takes any that is free
            host: of the address; any other than this machine's own shows the runs to whoever
                can reach it

        Raises:
            MissingExtra: FastAPI or uvicorn is not installed.
            RunError: there is no run in the folder.

        """
        self._uvicorn = require("uvicorn", "board", "bnpo board")
        require("fastapi", "board", "bnpo board")
        require_runs(folder)
        self.folder = folder
        self.host = host
        self.port = port
        self._socket: socket.socket | None = None

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.host}:{self.port}"

    @property
    def is_open(self) -> bool:
        """Whether other machines may reach it."""
        return self.host not in _LOOPBACK

    def listen(self) -> None:
        """Take the address.

        Raises:
            ConfigError: it cannot be had.

        """
        self._socket = listening(self.host, self.port)
        self.port = self._socket.getsockname()[1]

    def serve(self) -> None:
        """Serve the board at the address that it listens to, until SIGINT or SIGTERM."""
        from bnpo.board.application import application
        from bnpo.board.watching import Watch

        assert self._socket is not None, "listen() comes first"
        app = application(Watch(self.folder), ["*"] if self.is_open else None)
        config = self._uvicorn.Config(app, log_level="warning", access_log=False)
        try:
            self._uvicorn.Server(config).run(sockets=[self._socket])
        finally:
            self._socket.close()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket at an address.

    Raises:
        ConfigError: naming host or port, and why it cannot be had.

    """
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, socket.AF_INET, socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        raise ConfigError(
            f"host = {host!r}: allowed is a name or an address of this machine"
        ) from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"port = {port} of {host} cannot be had: {reason}; allowed is a free port, or 0 for any"
        ) from None
    return listener
