"""Every key of every screen, with the scripted engine and with the bundled model, and what the library holds after each.

Two stories are played with each of them, many keys in a row; at the end no action of any screen is left that was not done.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from acts import chooses, walks, writes
from acts_plan import branches, exports, goes_on, looks, outlines, plans
from every_key import Given, answered, screens, unpressed
from playing import Player, play, proposal, story_of
from textual.widgets import Input

from agents.brief import make_brief
from planner.lease import lease
from planner.store import Library
from planner.tui.library import Shelf
from planner.tui.new_story import NewStory
from planner.tui.premises import SURPRISES
from planner.tui.room import Room
from prompts.errors import StoryMissing


def test_every_key_of_the_room_does_to_the_library_what_it_says(
    library: Library, given: Given, an_editor: None, tmp_path: Path
) -> None:
    story = story_of(library, paragraphs=16)
    pressed: set[object] = set()

    async def act(player: Player) -> None:
        await writes(player)
        await chooses(player)
        await walks(player)
        await plans(player)
        await outlines(player)
        await branches(player)
        await goes_on(player, given)
        await looks(player)
        await exports(player, tmp_path)
        told, waits = player.texts(), proposal(player)
        await player.press("L")
        await player.until(lambda: isinstance(player.app.screen, Shelf), "the library")
        with lease(library, story.id):
            pass
        await player.until(lambda: story.id in player.app.screen._titles, "filled")  # type: ignore[attr-defined]
        await player.settled()
        await player.press("enter")
        await player.until(lambda: isinstance(player.app.screen, Room) and bool(player.room.view), "opened")
        assert (player.texts(), proposal(player)) == (told, waits)
        await player.hit("q")
        assert unpressed(player.pressed, screens() - {Shelf, NewStory}) == set()
        pressed.update(player.pressed)

    play(library, act, studio=given.studio, story=story, size=(80, 24))
    assert pressed
    with lease(library, story.id):
        pass


def test_every_key_of_the_library_does_to_it_what_it_says(library: Library, given: Given) -> None:
    async def act(player: Player) -> None:
        async def shelf(*stories: str) -> None:
            await player.until(
                lambda: isinstance(player.app.screen, Shelf) and [*player.app.screen._titles] == [*stories], "listed"
            )
            await player.settled()

        async def begun() -> str:
            await player.until(lambda: bool(player.app.screen.query("#page")) and bool(player.room.view), "opened")
            await player.until(lambda: bool(player.room.view and player.room.view.proposal), "written")
            await player.settled()
            return library.stories()[0].id

        def at() -> str | None:
            assert isinstance(player.app.screen, Shelf)
            return player.app.screen._at

        await player.press("n", "escape")
        assert library.stories() == []
        await player.press("n", "f5")
        logline = player.app.screen.query_one("#new-premise", Input).value
        assert logline in SURPRISES
        await player.press("ctrl+s")
        first = await begun()
        assert library.story(first).logline == logline
        assert library.latest_premise(first)
        assert library.latest_outline(first)
        told = proposal(player)
        await player.press("enter", "L")
        await shelf(first)
        assert [row.text for row in library.path(library.head(first))] == [told]
        await player.press("n")
        for field, text in (("premise", "A baker must save the mill"), ("length", "5"), ("cast", "Mara: stubborn")):
            player.app.screen.query_one(f"#new-{field}", Input).value = text
        await player.press("ctrl+s")
        second = await begun()
        brief = make_brief(logline="A baker must save the mill", paragraphs=5, characters=("Mara: stubborn",))
        assert library.story(second).options["brief"] == brief.model_dump(mode="json")
        await player.press("L")
        await shelf(second, first)

        for key, story in (("j", first), ("k", second), ("G", first), ("g", second)):
            await player.press(key)
            assert at() == story, key
        await answered(player, "R", "The Flood")
        assert library.standing(second).title == "The Flood"
        await shelf(second, first)
        await player.press("A")
        assert (library.standing(second).status, [info.id for info in library.stories()]) == ("archived", [first])
        await shelf(first)
        await player.press("H")
        await shelf(second, first)
        await player.press("g", "A")
        assert library.standing(second).status == "open", (
            "what is shown because it is put away comes back by the same key"
        )
        await player.settled()
        await player.press("u")
        assert library.standing(second).status == "archived"
        await player.settled()
        await player.press("H")
        await shelf(first)
        await player.press("u")
        assert library.standing(second).status == "open"
        await shelf(second, first)
        await player.press("g", "D")
        with pytest.raises(StoryMissing):
            library.story(second)
        await shelf(first)
        await player.press("H")
        await shelf(second, first)
        await player.press("g", "D", "H")
        assert library.story(second).id == second
        await shelf(second, first)
        await player.press("u")
        assert library.standing(second).status == "deleted"
        await shelf(first)
        await player.press("u")
        assert library.standing(second).status == "open"
        await player.press("u")
        assert library.standing(second).title == ""
        await shelf(second, first)
        await player.press("question_mark", "escape", "g", "j", "enter")
        await player.until(lambda: isinstance(player.app.screen, Room) and bool(player.room.view), "opened")
        assert player.room.story.id == first
        await player.press("L")
        await shelf(second, first)
        await player.hit("q")
        assert unpressed(player.pressed, {Shelf, NewStory}) == set()

    play(library, act, studio=given.studio, size=(80, 24), in_library=True)
    assert [info.paragraphs for info in library.stories()] == [0, 1]
