"""What is kept of a role: where its model holds, and that an older library learns to keep it."""

from __future__ import annotations

from sqlalchemy import text
from storytelling import ONE, new_story

from planner import tables
from planner.role_engines import rerouted
from planner.role_log import RoleChange
from planner.routing import Route
from planner.store import Library


def test_a_model_holds_only_where_it_was_chosen() -> None:
    change = RoleChange(model="m", engine="server", server="http://***@here/v1")
    here = Route("server", "base", "http://user:password@here/v1", "chat", "A_KEY")
    assert rerouted(here, change) == here._replace(model="m")
    for elsewhere in (here._replace(server="http://there/v1"), Route("embedded", "folder")):
        assert rerouted(elsewhere, change) == elsewhere
    assert rerouted(here, RoleChange()) == here


def test_a_library_of_the_third_schema_remembers_roles(file_library: Library) -> None:
    story = new_story(file_library, settings=ONE)
    with file_library.writing() as connection:
        for statement in ("DROP TABLE roles", "UPDATE meta SET value = '3'"):
            connection.execute(text(statement))
    with Library.open(file_library.file) as library:
        library.change_roles(story.id, {"outline": RoleChange(sampling={"top_p": 0.5})})
        assert library.role_changes(story.id)["outline"].sampling == {"top_p": 0.5}
        with library.reading() as connection:
            assert connection.execute(text("SELECT value FROM meta")).scalar() == str(tables.SCHEMA_VERSION)
