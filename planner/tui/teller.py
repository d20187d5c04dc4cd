"""The one thread that works on stories, so that the screen never waits.

Invariant: a session is opened, used and closed on this thread alone, one call after the other; what streams meanwhile is
gathered in a ``Feed``, which the screen empties at its own pace.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from agents.brief import Brief
from agents.engines.base import Engine
from planner import events
from planner.context import Role
from planner.role_engines import close_engines
from planner.session import Session, open_story
from planner.store import Library, StoryRow
from planner.tui.view import View, look
from prompts.errors import InputError

T = TypeVar("T")
Engines = Mapping[Role, Engine]


@dataclass(frozen=True)
class Studio:
    """What the app is given: the library, how a story's engines are opened, and how a story is begun.

    ``engines_for`` is called on the teller's thread, and once a story; the app closes what it opened.
    """

    library: Library
    engines_for: Callable[[StoryRow], Engines]
    begin: Callable[[Brief], StoryRow]
    arc: str = "three-act"
    paragraphs: int = 10


@dataclass
class Feed:
    """What happened since the screen looked last."""

    doing: str = ""
    stream: str = ""
    pieces: int = 0
    changed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(self, event: events.Event) -> None:
        """Take an event in; called on the teller's thread."""
        with self._lock:
            self.changed = True
            match event:
                case events.PremiseReady(premise):
                    self.doing = f"Planning {premise.title or 'the story'}"
                case events.BeatPlanned(beat, number, total):
                    self.doing = f"Outline {number} of {total}: {beat.label}"
                case events.Writing(position, beat, attempt):
                    self.stream, self.pieces = "", 0
                    again = f", attempt {attempt + 1}" if attempt else ""
                    self.doing = f"Paragraph {position.paragraph + 1}, {beat.label}{again}"
                case events.TextPiece(text):
                    self.stream += text
                    self.pieces += 1
                case events.Checked():
                    self.doing = "Reading it through"
                case events.Committed():
                    self.stream = ""
                    self.doing = "Summing up"
                case _:
                    pass

    def take(self) -> tuple[str, str] | None:
        """What is being done and the text so far; None when nothing has changed since the last time."""
        with self._lock:
            if not self.changed:
                return None
            self.changed = False
            return self.doing, self.stream

    def clear(self, doing: str = "") -> str:
        """Begin anew; returns the text that had been streamed."""
        with self._lock:
            text, self.stream, self.pieces, self.doing, self.changed = self.stream, "", 0, doing, True
            return text


class Teller:
    """One open story at most."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.feed = Feed()
        self.stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="teller")
        self._held = ExitStack()
        self._session: Session | None = None

    async def run(self, deed: Callable[[], T]) -> T:
        """Do something on the teller's thread."""
        return await asyncio.wrap_future(self._pool.submit(deed))

    async def open(self, story: StoryRow) -> View:
        """Open a story and let go of the one before. Raises ``StoryBusy`` when another process has it."""

        def work() -> View:
            self._let_go()
            with ExitStack() as stack:
                engines = self.studio.engines_for(story)
                stack.callback(close_engines, engines)  # those that it has then: a role may get another meanwhile
                library = self.studio.library
                session = stack.enter_context(
                    open_story(library, story, engines, listen=self.feed.listen, branch=library.latest_branch(story.id))
                )
                session.context.stop = self.stop.is_set
                view = look(session)
                self._held = stack.pop_all()
            self._session = session
            # What is there now stays until the story is let go: going through it again and again in search of garbage would
            # hold everything up for a quarter of a second each time.
            gc.freeze()
            return view

        return await self.run(work)

    async def do(self, deed: Callable[[Session], T]) -> T:
        """Do something with the open story. Raises ``InputError`` when none is open."""

        def work() -> T:
            if self._session is None:
                raise InputError("No story is open.")
            return deed(self._session)

        return await self.run(work)

    async def look(self) -> View:
        return await self.do(look)

    async def leave(self) -> None:
        """Let the open story go, so that others may have it."""
        await self.run(self._let_go)

    def close(self) -> None:
        """Stop what is being written between two tokens, let the story go, end the thread."""
        self.stop.set()
        self._pool.submit(self._let_go)
        self._pool.shutdown(wait=True)

    def _let_go(self) -> None:
        gc.unfreeze()
        self._session = None
        held, self._held = self._held, ExitStack()
        held.close()
