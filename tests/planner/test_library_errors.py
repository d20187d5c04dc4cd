"""Every way in which a library can be unusable is one clear sentence, and costs nothing that was written before."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from story_samples import FACT, OUTPUT, PREMISE, SUMMARY, call, new_story, write

from planner import tables
from planner.checkpoints import open_saver
from planner.lease import lease
from planner.store import Library
from prompts.errors import FabulaError, LibraryError, LibraryFull, LibraryReadOnly, LibraryTooNew

ROOT = Path(__file__).parents[2]
NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """File permissions mean nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_folder_that_takes_no_files_is_read_only(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    for path in (open_folder / "library.db", open_folder / "deeper" / "library.db"):
        with without_privileges(), pytest.raises(LibraryReadOnly, match="folder"):
            Library.open(path)


def test_a_read_only_file_is_a_clear_error_when_it_is_written(open_folder: Path) -> None:
    path = open_folder / "library.db"
    with Library.open(path) as library:
        story = new_story(library)
    path.chmod(0o444)
    with without_privileges(), Library.open(path) as library:
        assert library.story(story).id == story
        for attempt in (
            lambda: new_story(library),
            lambda: write(library, story, "One."),
            lambda: library.record(call(story), OUTPUT),
            lambda: library.add_premise(story, PREMISE),
        ):
            with pytest.raises(LibraryReadOnly, match="read-only; make it and its folder writable"):
                attempt()
        with pytest.raises(LibraryReadOnly), open_saver(library) as saver:
            saver.put({"configurable": {"thread_id": "x", "checkpoint_ns": ""}}, _checkpoint(), {}, {})


def test_a_read_only_file_in_a_read_only_folder_is_a_clear_error(open_folder: Path) -> None:
    path = open_folder / "library.db"
    Library.open(path).close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    with without_privileges(), pytest.raises(LibraryReadOnly, match="make"):
        Library.open(path)


def test_a_folder_without_locks_is_a_clear_error(open_folder: Path) -> None:
    with Library.open(open_folder / "library.db") as library:
        story = new_story(library)
        open_folder.chmod(0o555)
        with without_privileges(), pytest.raises(LibraryReadOnly), lease(library, story):
            pass


@pytest.mark.parametrize("place", ["file/library.db", "file/deeper/library.db", "folder"])
def test_a_path_that_cannot_be_a_library_is_a_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LibraryError, match=re.escape(str(tmp_path / place))):
        Library.open(tmp_path / place)


@pytest.mark.parametrize("content", [b"Once upon a time. " * 100, os.urandom(8192), b"SQLite format 3\0" + b"x" * 4096])
def test_a_file_that_is_no_database_says_so_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=r"is not a story library|is damaged"):
        Library.open(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(LibraryError, match="holds other tables"):
        Library.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_full_disk_loses_only_what_did_not_fit(file_library: Library) -> None:
    library, story = file_library, new_story(file_library)
    (first,) = write(library, story, "One.", facts=(FACT,))
    with library.writing() as connection:  # the limit is one of a connection
        connection.execute(text("PRAGMA max_page_count = 1"))  # SQLite: no fewer than there are
    with pytest.raises(LibraryFull, match="is full; free some space"):
        write(library, story, "Two. " * 10_000, facts=(FACT,))
    with pytest.raises(LibraryFull):
        library.record(call(story), OUTPUT.model_copy(update={"prompt": os.urandom(20_000).hex()}))
    assert library.head(story) == first.id
    assert library.facts(first.id) == [FACT]
    assert library.children(first.id) == []
    with library.writing() as connection:  # the limit is one of a connection
        connection.execute(text("PRAGMA max_page_count = 1000000"))
    assert write(library, story, "Two. " * 10_000)[0].index == 1


FILL = """
import resource, sys
from planner.store import Library
from prompts.errors import LibraryFull
with Library.open(sys.argv[1]) as library:
    story = library.create_story(logline="A baker.", seed=0, options={}).id
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    head = None
    try:
        for index in range(1000):
            head = library.commit(story, "main", parent=head, index=index, text=f"{index} " * 2000, beat=0, meta={},
                                  facts=[], findings=[]).id
    except LibraryFull as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(story, library.head(story), head, error, sep="|")
"""


def test_a_disk_that_fills_up_while_writing_keeps_every_committed_paragraph(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    story, head, last, sentence = done.stdout.strip().split("|")
    assert head == last
    assert "full" in sentence
    with Library.open(path) as library:
        written = library.path(head)
        assert library.head(story) == head
        assert [row.text for row in written] == [f"{index} " * 2000 for index in range(len(written))]


def test_a_library_of_a_newer_fabula_is_not_touched(file_library: Library) -> None:
    assert file_library.file is not None
    _sql(file_library, "UPDATE meta SET value = '99'")
    with pytest.raises(LibraryTooNew, match=r"newer Fabula \(schema 99, this one knows \d+\); upgrade"):
        Library.open(file_library.file)


@pytest.mark.parametrize("statement", ["UPDATE meta SET value = 'x'", "DELETE FROM meta"])
def test_a_library_without_a_version_is_none(file_library: Library, statement: str) -> None:
    assert file_library.file is not None
    _sql(file_library, statement)
    with pytest.raises(LibraryError, match="schema_version of table meta"):
        Library.open(file_library.file)


def test_an_older_library_is_brought_up_to_date_in_order(
    file_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file_library.file is not None
    story = new_story(file_library)
    known = tables.SCHEMA_VERSION
    monkeypatch.setattr(tables, "SCHEMA_VERSION", known + 2)
    monkeypatch.setitem(
        tables.MIGRATIONS, known, lambda connection: connection.execute(text("CREATE TABLE a (x INTEGER)"))
    )
    monkeypatch.setitem(
        tables.MIGRATIONS, known + 1, lambda connection: connection.execute(text("INSERT INTO a VALUES (7)"))
    )
    for _ in range(2):  # the second time there is nothing to do
        with Library.open(file_library.file) as library, library.reading() as connection:
            assert connection.execute(text("SELECT x FROM a")).scalars().all() == [7]
            assert connection.execute(text("SELECT value FROM meta")).scalar() == str(known + 2)
            assert library.story(story).id == story


def test_a_migration_that_fails_changes_nothing(file_library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_library.file is not None
    known = tables.SCHEMA_VERSION
    monkeypatch.setattr(tables, "SCHEMA_VERSION", known + 2)
    monkeypatch.setitem(
        tables.MIGRATIONS, known, lambda connection: connection.execute(text("CREATE TABLE a (x INTEGER)"))
    )
    monkeypatch.setitem(tables.MIGRATIONS, known + 1, lambda connection: connection.execute(text("NONSENSE")))
    with pytest.raises(LibraryError):
        Library.open(file_library.file)
    with file_library.reading() as connection:
        assert connection.execute(text("SELECT value FROM meta")).scalar() == str(known)
        assert not connection.execute(text("SELECT name FROM sqlite_master WHERE name = 'a'")).all()


def test_a_library_of_the_first_schema_gets_the_tables_of_the_second(file_library: Library) -> None:
    assert file_library.file is not None
    story = new_story(file_library)
    for statement in ("DROP TABLE steps", "DROP TABLE unpinned", "UPDATE meta SET value = '1'"):
        _sql(file_library, statement)
    with Library.open(file_library.file) as library:
        assert library.steps(story, "main") == []
        library.pin(story, FACT)
        assert library.unpin(story, FACT)


def test_a_library_that_stays_locked_says_so(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Library.open(path, busy_seconds=0.05) as library, closing(sqlite3.connect(path)) as other:
        story = new_story(library)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="locked by another process for too long"):
            write(library, story, "One.")
        other.rollback()
        write(library, story, "One.")


ROWS = {
    "stories": ("options", lambda library, story, _: library.story(story)),
    "premises": ("body", lambda library, story, _: library.premise(library.latest_premise(story) or "")),
    "paragraphs": ("meta", lambda library, _, row: library.paragraph(row)),
    "facts": ("body", lambda library, _, row: library.facts(row)),
    "summaries": ("body", lambda library, _, row: library.summary(row)),
    "pins": ("body", lambda library, story, _: library.pinned(story)),
    "outputs": ("body", lambda library, story, _: library.recall(call(story))),
}


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize("damage", ['{"no": "such field"}', "[]", "not json", b"\x80\x04.", ""], ids=repr)
def test_a_row_that_does_not_validate_names_its_table(file_library: Library, table: str, damage: str | bytes) -> None:
    library, story = file_library, new_story(file_library)
    library.add_premise(story, PREMISE)
    (row,) = write(library, story, "One.", facts=(FACT,))
    library.add_summary(row.id, SUMMARY)
    library.pin(story, FACT)
    library.record(call(story), OUTPUT)
    column, read = ROWS[table]
    if damage == '{"no": "such field"}' and column in {"options", "meta"}:
        damage = "3"
    _sql(library, f"UPDATE {table} SET {column} = ?", damage)
    with pytest.raises(LibraryError, match=rf"^Row \S+ of table {table} is "):
        read(library, story, row.id)


def test_a_forged_circle_of_parents_comes_to_an_end(file_library: Library) -> None:
    library, story = file_library, new_story(file_library)
    first, second = write(library, story, "One.", "Two.")
    _sql(library, "UPDATE paragraphs SET parent = ? WHERE id = ?", second.id, first.id)
    assert len(library.path(second.id)) == 2


def test_a_lost_parent_is_noticed(file_library: Library) -> None:
    library, story = file_library, new_story(file_library)
    rows = write(library, story, "One.", "Two.", "Three.")
    _sql(library, "UPDATE paragraphs SET parent = NULL WHERE id = ?", rows[1].id)
    with pytest.raises(LibraryError, match="has lost its parent"):
        library.path(rows[2].id)
    assert library.path(rows[2].id, last=1) == rows[2:]


def test_an_output_that_would_fill_the_memory_is_not_unpacked(
    file_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.rows.MAX_OUTPUT_BYTES", 1000)
    library, story = file_library, new_story(file_library)
    library.record(call(story), OUTPUT)
    with pytest.raises(LibraryError, match="is damaged"):
        library.recall(call(story))


@pytest.mark.parametrize("url", ["mysql://x/y", "https://example.org", "sqlite:///x.db", "postgresql://["])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(LibraryError, match="postgresql://"):
        Library.open(url)


def test_every_library_error_is_one_that_the_command_line_prints() -> None:
    assert issubclass(LibraryError, FabulaError)
    for kind in (LibraryReadOnly, LibraryFull, LibraryTooNew):
        assert issubclass(kind, LibraryError)


def _sql(library: Library, statement: str, *values: object) -> None:
    """Change the file behind the library's back."""
    with closing(sqlite3.connect(str(library.file))) as connection, connection:
        assert connection.execute(statement, values).rowcount


def _checkpoint() -> dict[str, object]:
    return {"v": 1, "id": "1", "ts": "", "channel_values": {}, "channel_versions": {}, "versions_seen": {}}
