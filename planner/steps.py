"""What a person did to a story between two paragraphs: each step with how the story stood before it and after it.

Invariant: steps are only ever added, undoing is a step too, and a step and the move of its branch's head are one
transaction. So any number of steps can be taken back, and a process that was killed between a step and the checkpoint
that follows it can catch up.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select, update

from planner import tables
from planner.database import now
from planner.rows import Row, Text, accept, build, from_json, to_json
from planner.state import Model, Summary
from planner.tree import ParagraphTree

Way = Literal["do", "undo", "redo"]
_t = tables.steps.c


class Snapshot(Model):
    """How a branch stands between two paragraphs; everything else of the state follows from it. ``head`` is a paragraph's id."""

    premise: str
    outline: str
    head: str | None = None
    summary: Summary = Summary()
    note: str = ""


class Step(Row):
    """One step. ``what`` names the action for people: "edit", "pin", "outline"."""

    number: int
    way: Way
    what: Text
    before: Snapshot
    after: Snapshot


class StepLog(ParagraphTree):
    """The part of the library that remembers a person's steps."""

    def add_step(
        self, story: str, branch: str, way: Way, what: str, before: Snapshot, after: Snapshot, done: bool
    ) -> int:
        """Note a step, and move the branch's head to where it leads; ``done``: the story is at its end there."""
        accept(Step, number=0, way=way, what=what, before=before, after=after)
        row = {
            "story": story, "branch": branch, "way": way, "what": what, "created": now(),
            "before": to_json(before), "after": to_json(after),
        }  # fmt: skip
        with self.writing() as connection:
            number = connection.execute(tables.steps.insert().returning(_t.number), row).scalar_one()
            self._move(connection, story, branch, after.head)
            heads = tables.heads
            where = (heads.c.story == story) & (heads.c.branch == branch) & (heads.c.done != done)
            connection.execute(update(heads).where(where).values(done=done, updated=now()))
        return int(number)

    def steps(self, story: str, branch: str, since: int = 0, last: int | None = None) -> list[Step]:
        """The steps of a branch after number ``since``, the newest first; the ``last`` ones only, if given."""
        query = select(tables.steps).where(_t.story == story, _t.branch == branch, _t.number > since)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(_t.number.desc()).limit(last)).mappings().all()
        return [
            build(
                Step, "steps", row["number"], number=row["number"], way=row["way"], what=row["what"],
                before=from_json(Snapshot, row["before"], "steps", row["number"]),
                after=from_json(Snapshot, row["after"], "steps", row["number"]),
            )
            for row in rows
        ]  # fmt: skip


def newest_standing(steps: list[Step]) -> Step | None:
    """The newest step that was not taken back. ``steps`` are those of the branch, the newest first."""
    made: list[Step] = []
    for step in reversed(steps):
        if step.before == step.after:  # the beginning of a branch
            continue
        if step.way != "undo":
            made.append(step)
        elif made and made[-1].after == step.before:  # else it took back a paragraph, which is no step
            made.pop()
    return made[-1] if made else None


def step_to_redo(steps: list[Step], here: Snapshot) -> Step | None:
    """The undoing that led ``here`` and was not made good yet; None after anything else was done."""
    undone: list[Step] = []
    for step in reversed(steps):
        if step.way == "undo":
            undone.append(step)
        elif step.way == "redo":
            undone = undone[:-1]
        else:
            undone = []
    return undone[-1] if undone and undone[-1].after == here else None
