"""A durable LangGraph saver for the library's own database, which trusts nothing that it reads.

Invariant: reading a checkpoint can only build values of the closed list below: the classes of ``planner.state``, four
of LangGraph's own, tuples and sets. Nothing is imported by a name that stands in the database or unpickled, and
every state value is validated again. What can't be read back is refused when it is written, while the thread can go on.

LangGraph's default imports and calls whatever a checkpoint names (a tampered one ran a shell command); its own strict
mode hands out the raw data in place of a refused value, and skips validation when a model does not validate.
"""

from __future__ import annotations

import inspect
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import fields
from enum import Enum
from typing import Any, NoReturn

import ormsgpack
from langgraph.checkpoint.base import BaseCheckpointSaver
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

EXTENSION = 42
"""The msgpack extension of our values, (name, content). LangGraph's own are 0 to 7: none of those is ever read."""

_OPTIONS = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_TUPLE  # LangGraph's form gives tuples back as lists
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_UUID
)


def _listed() -> dict[str, Build]:
    """How to build each value that a checkpoint may hold, by the full name of its class."""
    listed: dict[str, Build] = {_name(kind): kind for kind in (tuple, set, frozenset)}
    listed[_name(Send)] = lambda parts: Send(*parts)
    listed[_name(Command)] = lambda fields: Command(**fields)
    listed[_name(Interrupt)] = lambda fields: Interrupt(**fields)
    listed[_name(Overwrite)] = lambda fields: Overwrite(**fields)
    for _, member in inspect.getmembers(state, inspect.isclass):
        if member.__module__ == state.__name__ and issubclass(member, BaseModel):
            listed[_name(member)] = member.model_validate
        elif member.__module__ == state.__name__ and issubclass(member, Enum):
            listed[_name(member)] = member
    return listed


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


_LISTED = _listed()


def _content(value: Any) -> Any:
    """What ``_LISTED`` builds a value from again."""
    match value:
        case BaseModel():
            return value.model_dump(mode="json", warnings=False)  # reading it back is the check
        case Enum():
            return value.value
        case Send():
            return [value.node, value.arg]
        case tuple() | set() | frozenset():
            return list(value)
        case Command() | Interrupt() | Overwrite():
            return {field.name: getattr(value, field.name) for field in fields(value)}
    return None


class _Codec:
    """Packs or unpacks one value, and remembers why it could not: msgpack itself forgets the reason."""

    def __init__(self) -> None:
        self.reason: Exception | None = None

    def pack(self, value: Any) -> bytes:
        return ormsgpack.packb(value, default=self._extension, option=_OPTIONS)

    def unpack(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data, ext_hook=self._value, option=ormsgpack.OPT_NON_STR_KEYS)

    def _extension(self, value: Any) -> ormsgpack.Ext | str:
        if isinstance(value, BaseException):
            return repr(value)  # LangGraph notes a failed node's error
        name = _name(type(value))
        if name not in _LISTED:
            self._refuse(LibraryError(f"The story state holds a {name}, which no checkpoint may hold."))
        return ormsgpack.Ext(EXTENSION, self.pack([name, _content(value)]))

    def _value(self, code: int, data: bytes) -> Any:
        try:
            if code != EXTENSION:
                raise LibraryError("A checkpoint of this library holds a value in a form that Fabula never writes.")
            name, content = self.unpack(data)
            if name not in _LISTED:
                raise LibraryError(f"A checkpoint of this library holds a {name}, which is no story state.")
            return _LISTED[name](content)
        except Exception as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> NoReturn:
        self.reason = self.reason or error  # the innermost one comes first, and says most
        raise error


class StateSerializer(JsonPlusSerializer):
    """Story state as msgpack, written and read with the closed list. (LangGraph asks for a ``JsonPlusSerializer``.)"""

    def __init__(self) -> None:
        super().__init__(pickle_fallback=False, allowed_msgpack_modules=None)

    def with_msgpack_allowlist(self, extra_allowlist: object) -> StateSerializer:
        """The list is closed: compiling a graph cannot add to it."""
        return self

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Write a value, and read it back at once: a thread with a value that cannot be read can never go on."""
        if obj is None or isinstance(obj, bytes):
            return super().dumps_typed(obj)
        codec = _Codec()
        try:
            typed = "msgpack", codec.pack(obj)
        except (ValueError, TypeError, RecursionError) as error:
            if isinstance(codec.reason, LibraryError):
                raise codec.reason from None
            raise LibraryError(f"The story state holds a value that no checkpoint can keep: {error}.") from error
        self.loads_typed(typed)
        return typed

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, content = data
        if kind in {"null", "bytes"}:
            return super().loads_typed(data)
        if kind != "msgpack":
            # "json" would build LangChain objects, "pickle" anything at all; neither is ever written here.
            raise LibraryError(f"A checkpoint of this library is of kind {kind!r}, which Fabula never writes.")
        codec = _Codec()
        try:
            return codec.unpack(content)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            reason = codec.reason or error
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
