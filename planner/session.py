"""Write, continue and read stories: what every front end calls.

A session holds the story's lease, so one process writes it at a time. Invariant: after every ``write_paragraph`` the story
can be killed and opened again; nothing committed is lost or doubled, and no journalled model call is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from agents.brief import Brief, read_character
from agents.engines.base import Engine
from planner.arc import load_shape
from planner.checkpoints import open_saver
from planner.context import Context, Role, WriteSettings
from planner.desk import Durability
from planner.events import Event
from planner.graph import build
from planner.lease import lease
from planner.role_actions import RoleActions
from planner.state import Outline, Premise
from planner.store import Library, ParagraphRow, StoryRow

MAIN = "main"
BURST = 10
"""Paragraphs of an invoke in a batch: most of what an invoke costs is spent once in it, whatever it writes."""


def begin(library: Library, brief: Brief, seed: int, settings: WriteSettings, engine: Mapping[str, object]) -> StoryRow:
    """Record a new story with everything that writing it depends on.

    ``engine`` says which engines and models it was begun with (planner/routing.py); it never holds a key. Raises
    ``InputError`` for an arc that isn't one, or a character without a name.
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


class Session(RoleActions):
    """One story, open for writing and for everything that a person does with it."""

    def write_paragraph(self) -> bool:
        """Write one paragraph (and, the first time, the premise and the outline); False when the story is at its end.

        A run that was killed inside a paragraph goes on at the node that it was in.
        """
        return self.write_burst(1)

    def write_burst(self, paragraphs: int) -> bool:
        """Write up to this many paragraphs in one invoke; False when the story is at its end.

        In durability "exit" a killed burst is told again from the journal, without a model call that was made before.
        """
        if self.state.get("done"):
            return False
        self.context.burst, self.context.gate = paragraphs, False
        self.invoke(None if self.pending else {"story": self.story.id})
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

    ``settings`` default to those that the story was begun with; what a person changed of the roles since goes over them.
    """
    context = Context(
        library=library, engines=engines, brief=brief_of(story), seed=story.seed,
        settings=settings or settings_of(story), branch=branch, listen=listen, streams=durability != "exit",
    )  # fmt: skip
    with lease(library, story.id), open_saver(library) as saver:
        context.changes = library.role_changes(story.id)
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
    """Everything of a story that a reader sees, under the title that it has on the shelf; it needs no lease."""
    revision, outline = library.current_plan(story.id, branch)
    head = library.head(story.id, branch)
    premise = library.premise(revision) if revision else None
    if premise and (title := library.standing(story.id).title):
        premise = premise.model_copy(update={"title": title})
    return Manuscript(
        story=story,
        premise=premise,
        outline=library.outline(outline) if outline else None,
        paragraphs=tuple(library.path(head)) if head else (),
        done=library.is_done(story.id, branch),
    )
