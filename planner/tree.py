"""Paragraphs as a tree, and the heads of its branches.

Invariant: a paragraph, its facts, its findings and the move of its branch's head are one transaction, and a paragraph's
id is a digest of (story, parent, text). So a run that was killed anywhere can commit again: nothing is doubled.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue
from sqlalchemy import URL, RowMapping, Select, Table, and_, bindparam, select, update
from sqlalchemy.engine import Connection

from planner import tables
from planner.database import Database, now
from planner.rows import M, ParagraphRow, accept, build, from_json, object_from_json, object_to_json, to_json
from planner.state import Fact, Finding, Summary
from prompts.errors import InputError, LibraryError

ALL = 2**30
"""More paragraphs than any path has."""
MAX_BRANCH_NAME = 200

_p, _h, _s = tables.paragraphs.c, tables.heads.c, tables.summaries.c
_COLUMNS = (_p.id, _p.story, _p.parent, _p.index, _p.text, _p.beat, _p.meta)
_one = select(*_COLUMNS).where(_p.id == bindparam("id"))
_place = select(_p.story, _p.index, _p.words).where(_p.id == bindparam("id"))
_head = select(_h.paragraph, _h.done).where(_h.story == bindparam("story"), _h.branch == bindparam("branch"))
_summary = select(_s.body).where(_s.paragraph == bindparam("id"))


def paragraph_id(story: str, parent: str | None, text: str) -> str:
    """The digest that names a paragraph: 16 letters and digits, 80 bits."""
    digest = hashlib.blake2b("\0".join((story, parent or "", text)).encode(), digest_size=10).digest()
    return base64.b32encode(digest).decode().lower()


class Place(NamedTuple):
    """Where a paragraph stands: its number from 0, and the words of the story up to and with it."""

    paragraph: str
    number: int
    words: int


class ParagraphTree(Database):
    """The part of the library that holds the text, what it says of the world, and where each branch stands."""

    def __init__(self, address: URL, file: Path | None, busy_seconds: float) -> None:
        super().__init__(address, file, busy_seconds)
        # Rows never change, so what this process added last to a story need not be read again to add the next.
        self._newest: dict[str, Place] = {}

    def is_new(self, story: str, paragraph: str | None) -> bool:
        """Whether this process itself added ``paragraph`` as its latest to ``story``: nothing else can hang on it yet."""
        newest = self._newest.get(story)
        return newest is not None and newest.paragraph == paragraph

    def commit(
        self,
        story: str,
        branch: str,
        *,
        parent: str | None,
        index: int,
        text: str,
        beat: int,
        meta: Mapping[str, JsonValue],
        facts: Sequence[Fact],
        findings: Sequence[Finding],
        move: bool = True,
    ) -> ParagraphRow:
        """Add a paragraph with its facts and findings and move the branch's head to it (``move``), all or nothing.

        Committing the same text after the same parent again returns the row that is there, with its first facts and
        ``meta``. It still moves the head (a person may have undone it), unless the head is on or past the paragraph.
        """
        values = {"story": story, "parent": parent, "index": index, "text": text, "beat": beat, "meta": dict(meta)}
        paragraph = accept(ParagraphRow, id=_digest(story, parent, text), **values)
        row = values | {"id": paragraph.id, "meta": object_to_json(paragraph.meta), "created": now()}
        with self.writing() as connection:
            row["words"] = words = self._words_before(connection, paragraph) + len(text.split())
            added = connection.execute(self.insert_once(tables.paragraphs), row).rowcount == 1
            if added:
                _add_parts(connection, tables.facts, paragraph.id, facts)
                _add_parts(connection, tables.findings, paragraph.id, findings)
            elif (kept := _read(connection, paragraph.id)) is not None:
                paragraph = kept
            if move and (added or not _is_on_or_past(connection, story, branch, paragraph)):
                self._move(connection, story, branch, paragraph.id)
        if added:  # and the transaction is through
            self._newest[story] = Place(paragraph.id, index, words)
        else:
            self._newest.pop(story, None)
        return paragraph

    def paragraph(self, paragraph: str) -> ParagraphRow:
        """A paragraph by id. Raises ``LibraryError`` if there is none."""
        with self.reading() as connection:
            row = _read(connection, paragraph)
        if row is None:
            raise LibraryError(f"The story library {self.name} has no paragraph {paragraph!r}.")
        return row

    def children(self, paragraph: str) -> list[ParagraphRow]:
        """The paragraphs that were written after this one, one for each way on, the oldest first."""
        query = select(*_COLUMNS).where(_p.story == self.paragraph(paragraph).story, _p.parent == paragraph)
        with self.reading() as connection:
            return [_paragraph(row) for row in connection.execute(query.order_by(_p.number)).mappings()]

    def roots(self, story: str) -> list[ParagraphRow]:
        """The first paragraphs of a story, one for each beginning that was written, the oldest first."""
        query = select(*_COLUMNS).where(_p.story == story, _p.parent.is_(None))
        with self.reading() as connection:
            return [_paragraph(row) for row in connection.execute(query.order_by(_p.number)).mappings()]

    def path(self, head: str | None, last: int | None = None) -> list[ParagraphRow]:
        """The story up to and with ``head``, the oldest paragraph first; only the ``last`` newest ones if given."""
        if head is None or last == 0:
            return []
        with self.reading() as connection:
            rows = connection.execute(_path(), {"head": head, "last": last or ALL}).mappings().all()
        found = [_paragraph(row) for row in rows]
        if not found:
            raise LibraryError(f"The story library {self.name} has no paragraph {head!r}.")
        if len(found) != min(found[-1].index + 1, last or ALL):
            raise LibraryError(f"Row {found[0].id} of table paragraphs has lost its parent; restore it from a backup.")
        return found

    def words(self, head: str) -> int:
        """Words of the story up to and with paragraph ``head``, without reading it; 0 for a paragraph that isn't there."""
        with self.reading() as connection:
            place = connection.execute(_place, {"id": head}).one_or_none()
        return int(place.words) if place else 0

    def facts(self, head: str | None) -> list[Fact]:
        """What the paragraphs up to and with ``head`` established, in the order of the story."""
        with self.reading() as connection:
            rows = connection.execute(_path_facts(), {"head": head, "last": ALL}).all()
        return [from_json(Fact, row.body, "facts", f"{row.paragraph}/{row.position}") for row in rows]

    def facts_of(self, paragraph: str) -> list[Fact]:
        return self._parts(Fact, tables.facts, paragraph)

    def findings_of(self, paragraph: str) -> list[Finding]:
        return self._parts(Finding, tables.findings, paragraph)

    def add_summary(self, paragraph: str, summary: Summary) -> Summary:
        """Keep the running summary after a paragraph, and return the one that is kept: the first one."""
        row = {"paragraph": paragraph, "body": to_json(summary)}
        with self.writing() as connection:
            added = connection.execute(self.insert_once(tables.summaries), row).rowcount == 1
        return summary if added else self.summary(paragraph) or summary

    def summary(self, paragraph: str) -> Summary | None:
        """The running summary after a paragraph, or None while it has none."""
        with self.reading() as connection:
            body = connection.execute(_summary, {"id": paragraph}).scalar_one_or_none()
        return None if body is None else from_json(Summary, body, "summaries", paragraph)

    def head(self, story: str, branch: str = "main") -> str | None:
        """Id of the last paragraph of a branch; None before the first one, and for a branch that isn't there."""
        with self.reading() as connection:
            row = connection.execute(_head, {"story": story, "branch": branch}).one_or_none()
        return None if row is None else str(row.paragraph) if row.paragraph else None

    def set_head(self, story: str, branch: str, paragraph: str | None) -> None:
        """Make a branch end at a paragraph of its story (None: before the first one), making the branch if need be."""
        with self.writing() as connection:
            if paragraph is not None:
                place = connection.execute(_place, {"id": paragraph}).one_or_none()
                if place is None or place.story != story:
                    raise LibraryError(f"Story {story} has no paragraph {paragraph!r}.")
            self._move(connection, story, branch, paragraph)

    def branches(self, story: str) -> dict[str, str | None]:
        """The head of each branch, by the branch's name; ``main`` is there from the beginning."""
        query = select(_h.branch, _h.paragraph).where(_h.story == story).order_by(_h.branch)
        with self.reading() as connection:
            return {row.branch: row.paragraph for row in connection.execute(query)}

    def latest_branch(self, story: str) -> str:
        """The branch that was written in last, which is where a person left the story."""
        query = select(_h.branch).where(_h.story == story).order_by(_h.updated.desc(), _h.branch).limit(1)
        with self.reading() as connection:
            return str(connection.execute(query).scalar_one())

    def mark_done(self, story: str, branch: str, done: bool = True) -> None:
        """Say that a branch's story has come to its end, or that it goes on. Moving the head makes it go on."""
        with self.writing() as connection:
            where = and_(_h.story == story, _h.branch == branch)
            changed = connection.execute(update(tables.heads).where(where).values(done=done, updated=now())).rowcount
            if not changed:
                raise LibraryError(f"Story {story} has no branch {branch!r}.")

    def is_done(self, story: str, branch: str = "main") -> bool:
        """Whether a branch's story has come to its end."""
        with self.reading() as connection:
            row = connection.execute(_head, {"story": story, "branch": branch}).one_or_none()
        return row is not None and bool(row.done)

    def _move(self, connection: Connection, story: str, branch: str, paragraph: str | None) -> None:
        if not branch.strip() or len(branch) > MAX_BRANCH_NAME or not branch.isprintable():
            raise InputError(f"A branch needs a printable name of 1 to {MAX_BRANCH_NAME} characters.")
        row = {"story": story, "branch": branch, "paragraph": paragraph, "done": False, "updated": now()}
        connection.execute(self.upsert(tables.heads, unless_same="paragraph"), row)

    def _words_before(self, connection: Connection, paragraph: ParagraphRow) -> int:
        """Words of the story before a paragraph. Raises ``LibraryError`` unless the paragraph fits after its parent."""
        if paragraph.parent is None:
            place, words = -1, 0
        elif self.is_new(paragraph.story, paragraph.parent):
            _, place, words = self._newest[paragraph.story]
        else:
            parent = connection.execute(_place, {"id": paragraph.parent}).mappings().one_or_none()
            if parent is None or parent["story"] != paragraph.story:
                raise LibraryError(f"Story {paragraph.story} has no paragraph {paragraph.parent!r} to go on from.")
            place, words = parent["index"], parent["words"]
        if paragraph.index != place + 1:
            raise LibraryError(f"A paragraph with index {paragraph.index} cannot follow the one with index {place}.")
        return int(words)

    def _parts(self, kind: type[M], table: Table, paragraph: str) -> list[M]:
        query = select(table.c.position, table.c.body).where(table.c.paragraph == paragraph).order_by(table.c.position)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [from_json(kind, row.body, table.name, f"{paragraph}/{row.position}") for row in rows]


def _digest(story: str, parent: str | None, text: str) -> str:
    try:
        return paragraph_id(story, parent, text)
    except UnicodeEncodeError as error:
        raise LibraryError("This paragraph cannot be saved: its text holds half of a surrogate pair.") from error


def _paragraph(row: RowMapping) -> ParagraphRow:
    meta = object_from_json(row["meta"], "paragraphs", row["id"])
    return build(ParagraphRow, "paragraphs", row["id"], **dict(row) | {"meta": meta})


def _read(connection: Connection, paragraph: str) -> ParagraphRow | None:
    row = connection.execute(_one, {"id": paragraph}).mappings().one_or_none()
    return None if row is None else _paragraph(row)


def _add_parts(connection: Connection, table: Table, paragraph: str, parts: Sequence[Fact] | Sequence[Finding]) -> None:
    if parts:
        rows = [{"paragraph": paragraph, "position": i, "body": to_json(part)} for i, part in enumerate(parts)]
        connection.execute(table.insert(), rows)


def _is_on_or_past(connection: Connection, story: str, branch: str, paragraph: ParagraphRow) -> bool:
    """Whether a branch already leads through a paragraph."""
    here = connection.execute(_head, {"story": story, "branch": branch}).one_or_none()
    if here is None or here.paragraph is None:
        return False
    ahead = connection.execute(_place, {"id": here.paragraph}).mappings().one()["index"] - paragraph.index
    if ahead < 0:
        return False
    rows = connection.execute(_path(), {"head": here.paragraph, "last": ahead + 1}).all()
    return bool(rows and rows[0].id == paragraph.id)


@cache
def _path() -> Select[Any]:
    chain = _chain()
    return select(*_COLUMNS).join(chain, chain.c.number == _p.number).order_by(_p.index)


@cache
def _path_facts() -> Select[Any]:
    chain, table = _chain(), tables.facts
    query = select(table.c.paragraph, table.c.position, table.c.body).join(chain, chain.c.id == table.c.paragraph)
    return query.order_by(chain.c.index, table.c.position)


def _chain() -> Any:
    """The paragraphs from ``:head`` back, ``:last`` at most, as a recursive table.

    The index falls by one at each step, so that even a forged circle of parents comes to an end.
    """
    stop = (_p.index - bindparam("last")).label("stop")
    columns = (_p.number, _p.id, _p.parent, _p.index)
    chain = select(*columns, stop).where(_p.id == bindparam("head")).cte("chain", recursive=True)
    step = and_(_p.id == chain.c.parent, _p.index == chain.c.index - 1, _p.index > chain.c.stop)
    return chain.union_all(select(*columns, chain.c.stop).join(chain, step))
