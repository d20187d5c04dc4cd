"""Every screen at three sizes in both themes, as a picture; narrow and tiny terminals; a story of five thousand paragraphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playing import Player, picture, play, story_of

from agents.brief import make_brief
from planner.store import Library
from planner.tui.library import Shelf
from planner.tui.new_story import NewStory
from planner.tui.room import Room

SIZES = [(80, 24), (120, 36), (200, 50)]
THEMES = ["fabula-dark", "fabula-light"]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_screen_is_drawn(library: Library, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    async def act(player: Player) -> None:
        def look(name: str, *texts: str) -> None:
            svg = picture(player.app, tmp_path, name)
            assert [text for text in texts if text not in svg] == [], name

        await player.press("enter", "enter", "enter")
        assert player.room.view is not None
        look("room", player.room.view.title, "2 of 6", "keep and go on", "Next", "Quit")
        if size[0] >= 120:
            look("panes", "1 outline", "2 cast and world", "4 findings")
        if size[0] >= 200:
            look("panes", "3 summary", "5 numbers")
        await player.press("question_mark")
        look("keys", "Keys", "keep the paragraph, write the next")
        await player.press("escape", "o")
        look("outline", "Outline", "three-act", "i insert")
        await player.press("escape", "r")
        look("alternatives", "2 of 2", "with a wish")
        await player.press("escape", "e")
        look("edit", "Edit the new paragraph", "Ctrl+S keep")
        await player.press("escape", "i")
        look("ask", "wish for this paragraph")
        await player.press("escape", "a")
        look("auto", "to the end of this beat")
        await player.press("escape", "b")
        await player.type("darker")
        await player.press("enter", "B")
        await player.until(lambda: "darker" in player.shown, "the tree")
        look("branches", "Branches", "darker", "main")
        await player.press("escape", "c")
        look("compare", "2 paragraphs shared", "It ends where they part.")
        await player.press("escape", "C")
        look("pick", "Whose card?")
        await player.press("enter")
        look("card", "Traits, with commas", "Ctrl+S keep")
        await player.press("escape", "L")
        await player.until(lambda: isinstance(player.app.screen, Shelf), "the library")
        await player.until(lambda: player.story.id in player.app.screen._titles, "filled")
        await player.settled()
        look("library", player.library.stories()[0].title, "New story", "words")
        await player.press("n")
        look("new", "Premise", "Surprise me", "three-act", "Ctrl+S begin")

    play(library, act, size=size, theme=theme)


def test_without_colour_it_is_drawn_all_the_same(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def act(player: Player) -> None:
        await player.press("enter")
        assert player.app.no_color
        assert "keep and go on" in player.shown

    play(library, act)


def test_a_tiny_terminal_shows_one_calm_line_and_a_wider_one_everything_again(library: Library) -> None:
    async def act(player: Player) -> None:
        assert "more room" in " ".join(player.shown.split())
        await player.press("enter", "question_mark", "escape", "o", "escape", "n", "escape", "enter")
        assert len(player.texts()) == 1
        await player.pilot.resize_terminal(120, 36)
        await player.settled()
        assert "1 outline" in player.shown
        assert player.texts()[0][:20] in player.shown
        await player.pilot.resize_terminal(20, 5)
        await player.settled()
        assert "more room" in " ".join(player.shown.split())

    play(library, act, size=(20, 5))


@pytest.mark.parametrize("size", [(20, 5), (30, 8), (41, 11)])
def test_every_screen_stands_a_small_terminal(library: Library, size: tuple[int, int]) -> None:
    async def act(player: Player) -> None:
        for keys in (("enter", "enter"), ("r",), ("e",), ("w",), ("B",), ("s",), ("C", "enter"), ("p",), ("a",)):
            await player.press(*keys)
            await player.press("escape")
        await player.press("L")
        await player.until(lambda: isinstance(player.app.screen, Shelf), "the library")
        await player.press("n", "escape")

    play(library, act, size=size)


def long_story(library: Library, paragraphs: int) -> str:
    """A story of many paragraphs, as the graph would have left it, without writing it."""
    from planner.tui.view import WINDOW

    story = story_of(library, make_brief(logline="A road that does not end", paragraphs=paragraphs + 10))

    async def act(player: Player) -> None:
        await player.press("enter", "enter")

        def fill(session: object) -> None:
            head = library.head(story.id)
            for index in range(1, paragraphs):
                text = f"Paragraph number {index} went on and on. " * 8
                head = library.commit(
                    story.id, "main", parent=head, index=index, text=text, beat=index // 200, meta={}, facts=(),
                    findings=(), move=index == paragraphs - 1,
                ).id  # fmt: skip
            state = session.snapshot()  # type: ignore[attr-defined]
            session.put("fill", state.model_copy(update={"head": head}))  # type: ignore[attr-defined]

        await player.session(fill)
        assert paragraphs > 2 * WINDOW

    play(library, act, story=story)
    return story.id


def test_a_long_story_is_read_in_windows_and_whole_where_it_is_asked_for(library: Library) -> None:
    story = library.story(long_story(library, 700))

    async def act(player: Player) -> None:
        page = player.room.page
        assert len(page.rows) == 200
        assert page.at_end
        assert "number 699" in player.shown
        await player.press("g")
        await player.until(lambda: len(page.rows) == 700 and page.scroll_y == 0, "the beginning")
        for key, rows in (("enter", 700), ("enter", 701), ("u", 700)):
            await player.press(key)
            assert len(page.rows) == rows

    play(library, act, story=story)


def test_scrolling_up_brings_the_paragraphs_before_and_moves_nothing_that_is_seen(library: Library) -> None:
    story = library.story(long_story(library, 500))

    async def act(player: Player) -> None:
        page = player.room.page
        page.scroll_to(y=20, animate=False, force=True, immediate=True)
        await player.until(lambda: len(page.rows) == 400, "more")
        assert [row.index for row in page.rows] == list(range(100, 500))
        assert page.scroll_y > 1000

    play(library, act, story=story)


def test_the_library_opens_begins_renames_archives_and_deletes_and_takes_it_back(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.until(lambda: "n begins your first story" in player.shown, "the tour")
        await player.press("n")
        assert isinstance(player.app.screen, NewStory)
        for field, text in (("premise", "A baker must save the mill"), ("length", "2"), ("cast", "Mara: stubborn")):
            player.app.screen.query_one(f"#new-{field}").value = text  # type: ignore[attr-defined]
        await player.press("ctrl+s")
        assert "Paragraphs must be between" in player.status
        player.app.screen.query_one("#new-length").value = "5"  # type: ignore[attr-defined]
        await player.press("ctrl+s")
        await player.until(lambda: isinstance(player.app.screen, Room) and player.room.view is not None, "begun")
        await player.until(lambda: player.room.view is not None and player.room.view.proposal is not None, "written")
        story = library.stories()[0].id
        assert library.story(story).options["brief"]["characters"] == ["Mara: stubborn"]
        await player.press("enter", "L")
        await player.until(lambda: isinstance(player.app.screen, Shelf) and story in player.app.screen._titles, "back")
        await player.settled()
        await player.press("R")
        await player.type("The Flood")
        await player.press("enter")
        assert library.stories()[0].title == "The Flood"
        await player.press("A")
        await player.until(lambda: library.stories() == [], "archived")
        await player.press("u")
        assert [info.id for info in library.stories()] == [story]
        await player.until(lambda: "The Flood" in player.shown, "shown again")
        await player.settled()
        await player.press("D")
        assert library.stories() == []
        await player.press("u", "u")
        assert library.stories()[0].title != "The Flood"

    play(library, act, in_library=True)


def test_an_empty_form_and_a_surprise_are_premises_too(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("n", "f5")
        first = player.app.screen.query_one("#new-premise").value  # type: ignore[attr-defined]
        await player.press("f5")
        assert player.app.screen.query_one("#new-premise").value not in {"", first}  # type: ignore[attr-defined]
        player.app.screen.query_one("#new-premise").value = ""  # type: ignore[attr-defined]
        await player.press("ctrl+s")
        await player.until(lambda: bool(library.stories()), "begun")
        await player.until(lambda: isinstance(player.app.screen, Room) and player.room.view is not None, "opened")

    play(library, act, in_library=True)
