"""The keys that change the plan, go ways, find and look: what each does to the library, and what it says."""

from __future__ import annotations

from playing import Player, play, proposal, two

from planner.store import Library
from planner.tui.branches import Branches
from planner.tui.compare import Compare
from planner.tui.dialogs import Pick, Reading
from planner.tui.help import Keys
from planner.tui.outline import OutlineEditor
from planner.tui.room import Room


def test_n_t_and_s_change_note_tone_and_summary_and_u_takes_them_back(library: Library) -> None:
    async def act(player: Player) -> None:
        await two(player)
        before = await player.session(lambda session: session.snapshot())
        tone = player.room.view and player.room.view.premise and player.room.view.premise.tone
        for key, text, end in (
            ("n", "short sentences", "enter"),
            ("t", "grim", "enter"),
            ("s", "It rained.", "ctrl+s"),
        ):
            await player.press(key)
            await player.type(text)
            await player.press(end)
        view = player.room.view
        assert view is not None
        assert view.premise is not None
        assert (view.note, view.premise.tone, view.summary) == ("short sentences", "grim", ("It rained.",))
        assert tone != "grim"
        await player.press("u", "u", "u")
        assert await player.session(lambda session: session.snapshot()) == before

    play(library, act)


def test_p_pins_and_capital_p_takes_the_pin_back(library: Library) -> None:
    async def act(player: Player) -> None:
        await two(player)
        assert player.room.view is not None
        assert player.room.view.premise is not None
        hero = player.room.view.premise.cast[0].name
        await player.press("p")
        await player.type("The moon is green")
        await player.press("enter")
        assert "A pinned fact is about" in player.status
        await player.press("p")
        await player.type(f"{hero} is left-handed")
        await player.press("enter")
        assert [fact.object for fact in library.pinned(player.story.id)] == ["left-handed"]
        assert f"⚑ {hero} is left-handed" in player.shown
        await player.press("P")
        assert isinstance(player.app.screen, Pick)
        await player.press("enter")
        assert library.pinned(player.story.id) == []

    play(library, act)


def test_branches_begin_are_shown_as_a_tree_and_compared(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("c")
        assert "one branch only" in player.status
        told = await two(player)
        await player.press("b")
        await player.type("darker")
        await player.press("enter", "u", "enter", "enter")
        assert player.texts() == told
        darker = player.texts("darker")
        assert darker[0] == told[0]
        assert darker[1] != told[1]
        await player.press("B")
        assert isinstance(player.app.screen, Branches)
        await player.until(lambda: "darker ◂ here" in player.shown, "the tree")
        assert "parts after 1" in player.shown
        await player.press("k", "enter")
        await player.until(lambda: player.room.view is not None and player.room.view.branch == "main", "switched")
        await player.press("c")
        assert isinstance(player.app.screen, Compare)
        assert "1 paragraph shared" in player.shown
        await player.press("escape", "b")
        await player.type("main")
        await player.press("enter")
        assert "already" in player.status

    play(library, act)


def test_o_changes_inserts_moves_and_drops_beats(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")

        def beats() -> list[str]:
            assert player.room.view is not None
            assert player.room.view.outline is not None
            return [beat.happens for beat in player.room.view.outline.beats]

        before = beats()
        await player.press("o")
        assert isinstance(player.app.screen, OutlineEditor)
        await player.press("enter")
        await player.type("It rains.")
        await player.press("enter")
        assert beats() == ["It rains.", *before[1:]]
        await player.press("i")
        await player.type("A stranger knocks.")
        await player.press("enter")
        assert beats() == ["A stranger knocks.", "It rains.", *before[1:]]
        await player.press("J")
        assert beats() == ["It rains.", "A stranger knocks.", *before[1:]]
        await player.press("d", "plus")
        assert beats() == ["It rains.", *before[1:]]
        await player.press("u", "u", "u", "u", "u", "escape")
        assert beats() == before
        assert isinstance(player.app.screen, Room)

    play(library, act)


def test_capital_c_changes_a_card(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "C", "enter")
        await player.type("Ottilie")
        await player.press("ctrl+s")
        assert player.room.view is not None
        assert player.room.view.premise is not None
        assert player.room.view.premise.cast[0].name == "Ottilie"

    play(library, act)


def test_capital_j_goes_back_to_a_paragraph(library: Library) -> None:
    async def act(player: Player) -> None:
        told = await two(player)
        await player.press("J")
        await player.type("1")
        await player.press("enter")
        assert player.texts() == told[:1]
        await player.press("u")
        assert player.texts() == told

    play(library, act)


def test_slash_finds_words_and_obeys_commands(library: Library) -> None:
    async def act(player: Player) -> None:
        told = await two(player)
        await player.press("slash")
        await player.type(told[0].split(".")[0])
        await player.press("enter")
        if isinstance(player.app.screen, Pick):
            await player.press("enter")
        assert player.room.page.chosen == 0
        await player.press("slash")
        await player.type("words that are nowhere")
        await player.press("enter")
        assert "stands nowhere" in player.status
        await player.press("colon")
        await player.type("/undo")
        await player.press("enter")
        assert player.texts() == told[:1]
        await player.press("colon")
        await player.type("/help")
        await player.press("enter")
        assert isinstance(player.app.screen, Reading)
        await player.press("escape", "slash")
        await player.type("/nonsense")
        await player.press("enter")
        assert "no command" in player.status

    play(library, act)


def test_question_mark_shows_the_keys_and_the_palette_has_the_commands(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("question_mark")
        assert isinstance(player.app.screen, Keys)
        assert "keep the paragraph" in player.shown
        await player.press("escape", "ctrl+p")
        await player.until(lambda: "Begin a branch here" in player.shown, "the palette")
        await player.press("escape")
        theme = player.app.theme
        await player.press("ctrl+t")
        assert player.app.theme != theme

    play(library, act)


def test_keys_that_scroll(library: Library) -> None:
    async def act(player: Player) -> None:
        for _ in range(6):
            await player.press("enter")
        page = player.room.page
        assert page.at_end
        for key, moves in (("k", -1), ("up", -1), ("j", 1), ("pageup", -1), ("g", -1), ("down", 1), ("G", 1)):
            was = page.scroll_y
            await player.press(key)
            await player.pilot.pause(0.05)
            assert (page.scroll_y - was) * moves > 0, key

    play(library, act, size=(60, 14))


def test_digits_show_and_hide_the_panes(library: Library) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")
        assert "5 numbers" not in player.shown
        await player.press("5")
        assert "5 numbers" in player.shown
        await player.press("5", "0")
        assert "1 outline" not in player.shown
        await player.press("0")
        assert "1 outline" in player.shown

    play(library, act)


def test_q_leaves_and_the_story_opens_again_where_it_was(library: Library) -> None:
    texts: list[str] = []

    async def leave(player: Player) -> None:
        await two(player)
        texts.append(proposal(player))
        await player.pilot.press("q")

    async def come_back(player: Player) -> None:
        assert proposal(player) == texts[0]
        assert "waits for you" in player.status

    play(library, leave)
    play(library, come_back, story=library.story(library.stories()[0].id))
