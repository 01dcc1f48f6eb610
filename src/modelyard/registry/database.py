"""The database: opened by URL, read in snapshots, written by one at a time."""

from __future__ import annotations

import importlib
import os
import time
import weakref
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, make_url

from modelyard.errors import MissingExtraError, RegistryError, UsageError
from modelyard.registry import schema
from modelyard.registry.failure import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

WAIT = 30.0
"""Seconds that a writer waits for its turn."""

_SQLITE = "sqlite+pysqlite"
_POSTGRESQL = "postgresql+psycopg"
_DRIVERS = {
    "sqlite": _SQLITE,
    _SQLITE: _SQLITE,
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    _POSTGRESQL: _POSTGRESQL,
}
_LOCK = 0x6D6F64656C79  # "modely": PostgreSQL names advisory locks by number


class Database:
    """One database, brought to the newest schema when it is opened.

    Args:
        where: ``sqlite:///path``, ``postgresql://...``, or the path of a SQLite file, which is
            made with the folders above it where there is none.
        wait: Seconds that a writer waits for its turn.

    Raises:
        UsageError: if ``where`` names no such database.
        RegistryError: if it cannot be opened, or belongs to something else.
    """

    def __init__(self, where: str | Path, *, wait: float = WAIT) -> None:
        self._url = _url(where)
        self._wait = wait
        self._parents: list[sa.Pool] = []
        self._engine = self._make_engine()
        self._writer = self._engine.execution_options(**self._writing())
        _mind_forks()
        _OPEN.add(self)
        try:
            self._upgrade()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)!r})"

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read in one snapshot: what others write meanwhile is not seen."""
        with self._speaking(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write alone: all or nothing, with no other writer from here to the end."""
        with self._speaking(), self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                self._set_patience(connection)
                # Readers go on; the next number of events and versions is ours alone.
                connection.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
            yield connection

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn the database's errors into ours, which carry no SQL, values or passwords."""
        try:
            yield
        except sa.exc.SQLAlchemyError as e:
            raise explain(e, self._url) from e

    def _make_engine(self) -> Engine:
        options: dict[str, Any] = {"hide_parameters": True}
        try:
            if self._url.drivername == _SQLITE:
                engine = sa.create_engine(
                    self._url, connect_args={"timeout": self._wait}, **options
                )
                event.listen(engine, "connect", self._on_sqlite_connect)
                event.listen(engine, "begin", _on_sqlite_begin)
                return engine
            return sa.create_engine(
                self._url, pool_pre_ping=True, isolation_level="REPEATABLE READ", **options
            )
        except ModuleNotFoundError as e:
            raise MissingExtraError(e.name or "psycopg", extra="postgresql") from e

    def _writing(self) -> dict[str, Any]:
        if self._url.drivername == _SQLITE:
            return {"modelyard_writes": True}
        # A snapshot would be taken before the turn has come, and hide what the last writer wrote.
        return {"isolation_level": "READ COMMITTED"}

    def _set_patience(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._wait * 1000)}")

    def _on_sqlite_connect(self, connection: Any, _record: object) -> None:
        # The driver would begin transactions on its own, later than we need; see on_begin.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        deadline = time.monotonic() + self._wait
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except connection.OperationalError as e:
                # SQLite does not wait for its turn here, as it does everywhere else.
                if "locked" not in str(e) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _upgrade(self) -> None:
        if self._url.drivername == _SQLITE:
            _make_place(Path(self._url.database or ""))
        with self.read() as connection:
            if _revision(connection) == schema.HEAD:
                return
        with self._speaking(), self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                self._set_patience(connection)
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            if _revision(connection) is None:
                _refuse_strangers(connection)
            # Alembic is loaded only now, for it is as slow to load as all the rest.
            importlib.import_module("modelyard.registry.migrations").upgrade(connection)

    def _forget_connections(self) -> None:
        """Leave all connections to the process that we were forked from."""
        # Kept, for collecting them as garbage would close what the parent still uses.
        self._parents.append(self._engine.pool)
        self._engine.dispose(close=False)


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()


@cache
def _mind_forks() -> None:
    """See to it, once a process, that a forked child uses no connection of its parent."""
    os.register_at_fork(after_in_child=_forget_all)


def _forget_all() -> None:
    for database in list(_OPEN):
        database._forget_connections()  # noqa: SLF001 - of this module


def _url(where: str | Path) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return _sqlite_url(str(where))
    try:
        url = make_url(where)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    # The text is not repeated, and the cause is not kept: a password may stand in it.
    if url is None or url.drivername not in _DRIVERS:
        raise UsageError(
            "this is no registry's URL",
            hint="write sqlite:///path/to/registry.db or postgresql://user@host/database",
        )
    url = url.set(drivername=_DRIVERS[url.drivername])
    return _sqlite_url(url.database or "") if url.drivername == _SQLITE else url


def _sqlite_url(path: str) -> URL:
    if path in ("", ":memory:") or path.startswith("file:") or "\0" in path:
        raise UsageError(f"{path!r} is no file for a registry", hint="name a file on a disk")
    return URL.create(_SQLITE, database=path)


def _make_place(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise RegistryError(
            f"the folder of the registry {path.name!r} cannot be made: {e.strerror}",
            hint="name a place that this user may write to",
        ) from e


def _on_sqlite_begin(connection: Connection) -> None:
    # IMMEDIATE takes the writer's turn at once; a reader that turned writer later could fail.
    writes = connection.get_execution_options().get("modelyard_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {schema.VERSION_TABLE}"))  # noqa: S608 - a constant
    return found.scalar()


def _refuse_strangers(connection: Connection) -> None:
    """Refuse to move into a database that somebody else lives in."""
    tables = set(sa.inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        tables &= set(schema.metadata.tables)
    if tables:
        raise RegistryError(
            f"this database is no registry: it has a table {min(tables)!r} of something else",
            hint="name another file or database; a registry is made where there is none",
        )
