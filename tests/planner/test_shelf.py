"""The shelf: stories are renamed, archived and deleted, and everything of it can be taken back."""

from __future__ import annotations

import json

import pytest
from cli_runner import error_of, fabula, stories, texts_of, write
from sqlalchemy import select, text
from story_samples import new_story

from planner import tables
from planner.session import read_story
from planner.store import Library
from prompts.errors import InputError, StoryMissing


def statuses(library: Library) -> list[str]:
    return [info.status for info in library.stories(hidden=True)]


def test_what_is_archived_or_deleted_is_not_listed_until_it_is_restored(library: Library) -> None:
    one, two, three = new_story(library), new_story(library), new_story(library)
    library.archive(one)
    library.delete(two)
    assert [info.id for info in library.stories()] == [three]
    assert statuses(library) == ["open", "deleted", "archived"]
    library.restore(one)
    library.restore(two)
    assert [info.id for info in library.stories()] == [three, two, one]


def test_a_deleted_story_is_found_only_to_be_restored(library: Library) -> None:
    story = new_story(library)
    library.delete(story)
    for prefix in (story, story[:4]):
        with pytest.raises(StoryMissing, match=f"was deleted; bring it back with: fabula restore {story}"):
            library.story(prefix)
        assert library.story(prefix, deleted=True).id == story
    library.archive(story)
    assert library.story(story).id == story


def test_deleted_stories_do_not_make_an_id_ambiguous(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter([*(f"aaaaaaa{n}" for n in range(2, 8)), "aaaabbbb"])
    monkeypatch.setattr("planner.store.new_id", lambda: next(ids))
    for _ in range(6):
        library.delete(new_story(library))
    kept = new_story(library)
    assert library.story("aaaa").id == kept
    with pytest.raises(StoryMissing, match="Several"):
        library.story("aaaa", deleted=True)


def test_a_title_on_the_shelf_wins_until_it_is_taken_back(library: Library) -> None:
    story = new_story(library)
    library.rename(story, "  The  Door ")
    library.archive(story)
    (info,) = library.stories(hidden=True)
    assert (info.title, info.status) == ("The Door", "archived")
    assert library.take_back(story)
    assert library.stories()[0].title == "The Door"
    library.rename(story, "")
    assert library.stories()[0].title == ""
    with pytest.raises(InputError, match="may have 500 characters"):
        library.rename(story, "x" * 501)


def test_taking_back_twice_undoes_the_undoing_and_rows_are_only_added(library: Library) -> None:
    story = new_story(library)
    assert not library.take_back(story)
    library.delete(story)
    library.delete(story)  # changes nothing
    assert library.take_back(story)
    assert statuses(library) == ["open"]
    assert library.take_back(story)
    assert statuses(library) == ["deleted"]
    with library.reading() as connection:
        rows = connection.execute(select(tables.shelf.c.status).order_by(tables.shelf.c.number)).scalars().all()
    assert rows == ["deleted", "open", "deleted"]


def test_a_library_of_the_second_schema_gets_the_shelf(file_library: Library) -> None:
    story = new_story(file_library)
    with file_library.writing() as connection:
        for statement in ("DROP TABLE shelf", "UPDATE meta SET value = '2'"):
            connection.execute(text(statement))
    with Library.open(file_library.file) as library:
        library.delete(story)
        assert library.stories() == []
        with library.reading() as connection:
            assert connection.execute(text("SELECT value FROM meta")).scalar() == str(tables.SCHEMA_VERSION)


def test_a_story_is_renamed_archived_deleted_and_restored_from_the_command_line() -> None:
    story = write()
    before = texts_of(story)
    assert fabula("rename", story, "The Door").stdout == f"{story} is called The Door now.\n"
    assert fabula("show", story).stdout.startswith("# The Door\n")
    assert fabula("archive", story[:4]).exit_code == 0
    assert stories() == []
    assert "archived" in fabula("list", "--all").stdout
    assert "No stories yet" in fabula("list").stdout
    assert fabula("show", story).exit_code == 0
    said = fabula("delete", story).stdout
    assert said == f"The Door is deleted. Bring it back with: fabula restore {story}\n"
    for command in (["show", story], ["continue", story], ["archive", story], ["export", story, "--to", "md"]):
        assert (
            error_of(fabula(*command)) == f"The story {story} was deleted; bring it back with: fabula restore {story}"
        )
    listed = json.loads(fabula("list", "--all", "--json").stdout)
    assert [(info["id"], info["status"]) for info in listed] == [(story, "deleted")]
    assert fabula("restore", story).exit_code == 0
    assert stories() == [story]
    assert texts_of(story) == before


def test_a_story_under_another_title_keeps_its_premise() -> None:
    story = write()
    with Library.open() as library:
        first = read_story(library, library.story(story)).title
        fabula("rename", story, "The Door")
        assert read_story(library, library.story(story)).title == "The Door"
        fabula("rename", story, "")
        assert read_story(library, library.story(story)).title == first
    assert "There is no story 'zzz0'" in error_of(fabula("rename", "zzz0", "x"))
