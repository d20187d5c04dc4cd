"""Control characters and terminal codes in a story, whoever put them there, never reach a terminal or a file.

Every command that shows a story is asked for one whose premise, title, names, plan, texts, facts and notes are full of them,
once through a pipe and once on a terminal.
"""

from __future__ import annotations

import json
import os
import pty
import re
import sys

import pytest
from cli_runner import ROOT, SCRIPTED, texts_of
from typer.testing import CliRunner

from agents.brief import make_brief
from agents.engines.base import Request
from agents.engines.scripted import ScriptedEngine, answer
from agents.generator import GeneratorSettings
from cli import app
from planner.context import ROLES, WriteSettings
from planner.session import begin, open_story
from planner.store import Library

NASTY = "\x1b[31mRed\x1b[0m \x1b]0;owned\x07 \x9b2J \u202eback \x07\x08 [bold]loud[/bold] [/]"
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What Rich itself sends to a terminal: colours and weights, the cursor, titles never.
RICH = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[\d*[A-K]|\r")


def hostile(request: Request, index: int) -> str:
    text = answer(request, index)
    if request.json_schema:
        return re.sub(
            r'("(?:happens|change|logline|title|goal|role)": ")',
            lambda found: found[1] + "\\u001b[31m\\u0007\\u009b2J",
            text,
        )
    return f"{NASTY}. {text}"


@pytest.fixture
def story() -> str:
    brief = make_brief(
        logline=f"A sailor {NASTY} sings", title=f"A {NASTY}", characters=("Mara: stub\x1b[31mborn \x9b2J",), paragraphs=3,
    )  # fmt: skip
    with Library.open() as library:
        row = begin(library, brief, 1, WriteSettings(generator=GeneratorSettings(n=1)), {"name": "scripted"})
        engine = ScriptedEngine(hostile)
        with open_story(library, row, dict.fromkeys(ROLES, engine)) as session:
            session.propose()
            session.accept()
            session.add(f"Mara lost {NASTY} the key.")
            session.pin(f"Mara is {NASTY} tall")
            session.set_note(NASTY)
            session.set_summary([f"Then {NASTY}."])
            session.propose()
    return row.id


def piped(*arguments: str, lines: str = "") -> str:
    return CliRunner().invoke(app, list(arguments), input=lines).output


def on_a_terminal(*arguments: str) -> str:
    told = bytearray()

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", "import cli; cli.main()", *arguments], environment)
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        told.extend(data)
    os.waitpid(pid, 0)
    os.close(fd)
    return told.decode(errors="replace")


COMMANDS = (
    ("list",), ("list", "--json"), ("show", "{}"), ("show", "{}", "--md"), ("show", "{}", "--outline"), ("show", "{}", "--json"),
    ("show", "{}", "--summary"), ("show", "{}", "--world"), ("export", "{}", "--to", "txt"), ("export", "{}", "--to", "md"),
    ("continue", "{}", "--engine", "scripted"), ("show", f"zz{NASTY}"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: re.sub("[^ a-z{}-]", "", " ".join(command)))
def test_no_command_sends_them_through_a_pipe(story: str, command: tuple[str, ...]) -> None:
    said = piped(*(part.format(story) for part in command))
    assert said.strip()
    assert FORBIDDEN.findall(said) == []


@pytest.mark.parametrize(
    "command", [("list",), ("show", "{}"), ("continue", "{}", *SCRIPTED)], ids=lambda command: command[0]
)
def test_no_live_view_sends_them_to_a_terminal(story: str, command: tuple[str, ...]) -> None:
    said = RICH.sub("", on_a_terminal(*(part.format(story) for part in command)))
    assert said.strip()
    assert FORBIDDEN.findall(said) == []


def test_what_is_escaped_in_json_is_all_there(story: str) -> None:
    told = json.loads(piped("show", story, "--json"))
    assert [paragraph["text"] for paragraph in told["paragraphs"]] == texts_of(story)
    assert NASTY in told["title"]


def test_a_plain_session_shows_them(story: str) -> None:
    said = piped(
        "session", story, "--plain", *SCRIPTED, lines="/alternatives\n/facts\n/outline\n/cast\n/summary\n/accept\n"
    )
    assert FORBIDDEN.findall(said) == []
    assert "␛[31mRed" in said
