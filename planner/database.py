"""Opening the database of a story library: SQLite in a file, or PostgreSQL.

Invariant: a write is one transaction, committed when its block ends and undone when the block raises; no driver's
exception leaves. In one process, writes to SQLite wait for each other on a lock of ours, because SQLite's own waiting
sleeps for milliseconds at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from platformdirs import user_data_dir
from sqlalchemy import URL, Engine, Insert, Table, create_engine, event, inspect, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError

from planner import tables
from planner.library_errors import clear_errors
from prompts.errors import LibraryError, LibraryTooNew

_SCHEMA_LOCK = 0x46616275  # "Fabu": the advisory lock under which a PostgreSQL library's tables are made
FILE_NAME = "library.db"


def default_path() -> Path:
    """Where the library lies when nobody says otherwise."""
    return Path(user_data_dir("fabula")) / FILE_NAME


def now() -> str:
    """The time, UTC, ISO 8601 with microseconds: it sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Database:
    """An open library. ``url`` is for people and hides a password; ``file`` is None for a server.

    ``writing()`` gives a transaction, ``reading()`` a connection for statements that each stand alone.
    """

    def __init__(self, address: URL, file: Path | None, busy_seconds: float) -> None:
        self.address = address
        self.file = file
        self.url = address.set(drivername=address.get_backend_name()).render_as_string(hide_password=True)
        self.busy_seconds = busy_seconds
        self.write_lock: AbstractContextManager[Any] = nullcontext() if file is None else threading.Lock()
        try:
            self._engine = _sqlite_engine(address, busy_seconds) if file else _postgres_engine(address, busy_seconds)
        except ImportError as error:
            raise LibraryError("A library on a server needs: pip install 'fabula[postgres]'") from error
        # SQLite has one writer at a time anyway; keeping its connection saves half of what a small transaction costs.
        self._writer: Connection | None = None
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def open(cls, where: str | Path | None = None, *, busy_seconds: float = 10.0) -> Self:
        """Open the library at a path or a ``postgresql://`` URL, and make its folder and tables if they aren't there.

        ``busy_seconds`` is how long a statement waits for another process's lock. Raises ``LibraryError``.
        """
        address, file = _locate(where)
        if file is not None:
            with clear_errors(str(file)):
                file.parent.mkdir(parents=True, exist_ok=True)
        database = cls(address, file, busy_seconds)
        try:
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """The library as a person knows it: the file, or the URL without its password."""
        return str(self.file or self.url)

    def close(self) -> None:
        """Close every connection; calling it twice is fine."""
        writer, self._writer = self._writer, None
        if writer is not None:
            # No waiting for the lock: a write that Ctrl-C broke off may hold it still, and is undone by this.
            writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with clear_errors(self.name), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        if self.file is None:
            with clear_errors(self.name), self._engine.begin() as connection:
                yield connection
            return
        with self.write_lock, clear_errors(self.name):
            self._writer = self._writer or self._engine.connect()
            with self._writer.begin():
                yield self._writer

    def insert_once(self, table: Table) -> Insert:
        """An insert that leaves a row of the same key as it is."""
        return _insert(table, self.file is None, replace=False)

    def upsert(self, table: Table, unless_same: str = "") -> Insert:
        """An insert that sets the other columns of a row of the same primary key.

        ``unless_same`` names a column: a row that has its value already stays as it is, wholly.
        """
        return _insert(table, self.file is None, replace=True, unless_same=unless_same)

    def _prepare(self) -> None:
        """Make the tables, or bring an older library up to date; refuse a newer one and other people's databases."""
        with self.reading() as connection:
            version = self._version(connection)
        if version == tables.SCHEMA_VERSION:
            return
        with self.writing() as connection:
            if self.file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
            version = self._version(connection)  # again: another process may have been quicker
            if version is None:
                tables.metadata.create_all(connection)
            else:
                for step in range(version, tables.SCHEMA_VERSION):
                    tables.MIGRATIONS[step](connection)
            row = {"key": "schema_version", "value": str(tables.SCHEMA_VERSION)}
            connection.execute(self.upsert(tables.meta), row)

    def _version(self, connection: Connection) -> int | None:
        """The schema version, or None where there is no library yet."""
        names = inspect(connection).get_table_names()  # one look: another process may be making them
        if "meta" not in names:
            # A server's database may be shared; a file with other tables is somebody else's.
            if self.file is not None and names:
                raise LibraryError(f"{self.name} is not a story library: it holds other tables; give another path.")
            return None
        query = select(tables.meta.c.value).where(tables.meta.c.key == "schema_version")
        value = connection.execute(query).scalar_one_or_none()
        if value is None or not str(value).isdecimal():
            raise LibraryError(f"{self.name} is not a story library: row schema_version of table meta is not a number.")
        if int(value) > tables.SCHEMA_VERSION:
            raise LibraryTooNew(
                f"The story library {self.name} was written by a newer Fabula (schema {value}, this one knows "
                f"{tables.SCHEMA_VERSION}); upgrade Fabula, or give another library."
            )
        return int(value)


def _locate(where: str | Path | None) -> tuple[URL, Path | None]:
    """The address of a library, and its file unless it lies on a server."""
    if isinstance(where, str) and "://" in where:
        try:
            address = make_url(where)
        except ArgumentError as error:
            raise LibraryError("The library's URL must look like postgresql://user@host/database.") from error
        if address.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
            raise LibraryError(f"A library can be a path or a postgresql:// URL, not {address.drivername}://.")
        return address.set(drivername="postgresql+psycopg"), None
    path = (Path(where) if where else default_path()).expanduser().absolute()
    return URL.create("sqlite", database=str(path)), path


@cache  # making such a statement takes longer than running it
def _insert(table: Table, on_server: bool, replace: bool, unless_same: str = "") -> Insert:
    statement = postgresql.insert(table) if on_server else sqlite.insert(table)
    statement = statement.execution_options(preserve_rowcount=True)  # otherwise -1 on PostgreSQL
    if not replace:
        return statement.on_conflict_do_nothing()
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    changed = table.c[unless_same].is_distinct_from(others[unless_same]) if unless_same else None
    return statement.on_conflict_do_update(index_elements=keys, set_=others, where=changed)


def _sqlite_engine(address: URL, busy_seconds: float) -> Engine:
    # Connections are only limited by threads: a pool that makes readers wait would gain nothing.
    engine = create_engine(address, pool_size=8, max_overflow=-1, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        configure_sqlite(connection, busy_seconds)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE: a transaction that read first could not wait for another writer; it would fail at once.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.connection.cursor().execute("BEGIN IMMEDIATE")

    return engine


def configure_sqlite(connection: Any, busy_seconds: float) -> None:
    """Set a ``sqlite3`` connection up: readers don't wait for the writer, and a commit survives a killed process."""
    connection.execute(f"PRAGMA busy_timeout={int(busy_seconds * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _postgres_engine(address: URL, busy_seconds: float) -> Engine:
    options = f"{address.query.get('options', '')} -c lock_timeout={int(busy_seconds * 1000)}"
    return create_engine(
        address,
        pool_size=4,
        max_overflow=12,  # a server has 100 connections by default, and each story in work holds one for its lease
        pool_timeout=60,
        pool_pre_ping=True,  # a server may have been restarted since the last paragraph
        connect_args={"options": options, "connect_timeout": 10, "application_name": "fabula"},
    )
