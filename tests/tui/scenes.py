"""Every screen of the writing room, and the keys that lead to it.

A new screen is one entry of ``SCENES``: its name, the keys, and the story that it begins in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playing import OWN, PREMISE, Player, Slow, story_of
from textual import events

from agents.engines.scripted import ScriptedEngine
from planner.context import ROLES
from planner.session import open_story
from planner.store import Library
from planner.tui.dialogs import Choice, Entry
from planner.tui.library import Shelf

Go = Callable[[Player, Slow], Awaitable[object]]


@dataclass(frozen=True)
class Scene:
    """``story`` is what it begins in: "waiting" (a paragraph is proposed), "new", "done", or "" for the library."""

    name: str
    go: Go
    story: str = "waiting"
    says: tuple[str, ...] = ()
    """Words that have to be seen at every size."""
    sizes: tuple[tuple[int, int], ...] = ((80, 24), (120, 36), (200, 50))
    anew: bool = False
    """Whether it is opened anew for each picture: Textual's own palette keeps the colours that it was opened in."""


def keys(*pressed: str) -> Go:
    async def go(player: Player, engine: Slow) -> None:
        await player.press(*pressed)

    return go


async def _stream(player: Player, engine: Slow) -> None:
    engine.words = 9
    await player.pilot.press("enter")
    await player.until(lambda: player.app.teller.feed.pieces == 9 and "▍" in player.page, "streaming")


async def _branches(player: Player, engine: Slow) -> None:
    await player.press("B")
    await player.until(lambda: "darker" in player.shown, "the tree")


async def _unsaved(player: Player, engine: Slow) -> None:
    await player.press("e")
    await player.type(OWN)
    await player.press("escape")
    await player.until(lambda: isinstance(player.app.screen, Choice), "asked")


async def _library(player: Player, engine: Slow) -> None:
    await player.until(lambda: isinstance(player.app.screen, Shelf) and bool(player.app.screen._titles), "filled")
    await player.settled()


async def _empty(player: Player, engine: Slow) -> None:
    for story in player.library.stories():
        player.library.delete(story.id)
    await player.press("H", "H")
    await player.until(lambda: "first story" in player.shown, "the tour")


async def _palette(player: Player, engine: Slow) -> None:
    await player.press("ctrl+p")
    await player.until(lambda: "A wish for this" in player.shown, "commands")
    await player.settled()


async def _mark(player: Player, engine: Slow) -> None:
    await player.press("left_square_bracket", "left_square_bracket")


async def _command(player: Player, engine: Slow) -> None:
    await player.press("colon")
    await player.type("/help")
    await player.press("enter")


async def _form(player: Player, engine: Slow) -> None:
    await player.press("n")
    player.app.screen.query_one("#new-premise").value = PREMISE  # type: ignore[attr-defined]
    player.app.screen.query_one("#new-length").value = "2"  # type: ignore[attr-defined]
    await player.press("ctrl+s")


async def _paste(player: Player, engine: Slow) -> None:
    await player.press("i")
    await player.until(lambda: isinstance(player.app.focused, Entry), "asked")
    assert player.app.focused is not None
    player.app.focused.post_message(events.Paste("word " * 200_000))
    await player.until(lambda: bool(player.app.screen.query("Toast")), "refused")


SCENES = (
    Scene("library", _library, "", ("New story", "words")),
    Scene("library-empty", _empty, "", ("n begins your first story",)),
    Scene("new", keys("n"), "", ("Premise", "Surprise me", "three-act", "Ctrl+S begin")),
    Scene("new-refused", _form, "", ("Paragraphs must be between",)),
    Scene("room-new", keys(), "new", ("⏎ begins the story",)),
    Scene("room", keys(), says=("keep and go on", "Next", "3 of 6")),
    Scene("room-tiny", keys(), says=("room",), sizes=((39, 9), (20, 5))),
    Scene("room-marked", _mark, says=("▌", "is marked")),
    Scene("room-streaming", _stream, says=("▍", "Esc stops")),
    Scene("room-done", keys(), "done", ("∎", "at its end")),
    Scene("alternatives", keys("r"), says=("1 of 2", "⏎ keep", "m merge", "Esc leave")),
    Scene("edit", keys("e"), says=("Edit the new paragraph", "Ctrl+S keep", "Esc leave")),
    Scene("edit-leave", _unsaved, says=("The text was changed.", "Keep it")),
    Scene("summary", keys("s"), says=("The story so far", "Ctrl+S keep")),
    Scene("wish", keys("i"), says=("wish for this paragraph",)),
    Scene("paste", _paste, says=("split it",)),
    Scene("auto", keys("a"), says=("to the end of this beat",)),
    Scene("outline", keys("o"), says=("Outline", "three-act", "i insert", "Esc leave")),
    Scene("branches", _branches, says=("Branches", "darker", "main", "Esc leave")),
    Scene("compare", keys("c"), says=("2 paragraphs shared", "Esc leave")),
    Scene("cards", keys("C"), says=("Whose card?",)),
    Scene("card", keys("C", "enter"), says=("Traits, with commas", "Ctrl+S keep")),
    Scene("command", _command, says=("/help",)),
    Scene("keys", keys("question_mark"), says=("Keys", "You and the model write together")),
    Scene("palette", _palette, says=("A wish for this paragraph",), anew=True),
)


def prepare(folder: Path) -> None:
    """Make the libraries that scenes begin in, ``folder``/<story>.db each."""
    for name in ("new", "waiting", "done"):
        with Library.open(folder / f"{name}.db") as library:
            row = story_of(library)
            if name == "new":
                continue
            engine = ScriptedEngine()
            with open_story(library, row, dict.fromkeys(ROLES, engine)) as session:
                for _ in range(2 if name == "waiting" else 6):
                    session.propose()
                    session.accept()
                if name == "waiting":
                    session.branch("darker")
                    session.add("The rain had not stopped since the mill was sold.")
                    session.switch("main")
                    session.add(OWN)
                    session.pin("Dov is left-handed")
                    session.set_note("short sentences")
                    session.propose()
