"""One process writes a story at a time; the right to write goes away with the process, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from story_samples import new_story

from planner.lease import lease
from planner.store import Library
from prompts.errors import LibraryError, StoryBusy

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from planner.lease import lease
from planner.store import Library
with Library.open(sys.argv[1]) as library, lease(library, sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process(where: str | Path, story: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease of ``story`` until it is killed."""
    command = [sys.executable, "-c", HOLD, str(where), story]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def take_soon(library: Library, story: str) -> None:
    """A server notices within moments that a client is gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with lease(library, story):
                return
        except StoryBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_a_second_process_is_told_at_once_who_writes(where: str | Path, library: Library) -> None:
    story = new_story(library)
    with another_process(where, story) as process:
        begun = time.monotonic()
        with pytest.raises(StoryBusy) as caught, lease(library, story):
            pass
        assert time.monotonic() - begun < 2
    sentence = str(caught.value)
    assert sentence.startswith(f"Story {story} is being written by another process (pid {process.pid}")
    assert sentence.endswith("; wait for it or stop it.")


def test_a_killed_process_leaves_no_lease_behind(where: str | Path, library: Library) -> None:
    story = new_story(library)
    with another_process(where, story) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        take_soon(library, story)


def test_other_stories_can_be_written_meanwhile(where: str | Path, library: Library) -> None:
    with another_process(where, new_story(library)), lease(library, new_story(library)):
        pass


def test_reading_needs_no_lease(where: str | Path, library: Library) -> None:
    story = new_story(library)
    with another_process(where, story):
        assert library.story(story).id == story


def test_a_lease_ends_with_its_block_even_when_that_raises(library: Library) -> None:
    story = new_story(library)
    with pytest.raises(ZeroDivisionError), lease(library, story):
        raise ZeroDivisionError
    with lease(library, story), pytest.raises(StoryBusy), lease(library, story):
        pass


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a.b"])
def test_only_a_story_can_be_leased(file_library: Library, name: str) -> None:
    with pytest.raises(LibraryError, match="not the id of a story"), lease(file_library, name):
        pass


def test_a_folder_that_takes_no_lock_file_is_a_clear_error(file_library: Library) -> None:
    assert file_library.file is not None
    file_library.file.with_name("library.db.locks").write_text("in the way")
    with pytest.raises(LibraryError, match=r"cannot be used|cannot be opened"), lease(file_library, "abcdefgh"):
        pass


def test_a_holder_whose_number_is_unreadable_is_still_a_holder(file_library: Library) -> None:
    assert file_library.file is not None
    story = new_story(file_library)
    with lease(file_library, story):
        (file_library.file.with_name("library.db.locks") / f"{story}.pid").write_text("?")
        with pytest.raises(StoryBusy, match=r"by another process; wait"), lease(file_library, story):
            pass
