"""What is read off a command line and what is remembered of it: usage errors in one line, and a story's own server."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import PREMISE, error_of, fabula, stories

from agents.brief import make_brief
from planner.context import WriteSettings
from planner.routing import note
from planner.session import begin
from planner.settings import Settings
from planner.store import Library


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["write"], "Missing argument 'premise'; see "),
        (["show"], "Missing argument 'story'; see "),
        (["write", PREMISE, "--paragraph", "3"], "No such option: --paragraph"),
        (["write", PREMISE, "--[/b]"], "No such option: --[/b]"),
        (["write", PREMISE, "--paragraphs", "abc"], "Invalid value for '--paragraphs': "),
        (["write", PREMISE, "--pov", "second"], "Invalid value for '--pov': 'second' is not one of 'first', 'third'; see "),
        (["write", PREMISE, "--seed"], "Option '--seed' requires an argument; see fabula --help."),
        (["write", *PREMISE.split()], "Got unexpected extra argument"),
        (["tell", PREMISE], "No such command 'tell'; see "),
        (["--nope"], "No such option: --nope; see "),
        (["train", "nope"], "No such command 'nope'; see fabula train --help."),
        (["data", "build", "nope"], "fabula data build --help."),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_command_line_that_cannot_be_read_is_one_clear_line(arguments: list[str], says: str) -> None:
    said = error_of(fabula(*arguments))
    assert says in said
    assert said.endswith(" --help.")
    assert stories() == []


def test_without_arguments_the_help_is_shown_and_no_error() -> None:
    result = fabula()
    assert (result.exit_code, result.stderr) == (2, "")
    assert "write" in result.stdout


def test_a_story_goes_on_with_the_server_that_it_was_begun_with() -> None:
    known = Settings(engine="server", server="http://127.0.0.1:9/begun", model="large")
    with Library.open() as library:
        story = begin(library, make_brief(logline=PREMISE), 1, WriteSettings(), note(known)).id
    assert "http://127.0.0.1:9/begun" in error_of(fabula("continue", story))
    Path("fabula.toml").write_text("server = 'http://127.0.0.1:9/other'\n")
    assert "http://127.0.0.1:9/begun" in error_of(fabula("continue", story))
    assert "http://127.0.0.1:9/flag" in error_of(fabula("continue", story, "--server", "http://127.0.0.1:9/flag"))


@pytest.mark.parametrize("address", ["http://me:secret@host/v1", "http://host/v1?key=secret"])
def test_an_address_that_may_hold_a_secret_is_not_kept_with_a_story(address: str) -> None:
    assert "secret" not in str(note(Settings(engine="server", server=address)))


def test_only_a_story_of_a_server_remembers_one() -> None:
    assert note(Settings(engine="scripted", model="m")) == {"name": "scripted", "model": "m"}
