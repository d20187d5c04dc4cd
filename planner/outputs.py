"""The journal's table: what each call of a model was asked and answered.

Invariant: an output is on the disk before ``record`` returns, and the first output of a call stays its output for good.
So a killed run goes on without paying for a call twice, and a replay needs no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, func, select

from planner.database import Database, now
from planner.rows import CallKey, Output, build, packed, unpacked
from planner.tables import outputs as table
from prompts.errors import LibraryError

PAGE = 200
"""Outputs read at a time by ``outputs``, so that a long story's journal never lies in memory."""

_KEY = ("story", "head", "branch", "node", "attempt", "call")
_recall = select(table.c.number, table.c.body).where(*(table.c[name] == bindparam(name) for name in _KEY))


class OutputJournal(Database):
    """The part of the library that remembers what models said."""

    def recall(self, key: CallKey) -> Output | None:
        """The journalled output of a call, or None if it was never made."""
        with self.reading() as connection:
            row = connection.execute(_recall, _columns(key)).one_or_none()
        return None if row is None else unpacked(Output, row.body, "outputs", row.number)

    def record(self, key: CallKey, output: Output) -> Output:
        """Journal the output of a call, and return the one that is kept: the first one, if there is one already."""
        columns = _columns(key)
        row = columns | {"created": now(), "body": packed(output)}
        with self.writing() as connection:
            added = connection.execute(self.insert_once(table), row).rowcount == 1
        if added:
            return output
        first = self.recall(key)
        if first is None:
            raise LibraryError(f"The output of {key.node} could not be journalled in {self.name}; try again.")
        return first

    def next_attempt(self, key: CallKey) -> int:
        """The first attempt at a node that has no call journalled yet, whatever the key's own attempt and call."""
        same = (table.c[name] == bindparam(name) for name in ("story", "head", "branch", "node"))
        with self.reading() as connection:
            newest = connection.execute(select(func.max(table.c.attempt)).where(*same), _columns(key)).scalar_one()
        return 0 if newest is None else int(newest) + 1

    def outputs(self, story: str) -> Iterator[tuple[CallKey, Output]]:
        """Every journalled call of a story with its output, in the order in which they were recorded."""
        # The numbers come from an index alone; the rows, which are large, are read once each.
        with self.reading() as connection:
            mine = select(table.c.number).where(table.c.story == story).order_by(table.c.number)
            numbers = connection.execute(mine).scalars().all()
        for start in range(0, len(numbers), PAGE):
            query = select(table).where(table.c.number.in_(numbers[start : start + PAGE])).order_by(table.c.number)
            with self.reading() as connection:
                page = connection.execute(query).mappings().all()
            for row in page:
                values = {name: row[name] for name in _KEY} | {"head": row["head"] or None}
                key = build(CallKey, "outputs", row["number"], **values)
                yield key, unpacked(Output, row["body"], "outputs", row["number"])

    def count_outputs(self, story: str) -> int:
        """How many calls of a story are journalled."""
        with self.reading() as connection:
            return connection.execute(select(func.count()).where(table.c.story == story)).scalar_one()


def _columns(key: CallKey) -> dict[str, Any]:
    return key.model_dump() | {"head": key.head or ""}
