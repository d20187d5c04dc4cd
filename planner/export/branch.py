"""The open branch of a story as a file: what /export and the room's X do, and the book that ``fabula export`` makes.

Invariant: what is there already is replaced only when a person said so, and exporting changes nothing of the story.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from planner.export import files
from planner.export.book import Book, Wanted, make_book
from planner.export.formats import Format
from planner.export.formats import export as exported
from planner.session import Session, read_story
from planner.state import Summary
from planner.store import Library, StoryRow


def book_of(library: Library, story: StoryRow, branch: str, summary: Summary | None, wanted: Wanted) -> Book:
    """A branch laid out. Raises ``InputError`` where it has no paragraph."""
    known = next((info.updated for info in library.stories(hidden=True) if info.id == story.id), story.created)
    return make_book(
        read_story(library, story, branch), modified=known, summary=summary,
        facts=(*library.facts(library.head(story.id, branch)), *library.pinned(story.id)), wanted=wanted,
    )  # fmt: skip


def meant(path: str) -> Path:
    """The file that a person typed, ~ taken for their home where it has one."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - the other way fails where nobody has that name


def is_there(path: Path) -> bool:
    """Whether a file would be replaced. Raises ``InputError`` where that cannot be found out."""
    with files.told(path):
        return path.is_file()


def suggested(session: Session, to: Format) -> Path:
    """A file named after the story's title, where Fabula was started."""
    read = read_story(session.library, session.story, session.context.branch)
    return _named(read.title, session, to)


def export_branch(
    session: Session, to: Format, path: Path | None = None, *, replace: bool = False
) -> tuple[Path, Sequence[str]]:
    """Write the branch as it stands to ``path``, else to a file named after its title; where it is now, and notes.

    Raises ``InputError`` for a file that is there already (but for ``replace``) or cannot be written, for a story
    without paragraphs, and for a format whose library is not installed: it says what to install.
    """
    library, story = session.library, session.story
    summary = session.snapshot().summary if session.state.get("outline") else None
    book = book_of(library, story, session.context.branch, summary, Wanted())
    path = path or _named(book.title, session, to)
    files.check_target(path, replace, flag="")
    data, notes = exported(book, to)
    files.write(path, data, replace, flag="")
    return path, notes


def _named(title: str, session: Session, to: Format) -> Path:
    return Path(f"{files.slug(title, session.story.id)}.{to}")
