"""The command line: a story from a premise, every bad input as one clear line, and nothing lost however a run ends."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cli_runner import PREMISE, SCRIPTED, error_of, fabula, process, stories, story_of, texts_of, wait_for, write

from planner.database import default_path

NOBODY = 65534
BROKEN_ARC = "steps:\n  - {label: only, purpose: setup, tension: 0.1}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["", *SCRIPTED], "The premise must say something"),
        ([" ... ", *SCRIPTED], "The premise must say something"),
        (["x" * 100_000, *SCRIPTED], "in at most 2,000 characters"),
        ([PREMISE, *SCRIPTED, "--paragraphs", "0"], "--paragraphs 0: the value must be at least 3."),
        ([PREMISE, *SCRIPTED, "--paragraphs", "1000000"], "--paragraphs 1000000: the value must be at most 100,000."),
        ([PREMISE, *SCRIPTED, "--temperature", "9"], "--temperature 9.0: the value must be at most 5."),
        ([PREMISE, *SCRIPTED, "--n", "1000"], "--n 1000: the value must be at most 64."),
        ([PREMISE, *SCRIPTED, "--arc", "spiral"], "There is no arc 'spiral'; choose three-act, "),
        ([PREMISE, *SCRIPTED, "--arc", "own.yaml"], "The arc file own.yaml does not describe an arc: "),
        ([PREMISE, *SCRIPTED, "--arc", "no.yaml"], "The arc file no.yaml cannot be read: No such file"),
        ([PREMISE, *SCRIPTED, "--character", ": brave"], "A character needs a name"),
        ([PREMISE, *SCRIPTED, *["--character", "Mara"] * 5], "Give at most 4 characters"),
        ([PREMISE, *SCRIPTED, "--title", "x" * 600], "--title: "),
        ([PREMISE, *SCRIPTED, "--out", "."], "--out . is a folder; name a file in it."),
        ([PREMISE, *SCRIPTED, "--out", "no/story.md"], "does not exist; make it first."),
        ([PREMISE, "--engine", "cloud"], "--engine cloud: the value must be 'embedded', 'server', 'offline' or 'scripted'."),
        ([PREMISE, "--engine", "embedded", "--model", "nowhere"], "nowhere is not a folder"),
        ([PREMISE, "--engine", "server", "--server", "http://127.0.0.1:9/v1"], "http://127.0.0.1:9/v1"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_what_cannot_be_used_is_one_clear_line_and_begins_no_story(arguments: list[str], says: str) -> None:
    Path("own.yaml").write_text(BROKEN_ARC)
    assert says in error_of(fabula("write", *arguments))
    assert stories() == []


def test_a_broken_settings_file_names_its_line() -> None:
    story = write()
    Path("fabula.toml").write_text("threads = 1\nengine scripted\n")
    for command in (["write", PREMISE], ["continue", story], ["list"], ["show", story], ["config"], ["doctor"]):
        assert "line 2" in error_of(fabula(*command))
    Path("fabula.toml").write_text("threads = 1\nengien = 'scripted'\n")
    assert "line 2: there is no setting 'engien'; did you mean 'engine'?" in error_of(fabula("write", PREMISE))
    Path("fabula.toml").unlink()
    assert stories() == [story]


@pytest.mark.parametrize("command", ["show", "continue"])
def test_a_story_that_is_not_there_is_one_clear_line(command: str) -> None:
    write()
    assert "There is no story 'zzz0'" in error_of(fabula(command, "zzz0"))


def test_a_library_of_a_newer_fabula_is_one_clear_line_and_stays_as_it_is() -> None:
    story = write()
    with closing(sqlite3.connect(default_path())) as connection, connection:
        connection.execute("UPDATE meta SET value = '99'")
    for command in (["write", PREMISE, *SCRIPTED], ["continue", story], ["list"], ["show", story]):
        assert "newer Fabula (schema 99" in error_of(fabula(*command))
    with closing(sqlite3.connect(default_path())) as connection, connection:
        connection.execute("UPDATE meta SET value = '1'")
    assert stories() == [story]
    assert len(texts_of(story)) == 3


@contextmanager
def without_privileges() -> Iterator[None]:
    """File permissions mean nothing to root."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)


def test_a_read_only_library_can_be_read_and_says_so_when_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            monkeypatch.setenv(name, folder)
        monkeypatch.chdir(folder)
        Path(folder).chmod(0o755)
        path = Path(folder) / "library.db"
        first = fabula("write", PREMISE, *SCRIPTED, "--paragraphs", 3, "--library", path, "--json", "--quiet")
        story = json.loads(first.stdout)["id"]
        assert error_of(fabula("show", "zzz0", "--library", path))  # what an error needs is imported now
        path.chmod(0o444)
        Path(folder).chmod(0o777)
        with without_privileges():
            said = error_of(fabula("write", PREMISE, *SCRIPTED, "--library", path, "--quiet"))
            shown = fabula("show", story, "--library", path, "--json")
        Path(folder).chmod(0o755)
        monkeypatch.chdir("/")
        assert "is read-only; make it and its folder writable." in said
        assert shown.exit_code == 0
        assert len(json.loads(shown.stdout)["paragraphs"]) == 3


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY))"


def test_a_full_disk_is_one_clear_line_and_the_story_goes_on_once_there_is_room() -> None:
    whole = texts_of(write(paragraphs=40, seed=3))
    library = Path("full.db")
    arguments = ("write", PREMISE, *SCRIPTED, "--paragraphs", 40, "--seed", 3, "--quiet", "--library", library)
    with process(*arguments, code=LIMIT) as started:
        _, errors = started.communicate(timeout=120)
    assert started.returncode == 2, errors
    (line,) = errors.splitlines()
    assert line.startswith("error: The disk of the story library")
    assert "full" in line
    (story,) = json.loads(fabula("list", "--library", library, "--json").stdout)
    assert 0 < story["paragraphs"] < 40
    result = fabula("continue", story["id"], "--library", library, "--quiet", "--json")
    assert result.exit_code == 0, result.output
    assert [paragraph["text"] for paragraph in json.loads(result.stdout)["paragraphs"]] == whole


def test_a_second_process_is_told_who_writes_the_story_and_changes_nothing() -> None:
    arguments = ("write", PREMISE, *SCRIPTED, "--paragraphs", 12, "--quiet")
    locks = default_path().with_name("library.db.locks")
    with process(*arguments, SCRIPTED_DELAY="0.2") as first:
        wait_for(lambda: bool(list(locks.glob("*.pid"))), first)
        (story,) = stories()
        wait_for(lambda: (locks / f"{story}.pid").read_text() == str(first.pid), first)
        said = error_of(fabula("continue", story))
    assert said == f"Story {story} is being written by another process (pid {first.pid}); wait for it or stop it."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_stopped_run_keeps_what_is_written_and_is_completed_later(number: signal.Signals) -> None:
    whole = texts_of(write(paragraphs=8, seed=5))
    arguments = ("write", PREMISE, *SCRIPTED, "--paragraphs", 8, "--seed", 5, "--quiet")
    with process(*arguments, SCRIPTED_DELAY="0.1") as started:
        wait_for(lambda: len(stories()) == 2 and len(texts_of(stories()[0])) >= 2, started)
        started.send_signal(number)
        printed, errors = started.communicate(timeout=60)
    story = stories()[0]
    kept = texts_of(story)
    assert started.returncode == 130
    assert errors == f"Stopped. {len(kept)} paragraphs are kept. Go on with: fabula continue {story}\n"
    assert kept == whole[: len(kept)]
    assert 2 <= len(kept) < 8
    assert all(text in printed for text in kept[:-1])  # the last one may have been committed and not yet printed
    assert not story_of(story).done

    result = fabula("continue", story, "--quiet")
    assert result.exit_code == 0, result.output
    assert texts_of(story) == whole
    assert story_of(story).done


def test_a_story_is_written_to_stdout_and_progress_to_stderr() -> None:
    result = fabula("write", PREMISE, *SCRIPTED, "--paragraphs", 3, "--seed", 1, "--title", "Below")
    assert result.exit_code == 0
    (story,) = stories()
    assert result.stdout == "\n\n".join(["# Below", *texts_of(story)]) + "\n\n"
    assert "  paragraph 3: " in result.stderr
    assert f"Below is complete: 3 paragraphs, {story_of(story).words} words, seed 1." in result.stderr
    assert f"fabula show {story}" in result.stderr


def test_quiet_gives_the_story_alone() -> None:
    result = fabula("write", PREMISE, *SCRIPTED, "--paragraphs", 3, "--quiet")
    assert result.stderr == ""
    assert all(text in result.stdout for text in texts_of(stories()[0]))


def test_json_gives_one_object_that_parses() -> None:
    result = fabula("write", PREMISE, *SCRIPTED, "--paragraphs", 3, "--seed", 4, "--json")
    value = json.loads(result.stdout)
    assert (value["seed"], value["done"], len(value["paragraphs"])) == (4, True, 3)
    assert json.loads(fabula("show", value["id"], "--json").stdout) == value


def test_out_gets_the_markdown_that_show_gives() -> None:
    story = write("--out", "story.md")
    assert Path("story.md").read_text() == fabula("show", story, "--md").stdout
    Path("story.md").unlink()
    fabula("continue", story, "--out", "again.md")
    assert Path("again.md").read_text() == fabula("show", story).stdout


def test_a_complete_story_that_is_continued_says_so_and_stays_the_same() -> None:
    story = write()
    before = texts_of(story)
    result = fabula("continue", story[:4])
    assert result.exit_code == 0
    assert "is already complete: 3 paragraphs" in result.stderr
    assert texts_of(story) == before


def test_brackets_in_what_a_person_types_are_only_brackets() -> None:
    result = fabula(
        "write", "A [/b] door [red]", *SCRIPTED, "--paragraphs", 3, "--title", "The [/b] Door", "--genre", "[/x]",
        "--out", "[a].md",
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    assert "The [/b] Door is complete" in result.stderr
    assert "written to [a].md" in result.stderr
    assert "no story '[/b]'" in error_of(fabula("show", "[/b]"))


def test_the_list_shows_every_story_the_newest_first() -> None:
    assert fabula("list").stdout == 'No stories yet. Begin one with: fabula write "a premise"\n'
    assert json.loads(fabula("list", "--json").stdout) == []
    one, two = write("--title", "One"), write("--title", "Two")
    shown = fabula("list").stdout
    assert shown.index(two) < shown.index(one)
    assert "complete" in shown
    assert [story["id"] for story in json.loads(fabula("list", "--json").stdout)] == [two, one]


def test_a_story_is_shown_from_each_of_its_sides() -> None:
    story = write("--title", "Below", "--character", "Mara: stubborn")
    read = story_of(story)
    assert read.outline is not None
    outline = fabula("show", story, "--outline").stdout
    assert outline.startswith("# Outline of Below (three-act)")
    assert all(beat.happens in outline for beat in read.outline.beats)
    assert json.loads(fabula("show", story, "--outline", "--json").stdout)["arc"] == "three-act"
    summary = json.loads(fabula("show", story, "--summary", "--json").stdout)
    shown = fabula("show", story, "--summary").stdout
    assert " ".join(shown.split()) == " ".join(summary["sentences"])
    assert fabula("show", story, "--world").stdout == "No facts yet.\n"
    assert json.loads(fabula("show", story, "--world", "--json").stdout) == []
    assert "Choose one of --outline, --summary and --world." in error_of(fabula("show", story, "--outline", "--world"))


def test_config_shows_each_value_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("fabula.toml").write_text("threads = 2\n")
    monkeypatch.setenv("FABULA_WRITE__N", "3")
    shown = json.loads(fabula("config", "--json").stdout)
    assert shown["threads"] == {"value": 2, "source": str(Path.cwd() / "fabula.toml")}
    assert shown["write.n"] == {"value": 3, "source": "environment"}
    assert shown["write.revisions"] == {"value": 2, "source": "default"}
    lines = fabula("config").stdout.splitlines()
    assert ["write.n", "3", "environment"] in [line.split() for line in lines]


def test_the_doctor_exits_with_1_when_something_is_wrong() -> None:
    result = fabula("doctor", "--model", "nowhere", "--server", "http://127.0.0.1:9/v1", "--json")
    assert result.exit_code == 1
    found = {check["name"]: check["state"] for check in json.loads(result.stdout)}
    assert found["library"] == "ok"
    assert found["embedded engine"] == "bad"


def test_without_a_command_there_is_help() -> None:
    result = fabula("--help")
    assert result.exit_code == 0
    assert all(
        command in result.stdout for command in ("write", "continue", "list", "show", "config", "doctor", "train")
    )
