"""One clear sentence for each way in which a database can fail.

Invariant: no driver's exception leaves the story library; what leaves is a ``LibraryError`` that says what to do.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from prompts.errors import LibraryError, LibraryFull, LibraryReadOnly

Answer = tuple[type[LibraryError], str]

READ_ONLY: Answer = (LibraryReadOnly, "The story library {where} is read-only; make it and its folder writable.")
FULL: Answer = (LibraryFull, "The disk of the story library {where} is full; free some space and go on.")
IO: Answer = (LibraryFull, "The disk of the story library {where} failed or is full; check it and its free space.")
NO_FOLDER: Answer = (LibraryReadOnly, "The story library {where} cannot be opened; make its folder writable.")
NO_LIBRARY: Answer = (LibraryError, "{where} is not a story library: it is no SQLite database; give another path.")
DAMAGED: Answer = (LibraryError, "The story library {where} is damaged; restore a backup, or try sqlite3's .recover.")
LOCKED: Answer = (
    LibraryError,
    "The story library {where} has been locked by another process for too long; stop that one, or try again.",
)
ORPHAN: Answer = (LibraryError, "The story library {where} has no such story, paragraph or outline to attach this to.")
SURROGATE: Answer = (LibraryError, "The text holds half of a surrogate pair, which no library can keep; remove it.")

# By the beginning of the error's name, and by words of its message, for errors that come without a name.
_SQLITE: tuple[tuple[str, str, Answer], ...] = (
    ("SQLITE_CONSTRAINT_FOREIGNKEY", "FOREIGN KEY constraint", ORPHAN),
    ("SQLITE_READONLY", "readonly database", READ_ONLY),
    ("SQLITE_FULL", "disk is full", FULL),
    ("SQLITE_IOERR", "disk I/O error", IO),
    ("SQLITE_CANTOPEN", "unable to open", NO_FOLDER),
    ("SQLITE_NOTADB", "not a database", NO_LIBRARY),
    ("SQLITE_CORRUPT", "malformed", DAMAGED),
    ("SQLITE_BUSY", "is locked", LOCKED),
    ("SQLITE_LOCKED", "is locked", LOCKED),
)

# By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: dict[str, Answer] = {
    "23503": ORPHAN,
    "25006": READ_ONLY,
    "42501": READ_ONLY,
    "53100": FULL,
    "58030": IO,
    "40P01": LOCKED,
    "55P03": LOCKED,
    "57014": LOCKED,
}

_SYSTEM: dict[int, Answer] = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EIO: IO,
    errno.EACCES: NO_FOLDER,
    errno.EPERM: NO_FOLDER,
    errno.EROFS: READ_ONLY,
}


@contextmanager
def clear_errors(where: str) -> Iterator[None]:
    """Turn whatever the database at ``where`` raises inside into a ``LibraryError``."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error, OSError, UnicodeEncodeError) as error:
        raise explained(error, where) from error
    except Exception as error:
        # psycopg is an extra, so its errors are known by their SQLSTATE, which no other exceptions have.
        if hasattr(error, "sqlstate"):
            raise explained(error, where) from error
        raise


def explained(error: Exception, where: str) -> LibraryError:
    """The ``LibraryError`` for a driver's exception; ``where`` is the library as a person knows it."""
    cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    kind, sentence = _answer(cause)
    # The first line of a driver's message: the rest is SQL, or a hint for administrators.
    reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0].rstrip(".")
    return kind(sentence.format(where=where, reason=reason))


def _answer(cause: BaseException) -> Answer:
    if isinstance(cause, UnicodeEncodeError):
        return SURROGATE
    if isinstance(cause, OSError):
        return _SYSTEM.get(cause.errno or 0, (LibraryError, "The story library {where} cannot be used: {reason}."))
    if isinstance(cause, sqlite3.Error):
        name, text = getattr(cause, "sqlite_errorname", None) or "", str(cause)
        for start, words, answer in _SQLITE:
            if name.startswith(start) or words in text:
                return answer
    elif hasattr(cause, "sqlstate"):
        if cause.sqlstate in _POSTGRES:
            return _POSTGRES[cause.sqlstate]
        if type(cause).__name__ == "OperationalError":
            return LibraryError, "The database server of the story library {where} does not answer: {reason}."
    return LibraryError, "The story library {where} cannot be used: {reason}."
