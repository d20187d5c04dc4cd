"""The typed story state: every value that the graph moves, frozen and validated when it is built.

Invariant: the state is bounded whatever the story's length. Text that grows (paragraphs, summaries, facts) lives in the
store's tables; the state holds the ids that point there, the summary, and what is on stage.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_LOGLINE = 2_000
MAX_PARAGRAPHS = 100_000
MAX_ON_STAGE = 10
MAX_LINE = 500

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_LINE)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Model(BaseModel):
    """A frozen value; unknown fields are an error, so that an old or broken row is noticed where it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pronouns(StrEnum):
    SHE = "she"
    HE = "he"
    THEY = "they"


class EntityKind(StrEnum):
    """What an entity is. The four sorts of thing differ in what a story can do with them."""

    CHARACTER = "character"
    PLACE = "place"
    ITEM = "item"  # can be carried
    SITE = "site"  # stands where it is: a door, a ship, a well
    BEAST = "beast"  # lives
    NOTE = "note"  # can be read


class Entity(Model):
    """Somebody, some place or something of the story. ``slot`` is its token in slot prompts, such as ``<she1>``."""

    id: Slug
    kind: EntityKind
    name: Line
    slot: str = ""
    pronouns: Pronouns = Pronouns.THEY
    role: Line = ""
    traits: tuple[Line, ...] = ()
    goal: Line = ""
    aliases: tuple[Line, ...] = ()
    given: bool = False
    """True when a person named it: such an entity must appear in the story."""


class PointOfView(StrEnum):
    FIRST = "first"
    THIRD = "third"


class Tense(StrEnum):
    PAST = "past"
    PRESENT = "present"


class Premise(Model):
    """What the story is about. ``cast[0]`` is the protagonist; ``setting[0]`` is where it begins."""

    logline: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LOGLINE)]
    title: Line = ""
    genre: Line
    genre_detected: bool = False
    tone: Line
    cast: tuple[Entity, ...] = Field(min_length=1, max_length=4)
    setting: tuple[Entity, ...] = Field(min_length=1, max_length=3)
    things: tuple[Entity, ...] = Field(default=(), max_length=3)
    plot: tuple[Line, ...] = ()
    point_of_view: PointOfView = PointOfView.THIRD
    tense: Tense = Tense.PAST
    avoid: tuple[Line, ...] = ()
    theme: Line = ""
    """The kind of story that the bundled model tells it as; other models need none."""

    @property
    def entities(self) -> tuple[Entity, ...]:
        return (*self.cast, *self.setting, *self.things)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Premise:
        ids = [entity.id for entity in self.entities]
        if len(ids) != len(set(ids)):
            raise ValueError(f"two entities share an id: {', '.join(ids)}")
        return self


Purpose = Literal["setup", "inciting", "rising", "twist", "setback", "crisis", "climax", "falling", "resolution"]


class Beat(Model):
    """One step of the outline: why it is there, what happens, who is on stage, where, and what must be different after it.

    ``paragraphs`` is its budget; ``tension`` runs from 0 (rest) to 1 (climax).
    """

    purpose: Purpose
    label: Line
    happens: Line
    on_stage: tuple[Slug, ...] = Field(default=(), max_length=MAX_ON_STAGE)
    place: Slug | None = None
    change: Line = ""
    paragraphs: int = Field(1, ge=1)
    tension: float = Field(0.5, ge=0, le=1)


class Outline(Model):
    """The beats in order, on an arc shape. Their paragraph budgets add up to the story's length."""

    arc: Line
    beats: tuple[Beat, ...] = Field(min_length=1)

    @property
    def paragraphs(self) -> int:
        return sum(beat.paragraphs for beat in self.beats)


class ArcPosition(Model):
    """Where the next paragraph stands: beat and paragraph within the beat from 0, paragraph in the story from 0."""

    beat: int = Field(0, ge=0)
    paragraph_in_beat: int = Field(0, ge=0)
    paragraph: int = Field(0, ge=0)
    tension: float = Field(0.0, ge=0, le=1)


class Relation(StrEnum):
    """What a fact can say. ``AT``: subject is at a place; ``HAS``: holds a thing; ``IS``: an attribute; and so on."""

    AT = "at"
    HAS = "has"
    IS = "is"
    KNOWS = "knows"
    LIKES = "likes"
    DEAD = "dead"


class Fact(Model):
    """An event in the world: from paragraph ``paragraph`` (from 0) on, ``subject relation object`` holds.

    ``subject`` is an entity id; ``object`` an entity id or a word. ``quote`` are the words of the paragraph that it rests
    on. ``valid_to`` is the first paragraph in which it no longer holds, or None while it does. ``pinned`` facts came from
    a person: they are never lost and win over any draft.
    """

    paragraph: int = Field(ge=0)
    subject: Slug
    relation: Relation
    object: Line = ""
    quote: Line = ""
    valid_to: int | None = None
    pinned: bool = False


class Severity(StrEnum):
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Finding(Model):
    """What a continuity rule says of a draft. ``quotes`` are words of the draft, verbatim; ``fact`` is what they contradict."""

    rule: Slug
    severity: Severity
    message: Line
    quotes: tuple[Line, ...] = ()
    fact: Fact | None = None


class Draft(Model):
    """A paragraph that is not yet part of the story. ``score`` is higher for a better candidate (see agents/choose.py).

    ``chosen`` says which of the candidates it is; ``tokens`` were drawn for all of them, in ``seconds``. ``author`` says who
    wrote the text; ``source`` is the model's own text where a person changed it.
    """

    text: str
    score: float = 0.0
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()
    attempt: int = Field(0, ge=0)
    chosen: int = Field(0, ge=0)
    tokens: int = Field(0, ge=0)
    seconds: float = Field(0.0, ge=0)
    model: str = ""
    author: Literal["model", "person"] = "model"
    source: str = ""


class Summary(Model):
    """The running summary as sentences, the oldest first. The first says who the story is about and is always kept."""

    sentences: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


class Decision(Model):
    """What a person says to a proposed paragraph: take it (as it is, or as ``text``), or write another (``again``).

    ``picked``: the text is another one that a model wrote for this paragraph, not the person's own.
    """

    text: str | None = None
    picked: bool = False
    again: bool = False
    instruction: str = ""


class StoryState(TypedDict, total=False):
    """The graph's channels. Each value is replaced whole; none of them grows with the story."""

    story: str
    """The story's id; also the LangGraph thread."""
    premise: str | None
    """Id of the premise row, once there is one."""
    outline: str | None
    """Id of the current outline revision."""
    head: str | None
    """Id of the last committed paragraph on this branch."""
    arc: ArcPosition
    summary: Summary
    on_stage: tuple[Entity, ...]
    draft: Draft | None
    best: Draft | None
    """The best draft so far of the paragraph in work; what is committed when revising is used up."""
    attempt: int
    instruction: str
    """A person's wish for the next paragraph alone."""
    note: str
    """The author's note: a person's wish for every paragraph from here on."""
    step: int
    """Number of the last of a person's steps (planner/steps.py) that this state has taken in."""
    done: bool
