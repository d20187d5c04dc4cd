"""A durable LangGraph saver for the library's own database, which trusts nothing that it reads.

Invariant: reading a checkpoint can only build values of the closed list below: the classes of ``planner.state``, four
of LangGraph's own and sets. Nothing is imported by a name that stands in the database, nothing is unpickled, and every
state value is validated again. What can't be read back is refused when it is written, while the thread can still go on.

LangGraph's default imports and calls whatever a checkpoint names (a tampered one ran a shell command); its own strict
mode gives the raw data back in place of a refused value, and skips validation when a model does not validate.
"""

from __future__ import annotations

import inspect
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from enum import Enum
from typing import Any

import ormsgpack
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel, ValidationError

from planner import state
from planner.database import configure_sqlite
from planner.library_errors import clear_errors
from planner.store import Library
from prompts.errors import LibraryError

Build = Callable[[Any], Any]


def _listed() -> dict[tuple[int, str, str], Build]:
    """How to build each value that a checkpoint may hold, by (msgpack extension, module, class)."""
    listed: dict[tuple[int, str, str], Build] = {}
    for name, kind in inspect.getmembers(state, inspect.isclass):
        if kind.__module__ != state.__name__:
            continue
        if issubclass(kind, BaseModel):
            listed[jsonplus.EXT_PYDANTIC_V2, kind.__module__, name] = kind.model_validate
        elif issubclass(kind, Enum):
            listed[jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, kind.__module__, name] = kind
    for kind in (Command, Interrupt, Overwrite):
        listed[jsonplus.EXT_CONSTRUCTOR_KW_ARGS, kind.__module__, kind.__name__] = _from_fields(kind)
    listed[jsonplus.EXT_CONSTRUCTOR_POS_ARGS, Send.__module__, Send.__name__] = lambda parts: Send(*parts)
    for kind in (set, frozenset):
        listed[jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, kind.__module__, kind.__name__] = kind
    return listed


def _from_fields(kind: Callable[..., Any]) -> Build:
    return lambda fields: kind(**fields)


_LISTED = _listed()


class _Reader:
    """Builds the values of one checkpoint, and remembers why it could not: msgpack itself forgets the reason."""

    def __init__(self) -> None:
        self.reason: Exception | None = None

    def unpack(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data, ext_hook=self.build, option=ormsgpack.OPT_NON_STR_KEYS)

    def build(self, code: int, data: bytes) -> Any:
        """Build one value of the closed list; ``data`` packs (module, class, content, ...)."""
        try:
            module, name, content, *_ = self.unpack(data)
            build = _LISTED.get((code, str(module), str(name)))
            if build is None:
                raise LibraryError(f"A checkpoint of this library holds {module}.{name}, which is no story state.")
            return build(content)
        except Exception as error:
            self.reason = self.reason or error
            raise


class StateSerializer(JsonPlusSerializer):
    """LangGraph's msgpack form, read with the closed list."""

    def __init__(self) -> None:
        # LangGraph gets the list as well, should it ever read in another way than ``loads_typed``.
        names = [(module, name) for _, module, name in _LISTED]
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=names)

    def with_msgpack_allowlist(self, extra_allowlist: object) -> StateSerializer:  # noqa: ARG002
        """The list is closed: compiling a graph cannot add to it."""
        return self

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Write a value, and read it back at once: a thread with a value that cannot be read can never go on."""
        try:
            typed = super().dumps_typed(obj)
        except (TypeError, ValueError) as error:
            raise LibraryError(f"The story state holds a value that no checkpoint can keep: {error}.") from error
        self.loads_typed(typed)
        return typed

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, content = data
        if kind in {"null", "bytes", "bytearray"}:
            return super().loads_typed(data)
        if kind != "msgpack":
            # "json" would build LangChain objects, "pickle" anything at all; neither is ever written here.
            raise LibraryError(f"A checkpoint of this library is of kind {kind!r}, which Fabula never writes.")
        reader = _Reader()
        try:
            return reader.unpack(content)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            reason = reader.reason or error
            if isinstance(reason, LibraryError):
                raise reason from None
            what = f"a {reason.title} that is not valid" if isinstance(reason, ValidationError) else "damaged data"
            raise LibraryError(f"A checkpoint of this library holds {what}; restore a backup.") from reason


class LibrarySqliteSaver(SqliteSaver):
    """LangGraph's SQLite saver, with the library's locks and clear errors."""

    def __init__(self, connection: sqlite3.Connection, name: str, write_lock: AbstractContextManager[Any]) -> None:
        super().__init__(connection, serde=StateSerializer())
        self._name = name
        self._write_lock = write_lock
        # Listing the history holds this lock; whoever lists must still be able to read a state on the way.
        self.lock = threading.RLock()  # type: ignore[assignment]

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """LangGraph's own commits what was written before an error; this one undoes it."""
        with self.lock, clear_errors(self._name):
            self.setup()
            if not transaction:
                with closing(self.conn.cursor()) as cursor:
                    yield cursor
                return
            with self._write_lock, self.conn, closing(self.conn.cursor()) as cursor:
                yield cursor


@contextmanager
def open_saver(library: Library) -> Iterator[BaseCheckpointSaver[str]]:
    """A saver for the database that ``library`` lies in, open until the block ends. Threads may share it."""
    with _sqlite_saver(library) if library.file is not None else _postgres_saver(library) as saver:
        yield saver


@contextmanager
def _sqlite_saver(library: Library) -> Iterator[BaseCheckpointSaver[str]]:
    with clear_errors(library.name):
        connection = sqlite3.connect(str(library.file), check_same_thread=False)
    with closing(connection):
        with clear_errors(library.name):
            configure_sqlite(connection, library.busy_seconds)
        saver = LibrarySqliteSaver(connection, library.name, library.write_lock)
        with library.write_lock, clear_errors(library.name):
            saver.setup()
        yield saver


@contextmanager
def _postgres_saver(library: Library) -> Iterator[BaseCheckpointSaver[str]]:
    from planner.checkpoints_postgres import open_postgres_saver

    with open_postgres_saver(library, StateSerializer()) as saver:
        yield saver
