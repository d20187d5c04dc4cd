"""Writing on alone until something is reached: what /auto and the room's a do.

Invariant: every paragraph is proposed and accepted like one that a person accepts, so a stop at any instant loses nothing;
and one with a finding that is more than a note always waits for the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from planner.chapters import beats_are_chapters
from planner.rows import ParagraphRow
from planner.session import Session
from planner.state import Draft, Severity
from prompts.errors import InputError

Until = Literal["beat", "chapter", "end"]
Why = Literal["beat", "chapter", "end", "number", "finding", "stopped"]
NO_CHAPTERS = "The beats of this story are too short to be chapters; write on to the end of the beat or of the story."
_SAID: dict[Why, str] = {
    "beat": "The beat is written; Enter begins the next one.",
    "chapter": "The chapter is written; Enter begins the next one.",
    "end": "The story is at its end.",
    "stopped": "Stopped after a whole paragraph.",
}


@dataclass(frozen=True)
class Rest:
    """Why the writing came to rest. ``rows`` are the new paragraphs; ``draft`` is one that waits because of a finding."""

    why: Why
    rows: tuple[ParagraphRow, ...]
    draft: Draft | None = None

    @property
    def sentence(self) -> str:
        if self.draft:
            return f"Resting on a finding: {worst(self.draft)}"
        count = len(self.rows)
        return _SAID.get(self.why) or f"{count} paragraph{'' if count == 1 else 's'} written."


def write_on(session: Session, until: Until | int, *, notes: bool = False) -> Rest:
    """Write and accept paragraphs until the beat, the chapter or the story ends, or until there are so many new ones.

    A paragraph that waits already has been seen: it is accepted first, is none of the new ones, and says which beat is
    meant. With ``notes`` a mere note makes a paragraph wait as well. The session's ``stop`` is heard between two
    paragraphs, and between two tokens as ever (``WritingStopped``). Raises ``InputError`` for a chapter where there are
    none, and for a number below 1.
    """
    if isinstance(until, int) and until < 1:
        raise InputError("Writing on needs a number of paragraphs from 1.")
    beat = _beat(session, until)
    if session.proposal():
        session.accept()
    rows: list[ParagraphRow] = []
    while not session.done and len(rows) != until:
        if session.context.stop():
            return Rest("stopped", tuple(rows))
        if until in ("beat", "chapter") and beat is not None and session.state["arc"].beat != beat:
            return Rest("beat" if until == "beat" else "chapter", tuple(rows))
        draft = session.propose()
        if draft is None:
            break
        if beat is None:  # the outline came with this paragraph
            beat = _beat(session, until)
        if (notes and draft.findings) or any(found.severity is not Severity.NOTE for found in draft.findings):
            return Rest("finding", tuple(rows), draft)
        rows.append(session.accept())
    return Rest("end" if session.done else "number", tuple(rows))


def worst(draft: Draft) -> str:
    """The message of a draft's gravest finding."""
    order = list(Severity)
    return max(draft.findings, key=lambda found: order.index(found.severity)).message


def _beat(session: Session, until: Until | int) -> int | None:
    """The beat that the next paragraph is in; None before the outline is there."""
    known = session.state.get("outline")
    if not known:
        return None
    if until == "chapter" and not beats_are_chapters(session.library.outline(known)):
        raise InputError(NO_CHAPTERS)
    return session.state["arc"].beat
