"""A story laid out for readers: title, chapters, appendices and what it was made with. Every format is made from this.

Invariant: every string of a ``Book`` is one line of safe text (see clean.py), so a format has only its own markup to escape.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal

from planner.chapters import parting
from planner.export import clean
from planner.manuscript import to_json
from planner.session import Manuscript
from planner.state import Fact, Outline, Premise, Summary
from planner.world import fold, in_words
from prompts.errors import InputError

Kind = Literal["prose", "list", "numbered"]


@dataclass(frozen=True)
class Chapter:
    """``title`` is empty in a story without chapters. ``scenes`` are parted by section breaks."""

    title: str
    scenes: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Appendix:
    """Something about the story behind its end, as paragraphs or as a list."""

    title: str
    kind: Kind
    items: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """What the story was made with. Dates are UTC, to the second."""

    story: str
    fabula: str
    model: str
    seed: int
    created: datetime
    modified: datetime

    @property
    def sentence(self) -> str:
        """For the colophon."""
        return f"Written with Fabula {self.fabula}, model {self.model}, seed {self.seed}."

    @property
    def identifier(self) -> str:
        """The same for the same story, in every format and at any time."""
        return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'fabula:story:{self.story}')}"


@dataclass(frozen=True)
class Book:
    title: str
    subtitle: str
    logline: str
    chapters: tuple[Chapter, ...]
    done: bool
    origin: Origin
    appendices: tuple[Appendix, ...] = ()
    everything: dict[str, Any] = field(default_factory=dict)
    """The whole of the story for JSON, which has no chapters and no appendices."""
    language: str = "en"


@dataclass(frozen=True)
class Wanted:
    """Which appendices a person asked for."""

    outline: bool = False
    summary: bool = False
    facts: bool = False


def make_book(
    read: Manuscript, *, modified: str, summary: Summary | None, facts: Sequence[Fact], wanted: Wanted
) -> Book:
    """Lay out a story. ``facts`` are all that its paragraphs and its author say; ``modified`` is ISO 8601.

    Raises ``InputError`` for a story without a paragraph.
    """
    chapters = _chapters(read)
    if not chapters:
        story = read.story.id
        raise InputError(
            f"Story {story} has no paragraphs yet, so there is nothing to export; go on with: fabula continue {story}"
        )
    origin = _origin(read, modified)
    now = sorted(fold(facts), key=lambda fact: (fact.subject, fact.paragraph, fact.relation, fact.object, fact.quote))
    everything = {
        "fabula": {"version": origin.fabula, "model": origin.model, "modified": origin.modified.isoformat()},
        **to_json(read, summary), "facts": [fact.model_dump(mode="json") for fact in now],
    }  # fmt: skip
    premise = read.premise
    subtitle = ", ".join(part for part in (premise.genre, premise.tone) if part) if premise else ""
    return Book(
        title=clean.line(read.title) or read.story.id,
        subtitle=clean.line(subtitle),
        logline=clean.line(premise.logline if premise else read.story.logline),
        chapters=chapters,
        done=read.done,
        origin=origin,
        appendices=tuple(_appendices(read, summary, now, wanted)),
        everything=clean.tree(everything),
    )


def _chapters(read: Manuscript) -> tuple[Chapter, ...]:
    """The beats as chapters, as scenes or as neither, by how much of the story a beat has."""
    runs = [
        (beat, tuple(text for paragraph in run for text in clean.paragraphs(paragraph.text)))
        for beat, run in itertools.groupby(read.paragraphs, key=lambda paragraph: paragraph.beat)
    ]
    runs = [(beat, texts) for beat, texts in runs if texts]
    parted = parting([len(texts) for _, texts in runs])
    beats = read.outline.beats if read.outline else ()
    if parted == "chapters" and beats:
        return tuple(
            Chapter(_heading(number, beats[beat].label if beat < len(beats) else ""), (texts,))
            for number, (beat, texts) in enumerate(runs, 1)
        )
    if parted != "nothing":
        return (Chapter("", tuple(texts for _, texts in runs)),)
    return (Chapter("", (tuple(itertools.chain.from_iterable(texts for _, texts in runs)),)),) if runs else ()


def _heading(number: int, label: str) -> str:
    return f"{number}. {_capital(clean.line(label))}".rstrip()


def _capital(text: str) -> str:
    """The labels of the built-in arcs begin small."""
    return text[:1].upper() + text[1:]


def _appendices(read: Manuscript, summary: Summary | None, facts: list[Fact], wanted: Wanted) -> list[Appendix]:
    names = {entity.id: entity.name for entity in read.premise.entities} if read.premise else {}
    found: list[Appendix] = []
    if wanted.outline:
        lines = _outline(read.outline, read.premise, names)
        found.append(
            Appendix("Outline", "numbered", lines) if lines else Appendix("Outline", "prose", ("No outline yet.",))
        )
    if wanted.summary:
        texts = clean.paragraphs(summary.text) if summary else ()
        found.append(Appendix("Summary", "prose", texts or ("Nothing to sum up yet.",)))
    if wanted.facts:
        said = tuple(
            clean.line(f"{in_words(fact, names)} ({'pinned' if fact.pinned else f'paragraph {fact.paragraph + 1}'})")
            for fact in facts
        )
        found.append(Appendix("Facts", "list", said) if said else Appendix("Facts", "prose", ("No facts yet.",)))
    return found


def _outline(outline: Outline | None, premise: Premise | None, names: dict[str, str]) -> tuple[str, ...]:
    """A beat a line: what happens, who is on stage, what must change."""
    lines = []
    for beat in outline.beats if outline and premise else ():
        stage = ", ".join(names.get(key, key) for key in beat.on_stage)
        parts = [f"{_capital(beat.label)}: {beat.happens}", f"On stage: {stage}." if stage else ""]
        parts.append(f"By its end: {beat.change}" if beat.change else "")
        lines.append(clean.line(" ".join(part for part in parts if part)))
    return tuple(lines)


def _origin(read: Manuscript, modified: str) -> Origin:
    row = read.story
    return Origin(
        story=row.id, fabula=importlib.metadata.version("fabula"), model=_model(read), seed=row.seed,
        created=_utc(row.created), modified=_utc(modified),
    )  # fmt: skip


def _model(read: Manuscript) -> str:
    """The models that wrote the paragraphs, the first one first; else what the story was begun with."""
    named = [str(paragraph.meta.get("model") or "") for paragraph in read.paragraphs]
    if not any(named):
        begun = read.story.options.get("engine")
        engine: dict[str, Any] = begun if isinstance(begun, dict) else {}
        named = [str(engine.get("model") or engine.get("name") or "unknown")]
    # Where a model lies on this machine is nobody's business: of a path only its last part is told.
    short = (PurePosixPath(name).name if name.startswith(("/", "~", ".")) else name for name in named if name)
    return ", ".join(dict.fromkeys(clean.line(name) for name in short)) or "unknown"


def _utc(date: str) -> datetime:
    found = datetime.fromisoformat(date)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
