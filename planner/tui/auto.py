"""Writing on by itself until something is reached.

Invariant: every paragraph is proposed and accepted like one that a person accepts, so a stop at any instant loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from planner.session import Session
from planner.state import Severity

Until = Literal["end", "beat", "finding"]


def write_on(session: Session, until: Until, stop: Callable[[], bool]) -> str:
    """Accept and write paragraphs until the end of the story or of the beat; returns why it came to rest.

    Whatever was asked for, it rests on a finding that is more than a note: that paragraph waits for the person.
    """
    beat: int | None = None
    while draft := session.propose():
        position = session.state["arc"]
        beat = position.beat if beat is None else beat
        if until == "beat" and position.beat != beat:
            return "The beat is written; the next one begins here."
        worrying = [f for f in draft.findings if until == "finding" or f.severity is not Severity.NOTE]
        if worrying:
            return f"Resting on a finding: {worrying[0].message}"
        session.accept()
        if stop():
            return "Stopped after a whole paragraph."
    return "The story is at its end."
