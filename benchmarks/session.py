"""The writing room's speed: ``make bench-session``.

Measured with Textual's own pilot, without a terminal: how long a story of 5,000 paragraphs takes to open, and how long a key
that scrolls takes until the screen was laid out and painted anew, at rest and while a paragraph streams. Goals: opening
at most 1 s; the 95th percentile of key to paint at most 50 ms. Exits 1 when one is missed.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agents.brief import make_brief
from agents.engines.base import Completion, Engine, OnText, Request
from agents.engines.scripted import ScriptedEngine
from agents.generator import GeneratorSettings
from planner.context import ROLES, Role, WriteSettings
from planner.session import begin, open_story
from planner.store import Library, StoryRow

PARAGRAPHS, KEYS = 5_000, 150
OPENING_S, PAINT_MS = 1.0, 50.0


class Streaming(ScriptedEngine):
    """Streams words at 50 a second for as long as the measurement needs them, once ``slow``."""

    slow = False

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        if self.slow and on_text:
            for number in range(100_000):
                time.sleep(0.02)
                on_text(f"word{number} ")
        return super().complete(request, on_text)


def long_story(library: Library, engine: Engine) -> StoryRow:
    """A story of 5,000 paragraphs: the first two were written, the others committed as they would have been."""
    brief = make_brief(logline="A road that does not end", paragraphs=PARAGRAPHS + 10)
    story = begin(library, brief, 1, WriteSettings(generator=GeneratorSettings(n=1)), {"name": "scripted"})
    with open_story(library, story, dict.fromkeys(ROLES, engine)) as session:
        session.write_paragraph()
        head = library.head(story.id)
        for index in range(1, PARAGRAPHS):
            text = f"Paragraph {index} went on along the road, and nobody could say where it would end. " * 6
            head = library.commit(
                story.id, "main", parent=head, index=index, text=text, beat=index // 105, meta={}, facts=(), findings=(),
                move=index == PARAGRAPHS - 1,
            ).id  # fmt: skip
        session.put("fill", session.snapshot().model_copy(update={"head": head}))
    return story


async def measure(library: Library, story: StoryRow, engine: Streaming) -> dict[str, list[float]]:
    """Seconds of opening and milliseconds of every key, by what was going on."""
    from planner.tui.app import FabulaApp
    from planner.tui.room import Room
    from planner.tui.teller import Studio

    engines: dict[Role, Engine] = dict.fromkeys(ROLES, engine)
    app = FabulaApp(Studio(library, lambda row: engines, lambda brief: story))
    app.animation_level = "none"
    found: dict[str, list[float]] = {"opening": [], "at rest": [], "while streaming": []}
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        begun = time.perf_counter()
        app.enter(story)
        while not (isinstance(app.screen, Room) and app.screen.view):
            await asyncio.sleep(0.001)
        found["opening"].append(time.perf_counter() - begun)
        room = app.screen
        await pilot.pause(0.2)
        for name in ("at rest", "while streaming"):
            if name == "while streaming":
                engine.slow = True
                room.action_accept()
                await asyncio.sleep(1)
            for key in _keys():
                was = room.page.scroll_y
                begun = time.perf_counter()
                app.simulate_key(key)
                while room.page.scroll_y == was or room._dirty_widgets or room._callbacks:
                    await asyncio.sleep(0)
                    if time.perf_counter() - begun > 1:
                        break
                found[name].append((time.perf_counter() - begun) * 1000)
                await asyncio.sleep(0.01)
        app.teller.stop.set()
    return found


def _keys() -> Iterator[str]:
    yield from ["pageup", "k", "pagedown", "k", "j"] * (KEYS // 5)


def main() -> int:
    engine = Streaming()
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "library.db") as library:
        story = long_story(library, engine)
        found = asyncio.run(measure(library, story, engine))
    opening = found["opening"][0]
    missed = opening > OPENING_S
    print(f"opening {PARAGRAPHS:,} paragraphs: {opening:.2f} s (goal {OPENING_S:.0f} s)")
    for name in ("at rest", "while streaming"):
        late = statistics.quantiles(found[name], n=20)[-1]
        missed |= late > PAINT_MS
        middle = statistics.median(found[name])
        print(f"key to paint {name}: median {middle:.1f} ms, 95th percentile {late:.1f} ms (goal {PAINT_MS:.0f} ms)")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
