"""The keys that write, edit and take back paragraphs: what each does to the library, and what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playing import OWN, Player, play, proposal, two

from planner.store import Library
from planner.tui.dialogs import Ask, Choice
from planner.tui.reroll import Alternatives
from planner.tui.room import Room
from planner.tui.writing import Writing


def test_enter_writes_a_paragraph_and_enter_keeps_it_and_writes_the_next(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")
        first = proposal(player)
        assert player.texts() == []
        assert first[:40] in player.page
        await player.press("enter")
        assert player.texts() == [first]
        assert proposal(player) != first

    play(library, act)


def test_enter_after_enter_writes_the_story_to_its_end(library: Library) -> None:
    async def act(player: Player) -> None:
        for _ in range(7):
            await player.press("enter")
        assert len(player.texts()) == 6
        assert library.is_done(player.story.id)
        assert "at its end" in player.status
        assert "∎" in player.page

    play(library, act)


def test_r_shows_the_alternatives_and_enter_keeps_the_chosen_one(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")
        first = proposal(player)
        await player.press("r")
        assert isinstance(player.app.screen, Alternatives)
        await player.press("r")
        assert isinstance(player.app.screen, Alternatives)
        assert first[:20] in player.shown
        await player.press("3", "enter")
        assert player.texts() == [first]

    play(library, act)


def test_an_alternative_can_be_edited_before_it_is_kept(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "r", "e")
        assert isinstance(player.app.screen, Writing)
        await player.type(OWN)
        await player.press("ctrl+s")
        assert player.texts() == [OWN]

    play(library, act)


def test_a_wish_from_among_the_alternatives_reaches_the_model(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "r", "i")
        await player.type("they quarrel")
        await player.press("enter")
        prompts = [o.prompt for k, o in library.outputs(player.story.id) if k.node == "generate"]
        assert "they quarrel" in prompts[-1]
        assert "they quarrel" not in prompts[0]

    play(library, act)


def test_e_edits_the_proposed_paragraph_and_then_the_last_and_then_a_marked_one(library: Library) -> None:
    async def act(player: Player) -> None:
        told = await two(player)
        model = proposal(player)
        await player.press("e")
        await player.type(OWN)
        await player.press("ctrl+s")
        assert player.texts() == [*told, OWN]
        assert library.path(library.head(player.story.id))[-1].meta["source"] == model
        await player.press("e")
        await player.type("It rained.")
        await player.press("ctrl+s")
        assert player.texts() == [*told, "It rained."]
        await player.press("left_square_bracket", "left_square_bracket", "left_square_bracket", "e")
        await player.type("It began.")
        await player.press("ctrl+s")
        assert player.texts() == ["It began.", told[1], "It rained."]

    play(library, act)


def test_leaving_an_edit_asks_before_anything_is_dropped(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "e", "escape")
        assert isinstance(player.app.screen, Room)
        await player.press("e")
        await player.type(OWN)
        await player.press("escape")
        assert isinstance(player.app.screen, Choice)
        await player.press("b")
        assert isinstance(player.app.screen, Writing)
        await player.press("escape", "k")
        assert player.texts() == [OWN]

    play(library, act)


def test_capital_e_edits_in_the_editor_of_the_person(
    library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text(f"import sys, pathlib; pathlib.Path(sys.argv[1]).write_text({OWN!r} + '\\n')")
    monkeypatch.delenv("VISUAL", raising=False)

    async def act(player: Player) -> None:
        await player.press("enter")
        monkeypatch.setenv("EDITOR", "no-such-editor-anywhere")
        await player.press("E")
        assert "cannot be used" in player.status
        assert player.texts() == []
        monkeypatch.setenv("EDITOR", f"{sys.executable} {editor}")
        await player.press("E")
        assert player.texts() == [OWN]

    play(library, act)


def test_w_writes_a_paragraph_of_ones_own(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("w")
        assert "no outline yet" in player.status
        told = await two(player)
        await player.press("w")
        await player.type(OWN)
        await player.press("ctrl+s")
        assert player.texts() == [*told, OWN]
        assert "✎" in str(player.room.page._lines)

    play(library, act)


def test_i_wishes_something_of_this_paragraph_alone(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "i")
        assert isinstance(player.app.screen, Ask)
        await player.type("a storm comes")
        await player.press("enter", "enter")
        prompts = [o.prompt for k, o in library.outputs(player.story.id) if k.node == "generate"]
        assert ["a storm comes" in prompt for prompt in prompts] == [False, True, False]

    play(library, act)


def test_u_and_control_r_walk_back_and_forth(library: Library) -> None:
    async def act(player: Player) -> None:
        told = await two(player)
        await player.press("u")
        assert player.texts() == told[:1]
        assert told[1][:30] not in player.page
        await player.press("u", "u")
        assert player.texts() == []
        assert "nothing to take back" in player.status
        await player.press("ctrl+r", "ctrl+r", "ctrl+r")
        assert player.texts() == told
        assert "nothing to bring again" in player.status

    play(library, act)


def test_x_drops_the_proposed_paragraph(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")
        first = proposal(player)
        await player.press("x")
        assert player.room.view is not None
        assert player.room.view.proposal is None
        await player.press("enter")
        assert proposal(player) != first

    play(library, act)
