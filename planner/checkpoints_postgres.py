"""The saver for a library on a PostgreSQL server; imported only for one, since psycopg is an extra.

Invariant: as for SQLite, no driver's exception leaves, and only ``StateSerializer`` reads what the server holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from planner.database import Database
from planner.library_errors import clear_errors

SETUP_LOCK = 0x46616276
"""The advisory lock under which the saver's tables are made."""


class LibraryPostgresSaver(PostgresSaver):
    """LangGraph's PostgreSQL saver with clear errors."""

    def __init__(self, connection: Connection[DictRow], name: str, serde: SerializerProtocol) -> None:
        super().__init__(connection, serde=serde)
        self._name = name

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Any]:
        with clear_errors(self._name), super()._cursor(pipeline=pipeline) as cursor:
            yield cursor


@contextmanager
def open_postgres_saver(library: Database, serde: SerializerProtocol) -> Iterator[LibraryPostgresSaver]:
    with server_connection(library) as connection:
        saver = LibraryPostgresSaver(connection, library.name, serde)
        with clear_errors(library.name):
            _set_up(saver, connection)
        yield saver


@contextmanager
def server_connection(library: Database, application: str = "fabula") -> Iterator[Connection[DictRow]]:
    """A connection of its own to the library's server, outside of the library's pool."""
    address = library.address.set(drivername="postgresql").render_as_string(hide_password=False)
    with clear_errors(library.name):
        connection = Connection.connect(
            address,
            autocommit=True,
            prepare_threshold=0,
            row_factory=dict_row,
            application_name=application,
            connect_timeout=10,
        )
    try:
        yield connection
    finally:
        connection.close()


def _set_up(saver: LibraryPostgresSaver, connection: Connection[DictRow]) -> None:
    # Waiting inside the server would block the CREATE INDEX CONCURRENTLY of the process that we wait for.
    while not _lock(connection, "pg_try_advisory_lock", SETUP_LOCK):
        time.sleep(0.05)
    try:
        saver.setup()
    finally:
        _lock(connection, "pg_advisory_unlock", SETUP_LOCK)


def _lock(connection: Connection[DictRow], function: str, key: int) -> bool:
    row = connection.execute(f"SELECT {function}(%s) AS done", (key,)).fetchone()
    return bool(row and row["done"])
