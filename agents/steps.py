"""What all outlines are made of: a step that the arc asks for, and the beat that answers it.

Invariant: a beat names only the story's own people, places and things, and is no longer than the state allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from planner.state import MAX_LINE, Beat, Entity, EntityKind, Premise, Purpose

OnBeat = Callable[[Beat], None]
CHANGES: dict[Purpose, str] = {
    "setup": "we know who {0} is and what is missing",
    "inciting": "{0} can no longer let things be",
    "rising": "{0} is deeper in than before",
    "twist": "what {0} believed turns out to be different",
    "setback": "{0} has lost ground",
    "crisis": "{0} must choose",
    "climax": "the matter is decided",
    "falling": "the price and the gain are seen",
    "resolution": "{0} lives with the outcome",
}
"""What a beat of each purpose must change, about the person {0}."""


class Planned(BaseModel):
    """One step that the arc asks for."""

    model_config = ConfigDict(frozen=True)

    label: str
    purpose: Purpose
    tension: float
    paragraphs: int


def stage_of(named: Sequence[Entity], premise: Premise, place: str | None) -> tuple[tuple[str, ...], str]:
    """Who and what is on stage when a beat names ``named``: they, the protagonist where nobody is named, and a place."""
    named = tuple(dict.fromkeys(named))
    people = [e.id for e in named if e.kind is EntityKind.CHARACTER] or [premise.cast[0].id]
    things = [e.id for e in named if e.kind not in {EntityKind.CHARACTER, EntityKind.PLACE}]
    places = [e.id for e in named if e.kind is EntityKind.PLACE]
    where = places[0] if places else place or premise.setting[0].id
    return (*people, *places, *([] if places else [where]), *things), where


def beat_of(step: Planned, happens: str, on_stage: tuple[str, ...], place: str, change: str) -> Beat:
    return Beat(
        purpose=step.purpose, label=step.label, happens=_line(happens), on_stage=on_stage, place=place,
        change=_line(change), paragraphs=step.paragraphs, tension=step.tension,
    )  # fmt: skip


def _line(text: str) -> str:
    """``text`` as long as a beat can hold, cut after a word: names are written in, and a person's may be long."""
    if len(text) <= MAX_LINE:
        return text
    return (text[: MAX_LINE + 1].rpartition(" ")[0] or text)[:MAX_LINE]
