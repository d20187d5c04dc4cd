"""Writing on alone, stopping in the midst, and everything that can go wrong: one calm line, nothing lost."""

from __future__ import annotations

import pytest
from playing import Gone, Player, Slow, is_paragraph, play, story_of
from textual import events
from textual.widgets import Input, TextArea

from agents.engines.base import Request
from agents.engines.scripted import ScriptedEngine, answer
from agents.text import whole_sentences
from planner.lease import lease
from planner.store import Library
from planner.tui.dialogs import Choice
from planner.tui.library import Shelf
from planner.tui.room import Room

HOSTILE = "\x1b[31mRed\x1b[0m \x9b2J [bold]loud[/bold] [/] \u202eback \x07 and $text."


def hostile(request: Request, index: int) -> str:
    return HOSTILE if is_paragraph(request) else answer(request, index)


def test_a_writes_on_to_the_end(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("a")
        assert isinstance(player.app.screen, Choice)
        await player.press("e")
        assert library.is_done(player.story.id)
        assert len(player.texts()) == 6
        assert "at its end" in player.status

    play(library, act)


def test_a_writes_on_to_the_end_of_the_beat(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("a", "b")
        view = player.room.view
        assert view is not None
        assert view.outline is not None
        assert len(player.texts()) == view.outline.beats[0].paragraphs
        assert view.proposal is None
        assert "The beat is written" in player.status

    play(library, act, story=story_of(library, paragraphs=16))


@pytest.mark.parametrize("kept", [True, False])
def test_any_key_stops_it_between_two_words_and_the_rest_is_kept_or_dropped(library: Library, kept: bool) -> None:
    engine = Slow()

    async def act(player: Player) -> None:
        await player.press("enter", "enter")
        told = player.texts()
        engine.words = 14
        await player.press("x")
        await player.pilot.press("a")
        await player.until(lambda: isinstance(player.app.screen, Choice), "asked")
        await player.pilot.press("e")
        await player.until(lambda: player.app.teller.feed.pieces == 14, "streaming")
        await player.until(lambda: "▍" in player.page, "painted")
        streamed = player.app.teller.feed.stream
        assert "any key stops" in player.status
        await player.pilot.press("z")
        engine.words = 0
        engine.go.set()
        await player.until(lambda: isinstance(player.app.screen, Choice), "asked again")
        assert player.texts() == told
        await player.press("k" if kept else "d")
        assert player.texts() == ([*told, whole_sentences(streamed.strip())] if kept else told)
        await player.press("enter")
        assert player.room.view is not None
        assert player.room.view.proposal is not None
        assert not player.room.view.proposal.text.startswith(streamed)

    play(library, act, engine=engine)


def test_while_it_writes_the_page_scrolls_and_no_second_order_is_taken(library: Library) -> None:
    engine = Slow()

    async def act(player: Player) -> None:
        for _ in range(4):
            await player.press("enter")
        engine.words = 3
        await player.pilot.press("enter")
        await player.until(lambda: player.app.teller.feed.pieces == 3, "streaming")
        was = player.room.page.scroll_y
        await player.pilot.press("k", "k", "k")
        await player.until(lambda: player.room.page.scroll_y < was, "scrolled")
        await player.pilot.press("r")
        await player.until(lambda: "Still writing" in player.status or "Paragraph" in player.status, "told")
        await player.pilot.press("escape")
        engine.go.set()
        await player.settled()
        assert "before a sentence was whole" in player.status
        assert len(player.texts()) == 4

    play(library, act, engine=engine, size=(60, 14))


def test_leaving_while_it_writes_loses_nothing_and_lets_the_story_go(library: Library) -> None:
    engine = Slow()

    async def act(player: Player) -> None:
        await player.press("enter", "enter")
        engine.words = 3
        await player.pilot.press("enter")
        await player.until(lambda: player.app.teller.feed.pieces == 3, "streaming")
        engine.go.set()
        await player.pilot.press("q")

    play(library, act, engine=engine)
    assert engine.closed
    story = library.stories()[0]
    assert story.paragraphs in {1, 2}
    with lease(library, story.id):
        pass


def test_an_engine_that_is_gone_is_one_calm_line_and_then_it_goes_on(library: Library) -> None:
    engine = Gone()

    async def act(player: Player) -> None:
        await player.press("enter", "enter")
        told = player.texts()
        engine.gone = True
        await player.press("enter")
        assert "did not answer; start it and go on" in player.status
        kept = player.texts()
        assert kept[:1] == told
        assert len(kept) == 2
        engine.gone = False
        await player.press("enter")
        assert player.room.view is not None
        assert player.room.view.proposal is not None
        assert player.texts() == kept

    play(library, act, engine=engine)


def test_a_story_that_another_process_writes_is_said_calmly_where_all_stories_are(library: Library) -> None:
    story = story_of(library)

    async def act(player: Player) -> None:
        with lease(library, story.id):
            await player.until(lambda: bool(player.app.screen.query("#stories")), "the library")
            await player.settled()
            await player.press("enter")
            await player.until(lambda: "being written by another process" in player.status, "told")
            assert isinstance(player.app.screen, Shelf)
        await player.press("enter")
        await player.until(lambda: isinstance(player.app.screen, Room) and player.room.view is not None, "opened")

    play(library, act, in_library=True)


def test_escape_sequences_and_markup_in_a_text_are_shown_and_never_obeyed(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "enter", "r")
        for shown in (player.shown, player.app.export_screenshot()):
            assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(shown)
        assert "[bold]loud[/bold] [/]" in player.shown
        await player.press("escape", "e")
        assert not {"\x1b", "\x9b", "\x07"} & set(player.shown)
        await player.press("escape", "slash")
        await player.type("[/]")
        await player.press("enter")
        assert "␛[31mRed␛[0m" in player.page
        await player.press("L")
        await player.until(lambda: isinstance(player.app.screen, Shelf), "the library")

    play(library, act, engine=ScriptedEngine(hostile), size=(160, 40))


def test_escape_sequences_in_a_premise_are_harmless_too(library: Library) -> None:
    from agents.brief import make_brief

    brief = make_brief(logline=f"A sailor {HOSTILE} sings", title="[red]A \x1b[31mtitle[/]", paragraphs=3)

    async def act(player: Player) -> None:
        assert "\x1b" not in player.shown
        await player.press("enter", "enter")
        assert "\x1b" not in player.shown
        await player.press("L")
        await player.until(lambda: isinstance(player.app.screen, Shelf), "the library")
        await player.settled()
        assert "\x1b" not in player.shown

    play(library, act, story=story_of(library, brief))


def test_a_pasted_megabyte_is_refused_in_a_line_and_a_page_of_text_is_taken(library: Library) -> None:
    megabyte = "word " * 200_000

    async def act(player: Player) -> None:
        await player.press("enter")
        player.room.page.post_message(events.Paste(megabyte))
        await player.press("i")
        field = player.app.focused
        assert isinstance(field, Input)
        field.post_message(events.Paste(megabyte))
        await player.settled()
        assert field.value == ""
        field.post_message(events.Paste("they\nquarrel\x1b[31m"))
        await player.settled()
        assert field.value == "they quarrel␛[31m"
        await player.press("escape", "w")
        sheet = player.app.focused
        assert isinstance(sheet, TextArea)
        sheet.post_message(events.Paste(megabyte))
        await player.settled()
        assert sheet.text == ""
        sheet.post_message(events.Paste("One.\nTwo."))
        await player.settled()
        assert sheet.text == "One.\nTwo."
        await player.press("ctrl+s")
        assert player.texts() == ["One. Two."]

    play(library, act)


def test_the_app_is_left_in_the_midst_of_a_paragraph_without_a_word(library: Library) -> None:
    engine = Slow(5)

    async def act(player: Player) -> None:
        await player.hit("enter")
        await player.until(lambda: player.app.teller.feed.pieces == 5, "streaming")
        room = player.room
        await room.remove_children()  # as the app does on its way out, while the paragraph is still being told
        engine.words = 0
        engine.go.set()
        await player.until(lambda: not room.busy, "told")

    play(library, act, engine=engine)
