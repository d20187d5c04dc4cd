"""One writer a story, across processes.

Invariant: a lease never outlives its process. It is a lock of the operating system on a file beside the library, or an
advisory lock of a PostgreSQL connection; both go away with the process, however it ended.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from planner.database import Database
from planner.library_errors import clear_errors
from prompts.errors import LibraryError, StoryBusy


@contextmanager
def lease(library: Database, story: str) -> Iterator[None]:
    """Hold the right to write ``story`` until the block ends. Raises ``StoryBusy`` at once if someone else has it."""
    if not story.isalnum():
        raise LibraryError(f"{story!r} is not the id of a story.")
    held = _file_lease(library, library.file, story) if library.file is not None else _server_lease(library, story)
    with held:
        yield


@contextmanager
def _file_lease(library: Database, file: Path, story: str) -> Iterator[None]:
    folder = file.with_name(f"{file.name}.locks")
    # The holder's process id stands in a file of its own: taking a lock may empty the file that it is on.
    lock, holder = FileLock(folder / f"{story}.lock", blocking=False), folder / f"{story}.pid"
    with clear_errors(library.name):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise _busy(story, _read(holder)) from error
    try:
        with clear_errors(library.name):
            holder.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        lock.release()  # the files stay: taking a lock on a file that someone removes would give two holders


def _read(holder: Path) -> str:
    try:
        text = holder.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f"pid {text}" if text.isdecimal() else ""


@contextmanager
def _server_lease(library: Database, story: str) -> Iterator[None]:
    from planner.checkpoints_postgres import server_connection

    key = int.from_bytes(hashlib.blake2b(f"fabula lease {story}".encode(), digest_size=8).digest(), signed=True)
    me = f"pid {os.getpid()} on {socket.gethostname()}"
    with server_connection(library, application=f"fabula {me}"[:63]) as connection:
        with clear_errors(library.name):
            taken = connection.execute("SELECT pg_try_advisory_lock(%s) AS taken", (key,)).fetchone()
            if not (taken and taken["taken"]):
                query = (
                    "SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid) "
                    "WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database() "
                    "AND (classid::bigint << 32) | objid::bigint = %s"
                )
                holder = connection.execute(query, (key,)).fetchone()
                raise _busy(story, str(holder["name"]).removeprefix("fabula ") if holder else "")
        yield  # the lock goes with the connection


def _busy(story: str, holder: str) -> StoryBusy:
    who = f" ({holder})" if holder else ""
    return StoryBusy(f"Story {story} is being written by another process{who}; wait for it or stop it.")
