"""What a person does to a text with the keys of the room, each act looked at in the library: for the tests of every key."""

from __future__ import annotations

from every_key import MORE, answered, everything, last, prompts, step
from playing import OWN, Player, proposal

from agents.text import sentences
from planner.tui.dialogs import Pick, Reading
from planner.tui.merge import Merge
from planner.tui.reroll import Alternatives


async def writes(player: Player) -> None:
    """Enter, x, w, e, E and i."""
    await player.press("enter")
    first = proposal(player)
    assert player.texts() == []
    await player.press("enter")
    assert player.texts() == [first]
    dropped, asked = proposal(player), len(prompts(player))
    await player.press("x")
    assert player.room.view is not None
    assert player.room.view.proposal is None
    assert player.texts() == [first]
    await player.press("enter")
    assert proposal(player) != dropped
    assert len(prompts(player)) > asked
    await answered(player, "w", OWN, "ctrl+s")
    assert player.texts() == [first, OWN]
    assert (step(player), last(player).meta["author"]) == (("do", "write"), "person")

    await player.press("enter")
    model = proposal(player)
    await player.press("e", "escape")
    assert player.texts() == [first, OWN]
    await player.press("e", "ctrl+e", "ctrl+s")
    assert player.texts() == [first, OWN, f"{model} {MORE}"]
    assert last(player).meta["source"] == model
    await player.press("E")
    assert player.texts() == [first, OWN, f"{model} {MORE} {MORE}"]
    assert step(player) == ("do", "edit")
    asked = len(prompts(player))
    await answered(player, "i", "they quarrel")
    assert {"quarrel" in prompt for prompt in prompts(player)[asked:]} == {True}
    assert {"quarrel" in prompt for prompt in prompts(player)[:asked]} == {False}
    wished = proposal(player)
    await player.press("enter")
    assert player.texts()[3:] == [wished]
    await player.press("x")


async def chooses(player: Player) -> None:
    """r, and every key of the alternatives and of their merging."""
    told = player.texts()
    await player.press("enter", "r", "escape")
    assert (player.texts(), bool(proposal(player))) == (told, True)
    await player.press("r", "right", "left", "1", "r", "2", "e", "escape")
    assert (player.texts(), bool(proposal(player))) == (told, True)
    await player.press("r")
    await answered(player, "i", "a storm comes")
    assert "storm" in prompts(player)[-1]
    screen = player.app.screen
    assert isinstance(screen, Alternatives)
    second = screen._texts[1]
    assert second != proposal(player)
    await player.press("2", "enter")
    assert player.texts() == [*told, second]
    assert last(player).meta["author"] == "model"

    await player.press("enter", "r", "m", "escape")
    assert isinstance(player.app.screen, Alternatives)
    await player.press("m", "space", "e", "escape")
    assert len(player.texts()) == len(told) + 1
    await player.press("r")
    assert isinstance(player.app.screen, Alternatives)
    one, two = map(sentences, player.app.screen._texts[:2])
    await player.press("m", "j", "k", "space", "right", "left", "2", "space", "backspace", "space")
    assert isinstance(player.app.screen, Merge)
    await player.press("enter")
    assert player.texts() == [*told, second, " ".join(dict.fromkeys([one[0], two[0]]))]


async def walks(player: Player) -> None:
    """u, Ctrl+R, the marks, J, / and :."""
    story, told = player.story.id, player.texts()
    await player.press("u")
    assert player.texts() == told[:-1]
    await player.press("ctrl+r")
    assert (player.texts(), step(player)[0]) == (told, "redo")

    await player.press(*["left_square_bracket"] * 2, "right_square_bracket", "left_square_bracket", "e")
    await player.type("It rained.")
    await player.press("ctrl+s")
    assert player.texts() == [*told[:-2], "It rained.", told[-1]]
    assert step(player) == ("do", "edit")
    assert player.room.page.chosen == len(told) - 2
    await player.press("escape")
    assert player.room.page.chosen is None
    await player.press("u")
    assert player.texts() == told

    await answered(player, "J", "1")
    assert (player.texts(), step(player)) == (told[:1], ("do", "jump"))
    await player.press("u")
    assert player.texts() == told
    await answered(player, "colon", "/undo 2")
    assert player.texts() == told[:-2]
    await answered(player, "colon", "/redo 2")
    assert player.texts() == told

    before = everything(player)
    await player.press("J", "escape")
    await answered(player, "colon", "/outline")
    assert isinstance(player.app.screen, Reading)
    await player.press("j", "k", "escape")
    await answered(player, "slash", OWN[:30])
    if isinstance(player.app.screen, Pick):
        await player.press("enter")
    chosen = player.room.page.chosen
    assert chosen is not None
    assert OWN[:30] in player.library.path(player.library.head(story))[chosen].text
    await player.press("escape")
    assert everything(player) == before
