"""Running ``fabula`` in tests: in this process where that is enough, and as a process of its own where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from cli import app
from planner.session import Manuscript, read_story
from planner.store import Library

ROOT = Path(__file__).parents[1]
PREMISE = "A lighthouse keeper finds a door under the sea"
SCRIPTED = ("--engine", "scripted")


def fabula(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(*more: object, paragraphs: int = 3, seed: int = 1) -> str:
    """Write a story and return its id."""
    result = fabula("write", PREMISE, *SCRIPTED, "--paragraphs", paragraphs, "--seed", seed, "--quiet", *more)
    assert result.exit_code == 0, result.output
    with Library.open() as library:
        return library.stories()[0].id


def error_of(result: Result) -> str:
    """The one line that a failed command says, without its "error: "."""
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def story_of(story: str) -> Manuscript:
    """A story as it stands in the library."""
    with Library.open() as library:
        return read_story(library, library.story(story))


def texts_of(story: str) -> list[str]:
    return [paragraph.text for paragraph in story_of(story).paragraphs]


def stories() -> list[str]:
    """The ids of all stories, the newest first."""
    with Library.open() as library:
        return [story.id for story in library.stories()]


# A shell's background jobs ignore SIGINT, and their children inherit that: here Ctrl-C must work wherever tests run.
HEEDS = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"


@contextmanager
def process(*arguments: object, code: str = "", **environment: str) -> Iterator[subprocess.Popen[str]]:
    """``fabula`` as a process of its own, killed at the end. ``code`` is run in it before the command."""
    begin = f"{HEEDS}\n{code}\nimport cli\ncli.main()"
    command = [sys.executable, "-c", begin, *(str(argument) for argument in arguments)]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as started:  # fmt: skip
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def wait_for(condition: Callable[[], bool], started: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait until ``condition`` holds while the process runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
