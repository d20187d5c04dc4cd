"""What happens while a story is written, told to whoever shows it. Events carry values, never handles, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from planner.state import ArcPosition, Beat, Finding, Premise, Summary


@dataclass(frozen=True)
class PremiseReady:
    premise: Premise


@dataclass(frozen=True)
class BeatPlanned:
    beat: Beat
    number: int
    total: int


@dataclass(frozen=True)
class Writing:
    """A paragraph is begun. ``attempt`` counts revisions from 0."""

    position: ArcPosition
    beat: Beat
    attempt: int


@dataclass(frozen=True)
class TextPiece:
    """A piece of the first candidate as it streams; the kept paragraph may be another candidate."""

    text: str


@dataclass(frozen=True)
class Checked:
    findings: tuple[Finding, ...]
    kept: bool


@dataclass(frozen=True)
class Committed:
    """A paragraph is part of the story. ``tokens`` were drawn for it over all candidates, in ``seconds``."""

    text: str
    position: ArcPosition
    beat: Beat
    findings: tuple[Finding, ...]
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Summarized:
    summary: Summary


@dataclass(frozen=True)
class Finished:
    paragraphs: int


Event = PremiseReady | BeatPlanned | Writing | TextPiece | Checked | Committed | Summarized | Finished
