"""Merging alternatives, a file of the story, writing on until something, and chapters on the page: what the keys leave behind."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playing import Player, play, proposal, story_of, two

from agents.engines.scripted import ScriptedEngine
from agents.text import sentences
from planner.context import ROLES
from planner.export import branch
from planner.export.formats import Format
from planner.session import open_story
from planner.store import Library, StoryRow
from planner.tui.dialogs import Choice
from planner.tui.export_form import ExportForm
from planner.tui.help import Keys
from planner.tui.merge import Merge
from planner.tui.reroll import Alternatives
from planner.tui.room import Room
from planner.tui.writing import Writing


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith("library.db")}


def long(library: Library) -> StoryRow:
    """A story whose beats are chapters, before its first paragraph."""
    story = story_of(library)
    with open_story(library, story, dict.fromkeys(ROLES, ScriptedEngine())) as session:
        session.propose()
        session.set_outline([beat.model_copy(update={"paragraphs": 4}) for beat in session.outline.beats])
    return story


async def alternatives(player: Player) -> tuple[list[str], list[str]]:
    """The sentences of the two alternatives that are on the screen, the proposed one first."""
    await player.press("enter")
    first = proposal(player)
    await player.press("r")
    assert isinstance(player.app.screen, Alternatives)
    return sentences(proposal(player)), sentences(first)


def test_m_joins_picked_sentences_in_the_order_of_the_picking(library: Library) -> None:
    async def act(player: Player) -> None:
        one, two = await alternatives(player)
        await player.press("m")
        assert isinstance(player.app.screen, Merge)
        await player.press("enter")
        assert isinstance(player.app.screen, Merge), "nothing is picked yet"
        await player.press("2", "j", "space", "1", "space", "down", "space", "right", "space", "backspace")
        wanted = " ".join([two[1], one[0], one[1]])
        below = player.app.screen.query_one("#merged-text")
        assert str(below.render()) == wanted
        await player.press("enter")
        assert isinstance(player.app.screen, Room)
        assert player.texts() == [wanted]

    play(library, act, size=(80, 24))


def test_a_sentence_is_picked_once_and_unpicked_by_the_same_key(library: Library) -> None:
    async def act(player: Player) -> None:
        one, _ = await alternatives(player)
        await player.press("m", "space", "down", "space", "up", "space", "e")
        assert isinstance(player.app.screen, Writing)
        await player.press("ctrl+s")
        assert player.texts() == [one[1]]

    play(library, act)


def test_leaving_the_merge_leads_back_to_the_alternatives_and_takes_nothing(library: Library) -> None:
    async def act(player: Player) -> None:
        await alternatives(player)
        await player.press("m", "space", "escape")
        assert isinstance(player.app.screen, Alternatives)
        await player.press("escape")
        assert player.texts() == []
        assert proposal(player)

    play(library, act)


@pytest.mark.parametrize("size", [(80, 24), (41, 11)])
def test_the_merge_shows_sentences_and_what_they_make_on_a_small_screen(
    library: Library, size: tuple[int, int]
) -> None:
    async def act(player: Player) -> None:
        one, _ = await alternatives(player)
        await player.press("m", "down", "space")
        words = one[1].split()[:2]
        assert player.shown.count(" ".join(words)) >= 2, player.shown

    play(library, act, size=size)


def test_x_makes_a_file_in_the_format_that_is_marked(library: Library, tmp_path: Path) -> None:
    async def act(player: Player) -> None:
        told = await two(player)
        made: set[str] = set()
        for moves in range(len(Format)):
            await player.press("X")
            assert isinstance(player.app.screen, ExportForm)
            to = list(Format)[(list(Format).index(Format.EPUB) + moves) % len(Format)]
            await player.press(*["down"] * moves, "enter")
            assert isinstance(player.app.screen, Room), player.shown
            (name,) = files(tmp_path) - made
            made.add(name)
            assert name.endswith(f".{to}")
            assert player.status == f"Written to {tmp_path / name}."
            if to in {Format.MD, Format.HTML, Format.JSON}:
                assert told[1] in (tmp_path / name).read_text(encoding="utf-8")
        assert player.texts() == told

    play(library, act, size=(200, 50))


def test_a_typed_name_marks_its_format_and_the_branch_that_is_open_is_what_is_written(
    library: Library, tmp_path: Path
) -> None:
    async def act(player: Player) -> None:
        await two(player)
        await player.press("b")
        await player.type("darker")
        await player.press("enter", "w")
        await player.type("All in vain.")
        await player.press("ctrl+s", "X")
        await player.type("mine.txt")
        await player.press("enter")
        assert "All in vain." in (tmp_path / "mine.txt").read_text(encoding="utf-8")
        assert "mine.txt" in player.shown, "where it is, is said on a narrow screen as well"

    play(library, act, size=(80, 24))


def test_the_screen_goes_on_while_a_file_is_made(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, threads = threading.Event(), list[str]()

    def slow(book: object, to: Format) -> tuple[bytes, tuple[str, ...]]:
        threads.append(threading.current_thread().name)
        go.wait(20)
        return b"made", ("No font here has it.",)

    monkeypatch.setattr(branch, "exported", slow)

    async def act(player: Player) -> None:
        await two(player)
        await player.press("X")
        await player.pilot.press("enter")
        await player.until(lambda: bool(threads) and "Making the epub" in player.status, "making it")
        await player.pilot.press("question_mark")
        await player.until(lambda: isinstance(player.app.screen, Keys), "the keys")
        await player.pilot.press("escape")
        assert files(tmp_path) == set()
        go.set()
        await player.settled()
        (name,) = files(tmp_path)
        assert (tmp_path / name).read_bytes() == b"made"
        assert "No font here has it." in player.shown
        assert threads[0].startswith("teller")

    play(library, act)


def test_the_form_for_a_file_can_be_used_on_a_small_screen(library: Library, tmp_path: Path) -> None:
    async def act(player: Player) -> None:
        await two(player)
        await player.press("X")
        await player.type("small.md")
        await player.settled()
        assert "small.md" in player.shown
        assert "Markdown" in player.shown
        await player.press("enter")
        assert files(tmp_path) == {"small.md"}

    play(library, act, size=(41, 11))


def test_a_file_that_is_there_is_replaced_only_when_a_person_says_so(library: Library, tmp_path: Path) -> None:
    taken = tmp_path / "mine.md"
    taken.write_text("mine")

    async def act(player: Player) -> None:
        told = await two(player)
        await player.press("X")
        await player.type("mine.md")
        await player.press("enter")
        assert isinstance(player.app.screen, Choice)
        await player.press("escape")
        assert isinstance(player.app.screen, ExportForm)
        assert taken.read_text() == "mine"
        await player.press("enter", "n")
        await player.type("other.md")
        await player.press("enter", "escape")
        assert taken.read_text() == "mine"
        assert (tmp_path / "other.md").exists()
        await player.press("X")
        await player.type("mine.md")
        await player.press("enter", "r")
        assert told[0] in taken.read_text(encoding="utf-8")

    play(library, act)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("no/such/folder.md", "does not exist; make it first."),
        (".", "is a folder"),
        ("a" * 300 + ".md", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_one_calm_line(library: Library, tmp_path: Path, path: str, says: str) -> None:
    async def act(player: Player) -> None:
        await two(player)
        await player.press("X")
        await player.type(path)
        await player.press("enter")
        assert says in player.status
        assert "--" not in player.status
        assert files(tmp_path) == set()

    play(library, act, size=(200, 50))


def test_a_format_whose_library_is_missing_says_what_to_install(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)

    async def act(player: Player) -> None:
        await player.press("X")
        assert "nothing to make a file of" in player.status
        await two(player)
        await player.press("X")
        await player.type("mine.pdf")
        await player.press("enter")
        assert "pip install 'fabula[export]'" in player.status
        assert files(tmp_path) == set()

    play(library, act)


def test_a_writes_a_number_of_paragraphs_or_to_the_end_of_the_chapter(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("a", "n")
        await player.type("2")
        await player.press("enter")
        assert len(player.texts()) == 2
        assert player.status == "2 paragraphs written."
        await player.press("a")
        assert "to the end of this chapter" in player.shown
        await player.press("c")
        assert player.room.view is not None
        assert player.room.view.position.beat == 1
        assert len(player.texts()) == 4
        assert "chapter is written" in player.status

    play(library, act, story=long(library))


@pytest.mark.parametrize(
    ("begin", "shows"),
    [(long, True), (lambda library: story_of(library, paragraphs=16), False)],
    ids=["chapters", "beats"],
)
def test_the_page_has_a_heading_where_a_chapter_begins_and_a_mark_where_a_beat_does(
    library: Library, begin: Callable[[Library], StoryRow], shows: bool
) -> None:
    async def act(player: Player) -> None:
        await player.press("a", "b", "enter", "enter")
        assert player.room.view is not None
        first, second = player.room.view.labels[:2]
        lines = [line for line, _ in player.room.page._lines]
        headings = [text.strip() for style, _, text in lines if style == "chapter"]
        marks = [text.strip() for style, _, text in lines if style == "mark"]
        assert headings == (["Chapter 1", "Chapter 2"] if shows else [])
        assert marks[-2:] == ([first, second] if shows else [f"·  {first}  ·", f"·  {second}  ·"])

    play(library, act, story=begin(library))
