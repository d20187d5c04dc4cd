"""What only a server can do to a library. With FABULA_TEST_POSTGRES, the other tests run on the server as well."""

from __future__ import annotations

import os
import re
import sys
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from story_samples import OUTPUT, call, new_story, write

from planner.lease import lease
from planner.store import Library
from prompts.errors import LibraryError, LibraryReadOnly, StoryBusy


def test_a_server_that_does_not_answer_is_a_clear_error_without_the_password() -> None:
    with pytest.raises(LibraryError, match="does not answer") as caught:
        Library.open("postgresql://anna:hush-hush@127.0.0.1:1/fabula")
    assert "hush-hush" not in str(caught.value)
    assert "postgresql://anna:***@127.0.0.1:1/fabula" in str(caught.value)


def test_without_its_extra_a_server_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LibraryError, match=re.escape("pip install 'fabula[postgres]'")):
        Library.open("postgresql://anna@127.0.0.1:1/fabula")


@pytest.mark.servers
def test_a_database_that_is_not_there_is_a_clear_error(postgres_url: str) -> None:
    wrong = urlsplit(postgres_url)._replace(path="/no_such_database").geturl()
    with pytest.raises(LibraryError, match='database "no_such_database" does not exist'):
        Library.open(wrong)


@pytest.mark.servers
@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg"])
def test_other_spellings_of_the_scheme_open_the_same_library(postgres_url: str, scheme: str) -> None:
    with Library.open(postgres_url) as library:
        story = new_story(library)
    with Library.open(postgres_url.replace("postgresql", scheme, 1)) as library:
        assert library.story(story).id == story


@pytest.mark.servers
def test_a_user_who_may_only_read_is_told_so_and_can_read(postgres_url: str) -> None:
    with Library.open(postgres_url) as library:
        story = new_story(library)
    with Library.open(f"{postgres_url}%20-cdefault_transaction_read_only%3Don") as library:
        assert library.story(story).id == story
        with pytest.raises(LibraryReadOnly, match="read-only"):
            write(library, story, "One.")


@pytest.mark.servers
def test_a_row_that_stays_locked_is_a_clear_error(postgres_url: str) -> None:
    with Library.open(postgres_url) as other, Library.open(postgres_url, busy_seconds=0.05) as library:
        story = new_story(library)
        with other.writing() as connection:
            connection.execute(text("LOCK TABLE paragraphs"))
            with pytest.raises(LibraryError, match="locked by another process for too long"):
                write(library, story, "One.")


@pytest.mark.servers
def test_a_lost_connection_is_replaced(postgres_url: str) -> None:
    with Library.open(postgres_url) as library, Library.open(postgres_url) as other:
        story = new_story(library)
        with library.reading() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other.reading() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        library.record(call(story), OUTPUT)
        assert library.recall(call(story)) == OUTPUT


@pytest.mark.servers
def test_leases_of_other_stories_are_free(postgres_url: str) -> None:
    with (
        Library.open(postgres_url) as library,
        lease(library, "aaaaaaaa"),
        lease(library, "aaaaaaab"),
        pytest.raises(StoryBusy, match=f"pid {os.getpid()} on "),
        lease(library, "aaaaaaaa"),
    ):
        pass
