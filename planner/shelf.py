"""Where a story stands on the shelf: open, archived or deleted, and the title that a person gave it there.

Invariant: rows are only ever added, and the newest one of a story counts. So nothing that is deleted is gone, and every
change of the shelf can be taken back.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import func, select

from planner import tables
from planner.database import Database, now
from planner.rows import Row, Text, accept, build
from planner.state import MAX_LINE
from prompts.errors import InputError

Status = Literal["open", "archived", "deleted"]
_t = tables.shelf.c
_newest = select(func.max(_t.number)).group_by(_t.story)
DELETED = select(_t.story).where(_t.number.in_(_newest), _t.status == "deleted")
"""The ids of the stories that are to be found no more."""


class Standing(Row):
    """How a story stands. ``title`` is empty where the story has the title that its premise gives it."""

    status: Status = "open"
    title: Text = ""


class Shelf(Database):
    """The part of the library that knows which stories a person wants to see, and under which title."""

    def standings(self) -> dict[str, Standing]:
        """How each story stands that was ever renamed, archived or deleted, by its id."""
        query = select(_t.story, _t.status, _t.title).where(_t.number.in_(_newest))
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return {row.story: build(Standing, "shelf", row.story, status=row.status, title=row.title) for row in rows}

    def standing(self, story: str) -> Standing:
        """How one story stands."""
        found = self._standings(story, 1)
        return found[0] if found else Standing()

    def rename(self, story: str, title: str) -> None:
        """Show a story under another title; an empty one gives it back the title of its premise. ``InputError``: too long."""
        title = " ".join(title.split())
        if len(title) > MAX_LINE:
            raise InputError(f"A title may have {MAX_LINE} characters; this one has {len(title):,}.")
        self._put(story, self.standing(story).model_copy(update={"title": title}))

    def archive(self, story: str) -> None:
        """Leave a story out of the list; it can be read and written as before."""
        self._put(story, self.standing(story).model_copy(update={"status": "archived"}))

    def delete(self, story: str) -> None:
        """Let a story be found no more until it is restored; nothing of it is removed."""
        self._put(story, self.standing(story).model_copy(update={"status": "deleted"}))

    def restore(self, story: str) -> None:
        """Bring back a story that was archived or deleted."""
        self._put(story, self.standing(story).model_copy(update={"status": "open"}))

    def take_back(self, story: str) -> bool:
        """Undo the last change of a story's standing; doing it twice undoes the undoing. False when there was none."""
        found = self._standings(story, 2)
        if not found:
            return False
        self._put(story, found[1] if len(found) > 1 else Standing())
        return True

    def _standings(self, story: str, last: int) -> list[Standing]:
        query = select(_t.status, _t.title).where(_t.story == story).order_by(_t.number.desc()).limit(last)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [build(Standing, "shelf", story, status=row.status, title=row.title) for row in rows]

    def _put(self, story: str, standing: Standing) -> None:
        row = accept(Standing, **standing.model_dump()).model_dump() | {"story": story, "created": now()}
        if self.standing(story) != standing:
            with self.writing() as connection:
                connection.execute(tables.shelf.insert(), row)
