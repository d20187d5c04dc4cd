"""The story library: every story, its premise, outlines, paragraphs, facts and journal, in one database.

Invariant: nothing is overwritten. What a person or a model made stays; only the heads of branches move. Everything that
is handed out was validated, and every failure is a ``LibraryError`` with one clear sentence.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from sqlalchemy import RowMapping, Table, bindparam, func, select

from planner import tables
from planner.database import now
from planner.outputs import OutputJournal
from planner.role_log import RoleLog
from planner.rows import (
    CallKey,
    M,
    Output,
    ParagraphRow,
    StoryInfo,
    StoryRow,
    accept,
    build,
    from_json,
    object_from_json,
    object_to_json,
    to_json,
)
from planner.shelf import DELETED, Shelf, Standing
from planner.state import Fact, Outline, Premise
from planner.steps import StepLog
from prompts.errors import LibraryError, StoryMissing

__all__ = ["CallKey", "Library", "Output", "ParagraphRow", "StoryInfo", "StoryRow"]

MAIN = "main"
MAX_NAMED = 5
"""Stories that a message about an ambiguous id names."""

_stories, _h, _p, _pins, _taken = (
    table.c for table in (tables.stories, tables.heads, tables.paragraphs, tables.pins, tables.unpinned)
)
_newest = select(_taken.back).where(_taken.pin == _pins.number).order_by(_taken.number.desc()).limit(1)
_back = _newest.correlate(tables.pins).scalar_subquery().label("back")


def new_id() -> str:
    """A random id: 8 letters and digits, 40 bits."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


class Library(OutputJournal, StepLog, Shelf, RoleLog):
    """An open story library; see ``Database.open`` for where it lies. Threads may share it."""

    def create_story(self, *, logline: str, seed: int, options: Mapping[str, JsonValue]) -> StoryRow:
        """Begin a story, with an empty branch ``main``."""
        story = accept(StoryRow, id=new_id(), created=now(), logline=logline, seed=seed, options=dict(options))
        with self.writing() as connection:
            row = story.model_dump() | {"options": object_to_json(story.options)}
            connection.execute(tables.stories.insert(), row)
            self._move(connection, story.id, MAIN, None)
        return story

    def story(self, prefix: str, *, deleted: bool = False) -> StoryRow:
        """A story by its id or its first letters; a ``deleted`` one only if asked for.

        Raises ``StoryMissing`` if there is none, or more than one.
        """
        exact = self._named(prefix, deleted)
        if len(exact) == 1:
            return _story(exact[0])
        if exact:
            named = ", ".join(row["id"] for row in exact[:MAX_NAMED]) + (" and more" if len(exact) > MAX_NAMED else "")
            raise StoryMissing(f"Several stories begin with {prefix!r}: {named}; give more letters of the id.")
        if gone := [] if deleted else self._named(prefix, deleted=True):
            story = gone[0]["id"]
            raise StoryMissing(f"The story {story} was deleted; bring it back with: fabula restore {story}")
        raise StoryMissing(f"There is no story {prefix!r} in {self.name}; the list of stories shows their ids.")

    def _named(self, prefix: str, deleted: bool) -> list[RowMapping]:
        """The rows of the stories that ``prefix`` may mean: the one of that id, or those that begin so."""
        wanted = prefix.strip().lower()
        query = select(tables.stories).where(_stories.id.startswith(wanted, autoescape=True)).order_by(_stories.number)
        if not deleted:
            query = query.where(_stories.id.not_in(DELETED))
        with self.reading() as connection:
            rows = connection.execute(query.limit(MAX_NAMED + 1)).mappings().all() if wanted else []
        return [row for row in rows if row["id"] == wanted] or list(rows)

    def stories(self, *, hidden: bool = False) -> list[StoryInfo]:
        """The stories, the newest first; those that were archived or deleted only if the ``hidden`` ones are wanted."""
        revision, branch = tables.premises.alias().c, tables.heads.alias().c
        latest = select(func.max(revision.number)).where(revision.story == _stories.id)
        updated = select(func.max(branch.updated)).where(branch.story == _stories.id)
        query = (
            select(
                _stories.id,
                _stories.created,
                updated.scalar_subquery().label("updated"),
                tables.premises.c.id.label("premise"),
                tables.premises.c.body,
                _p.index,
                _p.words,
                _h.done,
            )
            .select_from(tables.stories)
            .outerjoin(tables.premises, tables.premises.c.number == latest.scalar_subquery())
            .outerjoin(tables.heads, (_h.story == _stories.id) & (_h.branch == MAIN))
            .outerjoin(tables.paragraphs, _p.id == _h.paragraph)
            .order_by(_stories.number.desc())
        )
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        standings = self.standings()
        found = (_info(row, standings.get(row["id"], Standing())) for row in rows)
        return [info for info in found if hidden or info.status == "open"]

    def add_premise(self, story: str, premise: Premise) -> str:
        """Keep a premise and return its id; adding the latest one again returns the id that it has."""
        return self._add_revision(tables.premises, story, to_json(premise), {})

    def premise(self, premise: str) -> Premise:
        return self._revision(Premise, tables.premises, premise)

    def latest_premise(self, story: str) -> str | None:
        """Id of the newest premise of a story."""
        return self._latest(tables.premises, story)

    def add_outline(self, story: str, outline: Outline, parent: str | None = None) -> str:
        """Keep a revision of the outline, made from ``parent``; adding the latest again returns the id that it has."""
        return self._add_revision(tables.outlines, story, to_json(outline), {"parent": parent})

    def outline(self, outline: str) -> Outline:
        return self._revision(Outline, tables.outlines, outline)

    def latest_outline(self, story: str) -> str | None:
        """Id of the newest outline of a story."""
        return self._latest(tables.outlines, story)

    def current_plan(self, story: str, branch: str = MAIN) -> tuple[str | None, str | None]:
        """Ids of the premise and the outline that a branch goes by: those of a person's last step, else the newest."""
        if steps := self.steps(story, branch, last=1):
            return steps[0].after.premise, steps[0].after.outline
        return self.latest_premise(story), self.latest_outline(story)

    def pin(self, story: str, fact: Fact) -> None:
        """Keep a fact that a person insists on; pinning it twice keeps it once."""
        self._pin(story, fact, back=False)

    def unpin(self, story: str, fact: Fact) -> bool:
        """Take a pinned fact back; False if it was not pinned."""
        return self._pin(story, fact, back=True)

    def _pin(self, story: str, fact: Fact, back: bool) -> bool:
        """Pin a fact, or take that ``back``; returns whether anything changed."""
        body = to_json(fact.model_copy(update={"pinned": True}))
        mine = select(_pins.number, _back).where(_pins.story == story, _pins.body == body)
        with self.writing() as connection:
            row = connection.execute(mine).one_or_none()
            if row is None and not back:
                connection.execute(tables.pins.insert(), {"story": story, "body": body})
            elif row is not None and bool(row.back) != back:
                connection.execute(tables.unpinned.insert(), {"pin": row.number, "back": back})
            else:
                return False
        return True

    def pinned(self, story: str) -> list[Fact]:
        """The facts that a person pinned and did not take back, in the order in which they were first pinned."""
        query = select(_pins.number, _pins.body, _back).where(_pins.story == story).order_by(_pins.number)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [from_json(Fact, row.body, "pins", row.number) for row in rows if not row.back]

    def _add_revision(self, table: Table, story: str, body: str, more: dict[str, Any]) -> str:
        newest = select(table.c.id, table.c.body).where(table.c.story == story).order_by(table.c.number.desc()).limit(1)
        with self.writing() as connection:
            latest = connection.execute(newest).one_or_none()
            if latest is not None and latest.body == body:
                return str(latest.id)  # a run that was killed after this very step does it again
            row = {"id": new_id(), "story": story, "created": now(), "body": body, **more}
            connection.execute(table.insert(), row)
            return str(row["id"])

    def _revision(self, kind: type[M], table: Table, revision: str) -> M:
        with self.reading() as connection:
            query = select(table.c.body).where(table.c.id == bindparam("id"))
            body = connection.execute(query, {"id": revision}).scalar_one_or_none()
        if body is None:
            raise LibraryError(f"The story library {self.name} has no {kind.__name__.lower()} {revision!r}.")
        return from_json(kind, body, table.name, revision)

    def _latest(self, table: Table, story: str) -> str | None:
        query = select(table.c.id).where(table.c.story == story).order_by(table.c.number.desc()).limit(1)
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()


def _story(row: RowMapping) -> StoryRow:
    options = object_from_json(row["options"], "stories", row["id"])
    values = {name: row[name] for name in ("id", "created", "logline", "seed")}
    return build(StoryRow, "stories", row["id"], **values, options=options)


def _info(row: RowMapping, standing: Standing) -> StoryInfo:
    premise = None if row["body"] is None else from_json(Premise, row["body"], "premises", row["premise"])
    return build(
        StoryInfo,
        "stories",
        row["id"],
        id=row["id"],
        title=standing.title or (premise.title if premise else ""),
        genre=premise.genre if premise else "",
        created=row["created"],
        updated=row["updated"] or row["created"],
        paragraphs=0 if row["index"] is None else row["index"] + 1,
        words=row["words"] or 0,
        done=bool(row["done"]),
        status=standing.status,
    )
