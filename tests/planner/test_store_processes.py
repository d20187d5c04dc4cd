"""Several processes share a library, and one that is killed at any moment loses nothing that it had committed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from story_samples import new_story

from planner.store import Library

ROOT = Path(__file__).parents[2]
WRITE = """
import sys
from planner.state import Fact, Summary
from planner.store import CallKey, Library, Output
where, story, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
output = Output(role="r", engine="e", model="m", prompt="p" * 500, system="", seed=0, request={}, completions=[])
with Library.open(where) as library:
    head = library.head(story)
    begin = library.paragraph(head).index + 1 if head else 0
    for index in range(begin, begin + count):
        library.record(CallKey(story=story, head=head, node="generate", attempt=0), output)
        fact = Fact(paragraph=index, subject="anna", relation="at", object=str(index))
        head = library.commit(story, "main", parent=head, index=index, text=f"Paragraph {index}.", beat=0, meta={},
                              facts=[fact, fact], findings=[]).id
        library.add_summary(head, Summary(sentences=(str(index),)))
        print(head, flush=True)
"""

OPEN = """
import sys
from planner.checkpoints import open_saver
from planner.store import Library
with Library.open(sys.argv[1]) as library, open_saver(library):
    library.create_story(logline="A baker.", seed=0, options={})
"""


def writer(where: str | Path, story: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITE, str(where), story, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(processes: list[subprocess.Popen[str]]) -> None:
    """Wait for processes that must all succeed."""
    try:
        for process in processes:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()


def test_nothing_committed_is_lost_or_doubled_by_being_killed(where: str | Path, library: Library) -> None:
    story, said = new_story(library), []
    for milliseconds in (30, 75, 160):
        with writer(where, story, 10_000) as process:
            assert process.stdout is not None
            said.append(process.stdout.readline().strip())
            time.sleep(milliseconds / 1000)
            process.kill()
            said += [line.strip() for line in process.stdout if line.endswith("\n")]
    path = library.path(library.head(story))
    ids = [row.id for row in path]
    assert [row.text for row in path] == [f"Paragraph {index}." for index in range(len(path))]
    assert set(said) <= set(ids)
    assert len(path) <= len(said) + 3  # each time, one may have been committed that nobody heard of
    assert [fact.object for fact in library.facts(ids[-1])] == [str(index) for index in range(len(path)) for _ in "ab"]
    assert library.count_outputs(story) >= len(path)


def test_processes_write_their_stories_side_by_side(where: str | Path, library: Library) -> None:
    stories = [new_story(library) for _ in range(4)]
    processes = [writer(where, story, 60) for story in stories]
    finish(processes)
    assert [info.paragraphs for info in library.stories()] == [60] * 4


def test_processes_that_open_a_new_library_at_once_agree_on_one(where: str | Path) -> None:
    command = [sys.executable, "-c", OPEN, str(where)]
    finish([subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)])
    with Library.open(where) as library:
        assert len(library.stories()) == 3
