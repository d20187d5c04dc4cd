"""Pressing the keys of the writing room in tests, and looking at what came of it in the library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from agents.brief import Brief, make_brief
from agents.engines.base import Completion, Engine, OnText, Request
from agents.engines.scripted import ScriptedEngine
from agents.generator import GeneratorSettings
from planner.context import ROLES, WriteSettings
from planner.session import Session, begin
from planner.store import Library, StoryRow
from planner.tui.app import FabulaApp
from planner.tui.room import Room
from planner.tui.teller import Studio
from prompts.errors import EngineError

PREMISE = "A lighthouse keeper finds a door under the sea"
ONE = WriteSettings(generator=GeneratorSettings(n=1))
Play = Callable[["Player"], Awaitable[None]]


def is_paragraph(request: Request) -> bool:
    return "Write the next paragraph" in request.prompt.text


class Slow(ScriptedEngine):
    """Stops after ``words`` words of each paragraph until it is let go on; ``closed`` says whether the app closed it."""

    def __init__(self, words: int = 0) -> None:
        super().__init__()
        self.words = words
        self.go = threading.Event()
        self.closed = False

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        count = 0

        def slowly(piece: str) -> None:
            nonlocal count
            count += 1
            if on_text:
                on_text(piece)
            if self.words and count == self.words:
                self.go.wait(20)

        return super().complete(request, slowly if on_text else None)

    def close(self) -> None:
        self.closed = True
        self.go.set()


class Gone(ScriptedEngine):
    """Fails in the midst of every paragraph while ``gone``."""

    gone = False

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        if self.gone and is_paragraph(request):
            if on_text:
                on_text("The door ")
            raise EngineError("The server at 127.0.0.1 did not answer; start it and go on.")
        return super().complete(request, on_text)


def studio_for(library: Library, engine: Engine | None = None) -> Studio:
    used: Mapping[object, Engine] = dict.fromkeys(ROLES, engine or ScriptedEngine())
    return Studio(library, lambda story: used, lambda brief: story_of(library, brief))  # type: ignore[arg-type,return-value]


def story_of(library: Library, brief: Brief | None = None, paragraphs: int = 6) -> StoryRow:
    brief = brief or make_brief(logline=PREMISE, paragraphs=paragraphs)
    return begin(library, brief, 1, ONE, {"name": "scripted"})


class Player:
    """A person at the keyboard."""

    def __init__(self, app: FabulaApp, pilot: Pilot[None], library: Library, story: StoryRow | None) -> None:
        self.app, self.pilot, self.library, self._story = app, pilot, library, story
        self.pressed: set[tuple[type[Screen[Any]], str]] = set()
        """Every key that was pressed, with the screen that was on top."""

    @property
    def story(self) -> StoryRow:
        return self._story or self.library.story(self.library.stories()[0].id)

    @property
    def room(self) -> Room:
        return next(screen for screen in self.app.screen_stack if isinstance(screen, Room))

    @property
    def status(self) -> str:
        for screen in reversed(self.app.screen_stack):
            if found := list(screen.query("#status")):
                return str(found[0].render())
        return ""

    @property
    def shown(self) -> str:
        """Everything that is on the screen as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    @property
    def page(self) -> str:
        return "\n".join(line[2] for line, _ in self.room.page._lines)

    def texts(self, branch: str = "main") -> list[str]:
        return [row.text for row in self.library.path(self.library.head(self.story.id, branch))]

    async def session(self, deed: Callable[[Session], object]) -> object:
        return await self.app.teller.do(deed)

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        for _ in range(1500):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"it never came to that {what}; on the screen was:\n{self.shown}\n{self.status}")

    async def settled(self) -> None:
        """Wait until nothing is being done."""
        calm = 0
        while calm < 4:
            await asyncio.sleep(0.01)
            busy = any(getattr(screen, "busy", 0) for screen in self.app.screen_stack)
            calm = 0 if busy else calm + 1

    async def hit(self, key: str) -> None:
        """Press a key and wait for nothing."""
        self.pressed.add((type(self.app.screen), key))
        await self.pilot.press(key)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.hit(key)
            await self.settled()

    async def type(self, text: str) -> None:
        """Type into the field that has the focus, in place of what is there."""
        field = self.app.focused
        assert field is not None
        if hasattr(field, "value"):
            field.value = text
            field.cursor_position = len(text)
        else:
            field.text = text  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)


def play(
    library: Library,
    act: Play,
    *,
    engine: Engine | None = None,
    studio: Studio | None = None,
    story: StoryRow | None = None,
    size: tuple[int, int] = (120, 36),
    theme: str = "",
    write: bool = False,
    in_library: bool = False,
) -> None:
    """Run the app without a terminal, in a story of six paragraphs, and let ``act`` press keys."""

    async def run() -> None:
        row = None if in_library else story or story_of(library)
        app = FabulaApp(studio or studio_for(library, engine), row, write=write, theme=theme)
        app.animation_level = "none"
        async with app.run_test(size=size, notifications=True) as pilot:
            player = Player(app, pilot, library, row)
            if row:
                await player.until(lambda: any(isinstance(s, Room) and s.view for s in app.screen_stack), "opened")
            await player.settled()
            await act(player)

    asyncio.run(run())


def picture(app: FabulaApp, folder: Path, name: str) -> str:
    """The screen as SVG; returns its text."""
    svg = app.export_screenshot()
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    return svg.replace("&#160;", " ")


OWN = "Nobody had told the baker that the mill was for sale, and so she bought it."


def proposal(player: Player) -> str:
    assert player.room.view is not None
    assert player.room.view.proposal is not None
    return player.room.view.proposal.text


async def two(player: Player) -> list[str]:
    """Two paragraphs and a third that waits."""
    await player.press("enter", "enter", "enter")
    assert len(player.texts()) == 2
    return player.texts()
