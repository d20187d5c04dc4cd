"""The plain session: dialogues through pipes and on a terminal, with their outcome in the library."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import HEEDS, PREMISE, ROOT, SCRIPTED, error_of, stories, story_of, texts_of
from click.testing import Result
from typer.testing import CliRunner

from agents.engines.scripted import ScriptedEngine, answer
from cli import app
from planner.lease import lease
from planner.plain import TOUR
from planner.store import Library

OWN = "Nobody had told the baker that the mill was for sale."
SLOW = f"""{HEEDS}
import time
from agents.engines.scripted import ScriptedEngine
complete = ScriptedEngine.complete
def slowly(self, request, on_text=None):
    return complete(self, request, on_text and (lambda piece: (time.sleep(0.03), on_text(piece))))
ScriptedEngine.complete = slowly
"""


def session(*lines: str, story: str = PREMISE, more: tuple[object, ...] = ("--seed", 1)) -> Result:
    """A session that is given these lines through a pipe, and then no more."""
    arguments = ["session", story, "--plain", *SCRIPTED, "--paragraphs", "6", *map(str, more)]
    return CliRunner().invoke(app, arguments, input="".join(f"{line}\n" for line in lines))


def begun(*lines: str) -> str:
    result = session(*lines)
    assert result.exit_code == 0, result.output
    return stories()[0]


def proposed(story: str) -> str:
    """What waits for a decision, as a session that is opened says it."""
    result = session(story=story)
    return result.stdout.split("is proposed:\n")[1].splitlines()[0]


def test_a_new_story_begins_at_once_and_an_empty_line_takes_and_goes_on() -> None:
    result = session("", "", "/accept")
    story = story_of(stories()[0])
    texts = [row.text for row in story.paragraphs]
    assert len(texts) == 3
    lines = result.stdout.splitlines()
    assert lines[0] == f"Story {story.story.id}: {PREMISE}"
    assert any(line.startswith("Outline 1 of 6, ") for line in lines)
    for text in texts:
        assert lines.count(text) == 1  # what was proposed is not said again when it is taken
    assert lines[-1] == f"Everything is kept. Go on with: fabula session {story.story.id} --plain"


def test_words_ask_for_the_paragraph_in_another_way() -> None:
    story = begun("they quarrel", "/accept", "and then it rains")
    with Library.open() as library:
        prompts = [output.prompt for key, output in library.outputs(story) if key.node == "generate"]
    assert "they quarrel" not in prompts[0]
    assert "they quarrel" in prompts[1]
    assert "and then it rains" in prompts[2]
    assert len(texts_of(story)) == 1


def test_a_session_reopens_where_it_was() -> None:
    story = begun("", f"/accept {OWN}", "/next")
    waiting = proposed(story)
    result = session("/accept", story=story[:5])
    assert result.stdout.splitlines()[1:4] == [OWN, "Paragraph 3 is proposed:", waiting]
    assert "2 of 6 paragraphs." in result.stdout
    assert texts_of(story)[1:] == [OWN, waiting]


def test_a_session_reopens_in_the_branch_that_was_written_in_last() -> None:
    story = begun("", "/branch darker", f"/write {OWN}")
    assert session(story=story).stdout.splitlines()[0].endswith(", branch darker: 2 of 6 paragraphs.")
    assert texts_of(story)[-1:] != [OWN]


def test_a_script_may_write_a_story_to_its_end_and_export_it() -> None:
    result = session("/auto end", "", "/export md story.md", "/quit", "/nonsense")
    assert result.exit_code == 0, result.output
    story = story_of(stories()[0])
    assert story.done
    assert "The story is at its end." in result.stdout
    exported = Path("story.md").read_text(encoding="utf-8")
    assert all(paragraph.text in exported for paragraph in story.paragraphs)


def test_a_line_that_cannot_be_obeyed_is_one_sentence_and_the_script_goes_on() -> None:
    result = session("/rerol", "/pick 9", "/accept")
    assert "There is no command /rerol; did you mean /reroll?" in result.stdout.splitlines()
    assert "There is no alternative 9; there are 4." in result.stdout.splitlines()
    assert len(texts_of(stories()[0])) == 1
    assert result.exit_code == 2


def test_an_engine_that_fails_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    story = begun("/accept")
    before = texts_of(story)
    monkeypatch.setattr("agents.engines.scripted.ScriptedEngine.complete", _gone)
    result = session("", "/undo 0", story=story)
    assert "The engine is gone." in result.stdout.splitlines()
    assert result.exit_code == 2
    assert texts_of(story) == before


def _gone(*_: object) -> None:
    from prompts.errors import EngineError

    raise EngineError("The engine is gone.")


def test_control_characters_are_shown_and_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "The sea \x1b[2J\x1b]0;owned\x07 rose\x9b31m and \u202efell."
    monkeypatch.setattr(
        "cli.common.open_engines",
        lambda *_: dict.fromkeys(
            ("premise", "outline", "generator", "summarizer", "continuity"),
            ScriptedEngine(lambda request, n: told if "next paragraph" in request.prompt.text else answer(request, n)),
        ),
    )
    result = session("/accept", "/search sea", "/write A \x1b[31mred\x07 door.", "/foo\x1b[2J")
    assert not set(result.stdout) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "␛[2J" in result.stdout


def test_without_an_argument_a_story_is_chosen_or_begun() -> None:
    story = begun("/accept")
    arguments = ["session", "--plain", *SCRIPTED]
    opened = CliRunner().invoke(app, arguments, input="1\n/accept\n")
    assert opened.stdout.startswith("1. ")
    assert opened.exit_code == 2  # nothing was proposed
    CliRunner().invoke(app, arguments, input="A baker must save the mill\n")
    assert len(stories()) == 2
    assert stories()[1] == story
    assert "There is no story 7" in error_of(CliRunner().invoke(app, arguments, input="7\n"))
    assert CliRunner().invoke(app, arguments, input="").exit_code == 0


def test_wishes_of_a_new_story_are_heeded() -> None:
    result = session(more=("--genre", "mystery", "--character", "Mara: stubborn", "--setting", "the old mill"))
    assert result.exit_code == 0, result.output
    premise = story_of(stories()[0]).premise
    assert premise is not None
    assert (premise.genre, premise.cast[0].name, premise.setting[0].name) == ("mystery", "Mara", "the old mill")
    for more, says in ((("--arc", "spiral"), "no arc 'spiral'"), (("--character", ": brave"), "needs a name")):
        assert says in error_of(session(more=more))
    assert len(stories()) == 1


def test_a_deleted_or_missing_story_and_one_that_is_open_elsewhere_are_one_sentence() -> None:
    story = begun("/accept")
    assert "There is no story 'zzz0'" in error_of(session(story="zzz0"))
    with Library.open() as library:
        with lease(library, story):
            assert "being written" in error_of(session(story=story))
        library.delete(story)
    assert f"fabula restore {story}" in error_of(session(story=story))


class Terminal:
    """``fabula session --plain`` on a pseudo-terminal."""

    def __init__(self, *arguments: str, code: str = "", term: str = "xterm") -> None:
        pid, self.fd = pty.fork()
        if pid == 0:  # the child: nothing of pytest's may run here
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": term}
            begin = f"{code}\nimport cli\ncli.main()"
            os.execve(sys.executable, [sys.executable, "-c", begin, *arguments], environment)
        self.pid = pid
        self.text = ""

    def read(self, seconds: float) -> bool:
        """Take in what comes within this time; False when the other side is gone."""
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            self.text += data.decode(errors="replace")
            return bool(data)
        return True

    def until(self, words: str, seconds: float = 60) -> str:
        """Wait for words; returns what came up to and with them, and goes on behind them."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self.read(0.1), self.text
        before, _, self.text = self.text.partition(words)
        return before + words

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def press(self, key: str, words: str) -> None:
        """Press a key until words come, as a person would: a Ctrl-C just as readline gets ready is heard only at the next."""
        for _ in range(15):
            self.type(key)
            with contextlib.suppress(AssertionError):
                self.until(words, 3)
                return
        raise AssertionError(self.text)

    def close(self) -> int:
        """The exit code, once it has left."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(self.text)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal("session", PREMISE, "--plain", *SCRIPTED, "--seed", "1", code=SLOW)
    yield opened
    try:
        os.kill(opened.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_on_a_terminal_text_streams_and_ctrl_c_keeps_or_drops_it(terminal: Terminal) -> None:
    said = terminal.until("is proposed.")
    said += terminal.until("> ")
    terminal.type("\r")
    said += terminal.until(". ")  # a sentence of the second paragraph is whole
    terminal.type("\x03")
    said += terminal.until("written to its end: ")
    terminal.type("k\r")
    said += terminal.until("Paragraph 2 is in the story.")
    said += terminal.until("> ")
    terminal.type("\r")
    said += terminal.until(" ")  # its first words are there
    terminal.type("\x03")
    said += terminal.until("written to its end: ")
    terminal.type("d\r")
    said += terminal.until("is dropped; /next writes another.")
    terminal.until("> ")
    terminal.press("\x03", "Ctrl-D leaves.")
    terminal.type("/acc\t\r")  # completed, and then refused: nothing is proposed
    said += terminal.until("No paragraph is proposed")
    said += terminal.until("> ")  # before it, the terminal itself would take the Ctrl-D
    terminal.type("\x04")
    said += terminal.until("Everything is kept.")
    assert terminal.close() == 0
    story = story_of(stories()[0])
    assert len(story.paragraphs) == 2
    kept = story.paragraphs[1]
    assert kept.text.endswith(".")
    assert str(kept.meta["source"]).startswith(kept.text)
    plain = re.sub(r"\s+", " ", said)
    assert all(line in plain for line in TOUR)
    assert plain.count(story.paragraphs[0].text) == 1
    assert "\x1b" not in said


def test_the_tour_is_shown_once_and_a_closed_terminal_loses_nothing(terminal: Terminal) -> None:
    terminal.until(TOUR[0])
    terminal.until("> ")
    terminal.type("\r")
    terminal.until("Paragraph 2 of 10 is proposed.")
    os.close(terminal.fd)  # which hangs up
    os.waitpid(terminal.pid, 0)
    story = stories()[0]
    assert len(texts_of(story)) == 1
    again = Terminal("session", story, "--plain", *SCRIPTED, term="dumb")
    assert TOUR[0] not in again.until("Paragraph 2 is proposed:")
    again.until("> ")
    again.type("/quit\r")
    assert again.close() == 0


def test_a_script_that_is_interrupted_says_that_everything_is_kept() -> None:
    story = begun("/accept")
    command = [sys.executable, "-c", f"{HEEDS}\nimport cli\ncli.main()", "session", story, "--plain", *SCRIPTED]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        started.stdout.readline()  # it has said where the story is, and waits
        time.sleep(1)
        started.send_signal(signal.SIGINT)
        out, _ = started.communicate(timeout=60)
    assert started.returncode == 130
    assert out.splitlines()[-1] == f"Stopped. Everything is kept. Go on with: fabula session {story} --plain"
