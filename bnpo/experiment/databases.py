"""Records in databases, beside the files: a run needs them at its start and never after."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Mapping
from typing import Any

from bnpo.errors import ConfigError
from bnpo.experiment.run_folder import RunFolder
from bnpo.extras import require

__all__ = ["Database", "check_databases", "made_lenient"]

PATIENCE = 5
"""Time that a database has to answer at the start of a run (seconds)."""

_MODULES = {
    "--sql": ("-s", ("sqlalchemy",)),
    "--mongo_db": ("-m", ("pymongo",)),
    "--tiny_db": ("-t", ("tinydb", "hashfs", "tinydb_serialization")),
}


class Database:
    """An observer that may fail: its first failure is told in one line, and the run goes on."""

    priority = 40
    """Before the files, so that a run without its database does not begin."""

    def __init__(self, observer: Any) -> None:
        """Take sacred's observer of the database."""
        self.observer = observer
        self.title = type(observer).__name__.removesuffix("Observer")
        self._opened = False
        self._warned = False

    def started_event(self, *args: Any, **event: Any) -> None:
        """Open the record; the database numbers its runs by itself, the folder names the run."""
        event["_id"] = None
        try:
            self.observer.started_event(*args, **event)
        except Exception as error:
            raise ConfigError(f"the {self.title} record cannot be opened: {_line(error)}") from None
        self._opened = True

    def heartbeat_event(self, **event: Any) -> None:
        """Bring the record up to date."""
        self._pass_on("heartbeat_event", event)

    def log_metrics(self, **event: Any) -> None:
        """Add measurements, where the database takes them."""
        if hasattr(self.observer, "log_metrics"):
            self._pass_on("log_metrics", event)

    def completed_event(self, **event: Any) -> None:
        """Close the record of a run that came to its end."""
        self._pass_on("completed_event", event)

    def interrupted_event(self, **event: Any) -> None:
        """Close the record of a run that was stopped."""
        self._pass_on("interrupted_event", event)

    def failed_event(self, **event: Any) -> None:
        """Close the record of a run that failed."""
        self._pass_on("failed_event", event)

    def resource_event(self, **event: Any) -> None:
        """Add a file that was read."""
        self._pass_on("resource_event", event)

    def artifact_event(self, **event: Any) -> None:
        """Add a file that was made."""
        self._pass_on("artifact_event", event)

    def join(self) -> None:
        """Wait until all is written, and close the connections."""
        self._pass_on("join", {})
        engine = getattr(self.observer, "engine", None)
        if engine is not None:
            with contextlib.suppress(Exception):
                self.observer.session.remove()
            engine.dispose()

    def _pass_on(self, name: str, event: dict[str, Any]) -> None:
        if not self._opened:
            return
        try:
            getattr(self.observer, name)(**event)
        except Exception as error:
            session = getattr(self.observer, "session", None)
            if session is not None:
                with contextlib.suppress(Exception):
                    session.rollback()
            if not self._warned:
                logging.getLogger("bnpo").warning(
                    "the %s record cannot be written: %s; the run goes on, its files are complete",
                    *(self.title, _line(error)),
                )
            self._warned = True


def check_databases(flags: Mapping[str, Any]) -> None:
    """Refuse, before anything is made, a database that cannot be reached.

    Raises:
        ConfigError: naming the option and what is missing.

    """
    for option, (short, modules) in _MODULES.items():
        if flags.get(option) is None:
            continue
        for module in modules:
            require(module, "records", short)
        try:
            {"--sql": _try_sql, "--mongo_db": _try_mongo}.get(option, _try_nothing)(flags[option])
        except ConfigError:
            raise
        except ModuleNotFoundError as error:  # a driver, which the URL names
            require(str(error.name), "records", f"{short} {_hidden(flags[option])}")
            raise
        except Exception as error:
            raise ConfigError(
                f"{short} {_hidden(flags[option])}: the database cannot be used: {_line(error)}"
            ) from None


def made_lenient(observers: list[Any]) -> list[Any]:
    """Return the observers, those of databases as ones that may fail."""
    return [one if isinstance(one, RunFolder) else Database(one) for one in observers]


def _try_sql(url: str) -> None:
    """Open a connection."""
    import sqlalchemy

    parsed = sqlalchemy.make_url(url)
    options = (
        {"connect_timeout": PATIENCE} if parsed.drivername.startswith("postgresql+psycopg") else {}
    )
    engine = sqlalchemy.create_engine(parsed, connect_args=options)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _try_mongo(argument: str) -> None:
    """Ask the server for an answer."""
    from sacred.observers import mongo

    pymongo = importlib.import_module("pymongo")
    options = mongo.parse_mongo_db_arg(argument)  # type: ignore[no-untyped-call]
    client = pymongo.MongoClient(options.get("url"), serverSelectionTimeoutMS=PATIENCE * 1000)
    try:
        client.admin.command("ping")
    finally:
        client.close()


def _try_nothing(_: str) -> None:
    """A folder of files is made where it is missing."""


def _hidden(url: str) -> str:
    """Return a URL without its password."""
    scheme, separator, rest = str(url).partition("://")
    account, at, place = rest.rpartition("@")
    name = account.partition(":")[0]
    return f"{scheme}{separator}{name}{at}{place}" if at else str(url)


def _line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[0].split())[:200] if lines else type(error).__name__
