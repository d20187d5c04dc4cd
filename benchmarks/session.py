"""The writing room's speed: ``make bench-session``.

Measured with Textual's own pilot, without a terminal, on a story of 5,000 paragraphs: how long it takes to open; how long a
key that scrolls takes until the screen was laid out and painted anew, at rest, while a paragraph streams at 50 words a
second, and while the bundled model writes one paragraph after the other on the same processor; and how much more memory
the whole takes than a story of two paragraphs did. Goals: opening at most 1 s; the 95th percentile of key to paint at most
50 ms; memory at most 1.1 times. Exits 1 when one is missed.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual._compositor import CompositorUpdate

from agents.brief import make_brief
from agents.engines import open_engine
from agents.engines.base import Completion, Engine, OnText, Request
from agents.engines.scripted import ScriptedEngine
from benchmarks.report import Report
from planner.auto import write_on
from planner.context import ROLES, Role, WriteSettings
from planner.session import begin, open_story
from planner.store import Library, StoryRow

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

    from planner.tui.room import Room

PARAGRAPHS, KEYS = 5_000, 150
OPENING_S, PAINT_MS, MEMORY = 1.0, 50.0, 1.1


class Streaming(ScriptedEngine):
    """Streams words at 50 a second for as long as the measurement needs them, once ``slow``."""

    slow = False

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        if self.slow and on_text:
            for number in range(100_000):
                time.sleep(0.02)
                on_text(f"word{number} ")
        return super().complete(request, on_text)


def story_of(library: Library, engine: Engine, paragraphs: int) -> StoryRow:
    """A story of many paragraphs: the first two were written, the others committed as they would have been."""
    brief = make_brief(logline="A road that does not end", paragraphs=PARAGRAPHS + 100)
    story = begin(library, brief, 1, WriteSettings(), {"name": "scripted"})
    with open_story(library, story, dict.fromkeys(ROLES, engine)) as session:
        session.write_paragraph()
        head = library.head(story.id)
        for index in range(1, paragraphs):
            text = f"Paragraph {index} went on along the road, and nobody could say where it would end. " * 6
            head = library.commit(
                story.id, "main", parent=head, index=index, text=text, beat=index // 105, meta={}, facts=(), findings=(),
                move=index == paragraphs - 1,
            ).id  # fmt: skip
        session.put("fill", session.snapshot().model_copy(update={"head": head}))
    return story


@asynccontextmanager
async def entered(library: Library, story: StoryRow, engine: Callable[[], Engine]) -> AsyncIterator[tuple[Room, float]]:
    """The writing room with the story open, and the seconds that opening took. The app opens and closes the engine."""
    from planner.tui.app import FabulaApp
    from planner.tui.room import Room
    from planner.tui.teller import Studio

    def engines_for(_: StoryRow) -> dict[Role, Engine]:
        return dict.fromkeys(ROLES, engine())

    app = FabulaApp(Studio(library, engines_for, lambda brief: story))
    app.animation_level = "none"
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        begun = time.perf_counter()
        app.enter(story)
        while not (isinstance(app.screen, Room) and app.screen.view):
            await asyncio.sleep(0.001)
        opening = time.perf_counter() - begun
        await pilot.pause(0.2)
        yield app.screen, opening
        app.teller.stop.set()


class Paints:
    """Sees what is painted. Textual paints nothing without a terminal, so what a terminal would get is made here."""

    def __init__(self, room: Room) -> None:
        self.seen = room.page.scroll_y
        self._room = room
        room.app._display = self._paint  # type: ignore[method-assign]

    def _paint(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate):
            renderable.render_segments(self._room.app.console)
            self.seen = self._room.page.scroll_y


async def keys(room: Room) -> list[float]:
    """Milliseconds of every key from its press to the paint that shows what it did."""
    found, paints = [], Paints(room)
    for key in _keys():
        was = paints.seen
        begun = time.perf_counter()
        room.app.simulate_key(key)
        while paints.seen == was:
            await asyncio.sleep(0.0005)
            if time.perf_counter() - begun > 2:
                raise RuntimeError(f"The key {key} moved nothing.")
        found.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.05)
    return found


def _keys() -> Iterator[str]:
    yield from ["pageup", "k", "pagedown", "k", "j"] * (KEYS // 5)


async def measure(library: Library, report: Report) -> None:
    engine = Streaming()
    short, long = story_of(library, engine, 2), story_of(library, engine, PARAGRAPHS)
    async with entered(library, short, lambda: engine):
        little = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: dict[str, list[float]] = {}
    async with entered(library, long, lambda: engine) as (room, opening):
        found["at rest"] = await keys(room)
        engine.slow = True
        room.action_accept()
        await asyncio.sleep(1)
        found["while streaming"] = await keys(room)
    much = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with entered(library, long, lambda: open_engine("embedded", "")) as (room, _):
        room.run_worker(room.tell("Writing", lambda session: write_on(session, "end"), streams=True))
        await asyncio.sleep(1)
        found["while the bundled model writes"] = await keys(room)
        if not room.streams:
            raise RuntimeError("The model had stopped writing before all keys were pressed.")
    report.at_most(f"opening {PARAGRAPHS:,} paragraphs", opening, OPENING_S, "s")
    for name, times in found.items():
        print(f"key to paint {name}: median {statistics.median(times):.1f} ms, longest {max(times):.0f} ms")
        report.at_most(f"key to paint {name}, 95th percentile", statistics.quantiles(times, n=20)[-1], PAINT_MS, "ms")
    report.at_most(f"memory with {PARAGRAPHS:,} paragraphs by that with 2", much / little, MEMORY)


def main() -> int:
    report = Report("session")
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "library.db") as library:
        asyncio.run(measure(library, report))
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
