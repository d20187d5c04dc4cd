"""Write, continue and read stories: what every front end calls.

A session holds the story's lease, so one process writes it at a time. Invariant: after every ``write_paragraph`` the story
can be killed and opened again; nothing committed is lost or doubled, and no journalled model call is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

from langchain_core.runnables import RunnableConfig

from agents.brief import Brief, read_character
from agents.engines.base import Engine
from planner.arc import load_shape
from planner.checkpoints import open_saver
from planner.context import Context, Role, WriteSettings
from planner.events import Event
from planner.graph import Planner, build
from planner.lease import lease
from planner.state import Outline, Premise, StoryState
from planner.store import Library, ParagraphRow, StoryRow

Durability = Literal["sync", "async", "exit"]
MAIN = "main"
BURST = 10
"""Paragraphs of an invoke in a batch: most of what an invoke costs is spent once in it, whatever it writes."""


def begin(library: Library, brief: Brief, seed: int, settings: WriteSettings, engine: Mapping[str, str]) -> StoryRow:
    """Record a new story with everything that writing it depends on.

    ``engine`` says which engine and model it was begun with; it never holds a key. Raises ``InputError`` for an arc that
    isn't one, or a character without a name.
    """
    load_shape(brief.arc)
    for wish in brief.characters:
        read_character(wish)
    options = {
        "brief": brief.model_dump(mode="json"), "settings": settings.model_dump(mode="json"), "engine": dict(engine),
    }  # fmt: skip
    return library.create_story(logline=brief.logline, seed=seed, options=options)


def brief_of(story: StoryRow) -> Brief:
    """The wishes that a story was begun with."""
    return Brief.model_validate(story.options["brief"])


def settings_of(story: StoryRow) -> WriteSettings:
    return WriteSettings.model_validate(story.options["settings"])


@dataclass
class Session:
    """One story, open for writing."""

    library: Library
    story: StoryRow
    context: Context
    planner: Planner
    durability: Durability
    _after: StoryState | None = None
    """The state after this process's last paragraph, which saves reading the checkpoint again."""

    @property
    def _config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": f"{self.story.id}/{self.context.branch}"}}

    @property
    def state(self) -> StoryState:
        """The typed state as of the last checkpoint; empty before the first."""
        if self._after is None:
            values: StoryState = self.planner.get_state(self._config).values  # type: ignore[assignment]
            return values
        return self._after

    @property
    def done(self) -> bool:
        return bool(self.state.get("done"))

    def write_paragraph(self) -> bool:
        """Write one paragraph (and, the first time, the premise and the outline); False when the story is at its end.

        A run that was killed inside a paragraph goes on at the node that it was in.
        """
        return self.write_burst(1)

    def write_burst(self, paragraphs: int) -> bool:
        """Write up to this many paragraphs in one invoke; False when the story is at its end.

        In durability "exit" a killed burst is told again from the journal, without a model call that was made before.
        """
        entry: StoryState | None = {"story": self.story.id}
        if self._after is None:
            snapshot = self.planner.get_state(self._config)
            if snapshot.values.get("done"):
                return False
            entry = None if snapshot.next else entry
        elif self._after.get("done"):
            return False
        self.context.burst = paragraphs
        self._after = None  # should this paragraph fail, the checkpoint is asked again
        after = self.planner.invoke(entry, self._config, context=self.context, durability=self.durability)
        self._after = cast("StoryState", after)
        return True

    def write(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Write to the end of the story, or until ``stop`` says so between two invokes."""
        paragraphs = BURST if self.durability == "exit" else 1
        while not stop() and self.write_burst(paragraphs):
            pass


@contextmanager
def open_story(
    library: Library,
    story: StoryRow,
    engines: Mapping[Role, Engine],
    *,
    settings: WriteSettings | None = None,
    listen: Callable[[Event], None] = lambda event: None,
    durability: Durability = "sync",
    branch: str = MAIN,
) -> Iterator[Session]:
    """Open a story for writing. Raises ``StoryBusy`` when another process has it, ``LibraryError`` for a broken library.

    ``settings`` default to those that the story was begun with.
    """
    context = Context(
        library=library, engines=engines, brief=brief_of(story), seed=story.seed,
        settings=settings or settings_of(story), branch=branch, listen=listen,
    )  # fmt: skip
    with lease(library, story.id), open_saver(library) as saver:
        yield Session(library, story, context, build(saver), durability)


@dataclass(frozen=True)
class Manuscript:
    """A story as it stands, for reading."""

    story: StoryRow
    premise: Premise | None
    outline: Outline | None
    paragraphs: tuple[ParagraphRow, ...]
    done: bool

    @property
    def title(self) -> str:
        return self.premise.title if self.premise else self.story.logline

    @property
    def words(self) -> int:
        return sum(len(paragraph.text.split()) for paragraph in self.paragraphs)


def read_story(library: Library, story: StoryRow, branch: str = MAIN) -> Manuscript:
    """Everything of a story that a reader sees; it needs no lease."""
    premise, outline = library.latest_premise(story.id), library.latest_outline(story.id)
    head = library.head(story.id, branch)
    return Manuscript(
        story=story,
        premise=library.premise(premise) if premise else None,
        outline=library.outline(outline) if outline else None,
        paragraphs=tuple(library.path(head)) if head else (),
        done=library.is_done(story.id, branch),
    )
