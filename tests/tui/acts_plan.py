"""What a person does to plan, branches, roles and files with the keys of the room, each act looked at in the library."""

from __future__ import annotations

from pathlib import Path

from every_key import Given, answered, beats, everything, premise, stands, step
from playing import OWN, Player, proposal

from agents.engines.embedded import EmbeddedEngine
from planner.role_log import RoleChange
from planner.tui.compare import Compare
from planner.tui.dialogs import Pick, Reading


async def plans(player: Player) -> None:
    """n, t, s, C, p and P."""
    story = player.story.id
    await answered(player, "n", "short sentences")
    assert (step(player), stands(player).note) == (("do", "note"), "short sentences")
    was = stands(player).premise
    await answered(player, "t", "grim")
    assert (premise(player).tone, player.library.premise(was).tone != "grim") == ("grim", True)
    await answered(player, "s", "It rained.\nThe mill stands. Nobody knows.", "ctrl+s")
    assert stands(player).summary.sentences == ("It rained.", "The mill stands.", "Nobody knows.")
    old = premise(player).cast[0]
    await player.press("C", "j", "k", "enter")
    await player.type("Ottilie")
    await player.press("ctrl+s")
    new = premise(player).cast[0]
    assert (new.id, new.name, old.name in new.aliases) == (old.id, "Ottilie", True)

    await answered(player, "p", "Ottilie is left-handed")
    assert [fact.quote for fact in player.library.pinned(story)] == ["Ottilie is left-handed"]
    before = everything(player)
    await player.press("C", "escape", "C", "enter", "escape", "P", "escape", "n", "escape", "s", "escape")
    assert everything(player) == before
    await player.press("P")
    assert isinstance(player.app.screen, Pick)
    await player.press("enter")
    assert player.library.pinned(story) == []


async def outlines(player: Player) -> None:
    """o: every key of the outline's screen."""
    old, was = stands(player).outline, beats(player)
    await player.press("o", "j", "k", "escape")
    assert stands(player).outline == old
    await player.press("o")
    at = player.app.screen.query_one("#beats").highlighted  # type: ignore[attr-defined]

    def happens() -> list[str]:
        return [beat.happens for beat in beats(player)]

    plain = happens()
    knock = "A stranger knocks."
    added = [*plain[:at], knock, *plain[at:]]
    await answered(player, "i", knock)
    assert happens() == added
    await player.press("J")
    assert happens() == [*plain[: at + 1], knock, *plain[at + 1 :]]
    await player.press("K")
    assert happens() == added
    await player.press("plus")
    assert beats(player)[at].paragraphs == 2
    await player.press("minus")
    assert beats(player)[at].paragraphs == 1
    await player.press("d")
    assert beats(player) == was
    await player.press("u", "minus")
    assert happens() == added, "a beat has a paragraph at least, and what changes nothing is no step"
    await player.press("ctrl+r")
    assert beats(player) == was
    await answered(player, "enter", "It rains.")
    assert happens() == [*plain[:at], "It rains.", *plain[at + 1 :]]
    await player.press("escape")
    assert player.library.outline(old).beats == was


async def branches(player: Player) -> None:
    """b, B and c, and which branch is written in after each."""
    story, told = player.story.id, player.texts()

    async def tree(here: str) -> None:
        await player.press("B")
        await player.until(lambda: f"{here} ◂ here" in player.shown, "the tree")
        await player.settled()

    await answered(player, "b", "darker")
    assert set(player.library.branches(story)) == {"main", "darker"}
    await answered(player, "w", OWN, "ctrl+s")
    assert (player.texts(), player.texts("darker")) == (told, [*told, OWN])
    before = everything(player)
    await tree("darker")
    await player.press("escape")
    await tree("darker")
    await player.press("k", "c")
    assert isinstance(player.app.screen, Compare)
    compared = player.app.screen._compared
    assert compared.shared == len(told)
    assert [row.text for row in (*compared.one, *compared.other)] == [OWN]
    await player.press("j", "k", "space", "pageup", "G", "g", "escape", "c", "escape")
    assert everything(player) == before
    await tree("darker")
    await player.press("k", "j", "k", "enter")
    await answered(player, "w", "All in vain.", "ctrl+s")
    assert (player.texts(), player.texts("darker")) == ([*told, "All in vain."], [*told, OWN])


async def goes_on(player: Player, given: Given) -> None:
    """a and m: what is written alone, and with which model."""
    told, library, story = player.texts(), player.library, player.story.id
    await player.press("a", "escape", "a", "n")
    await player.type("1")
    await player.press("enter")
    assert player.texts()[:-1] == told or proposal(player)
    await player.press("m", "escape")
    assert library.role_changes(story) == {}
    await player.press("m", "tab")
    await player.type(given.other)
    await player.press("tab")
    await player.type("0.7")
    await player.press("ctrl+s")
    change = RoleChange(model=given.other, engine=given.engine, sampling={"temperature": 0.7})
    assert library.role_changes(story) == {"generator": change}
    await player.press("x", "enter")
    _, output = [pair for pair in library.outputs(story) if pair[0].node == "generate"][-1]
    assert output.model == (given.other if given.engine == "scripted" else EmbeddedEngine(Path(given.other)).model)
    assert output.request["sampling"]["temperature"] == 0.7  # type: ignore[call-overload,index]


async def looks(player: Player) -> None:
    """The panes, the ends of the page and the list of keys: they change nothing."""
    before = everything(player)
    await player.press("question_mark", "j", "k", "escape", *"12345", "0", "0", "g", "G")
    assert everything(player) == before


async def exports(player: Player, folder: Path) -> None:
    await player.press("X", "escape")
    assert not list(folder.glob("mine.*"))
    await player.press("X")
    await player.type("mine.md")
    await player.press("down", "up", "enter")
    if isinstance(player.app.screen, Reading):  # a long path is shown on a screen of its own
        await player.press("escape")
    written = (folder / "mine.md").read_text(encoding="utf-8")
    assert [text for text in player.texts() if text not in written] == []
