"""What a person changed of a story's roles in a session: another model, another sampling.

Invariant: rows are only ever added, and the newest one of a story's role counts. A row says on which engine and server its
model was chosen, for a model's name means nothing elsewhere; it never holds a key, nor an address that may hold one.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from sqlalchemy import func, select

from planner import tables
from planner.database import Database, now
from planner.rows import Row, Text, accept, from_json, to_json

_t = tables.roles.c


class RoleChange(Row):
    """What differs from the settings that the story was begun with; an empty one differs in nothing.

    ``engine`` and ``server`` (as shown to people) are where ``model`` was chosen. ``sampling`` goes by the names of
    ``Sampling``, and ``n`` for the generator's candidates.
    """

    model: Text | None = None
    engine: Text = ""
    server: Text = ""
    sampling: dict[str, float] = Field(default_factory=dict)


class RoleLog(Database):
    """The part of the library that remembers how a person changed the roles."""

    def role_changes(self, story: str) -> dict[str, RoleChange]:
        """What counts now, by the role's name; roles that were never changed are left out."""
        newest = select(func.max(_t.number)).where(_t.story == story).group_by(_t.role)
        with self.reading() as connection:
            rows = connection.execute(select(_t.number, _t.role, _t.body).where(_t.number.in_(newest))).all()
        return {row.role: from_json(RoleChange, row.body, "roles", row.number) for row in rows}

    def change_roles(self, story: str, changes: Mapping[str, RoleChange]) -> None:
        """Keep changes of roles, all or none."""
        made = {role: accept(RoleChange, **change.model_dump()) for role, change in changes.items()}
        with self.writing() as connection:
            for role, change in made.items():
                row = {"story": story, "role": role, "body": to_json(change), "created": now()}
                connection.execute(tables.roles.insert(), row)
