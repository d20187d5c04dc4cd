"""What the writing room shows, read from a session in one go on the session's own thread.

Invariant: a view is a value and changes nothing; with it the screen never has to ask the library anything. The cost of a
view doesn't grow with the story.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.chapters import beats_are_chapters
from planner.rows import ParagraphRow
from planner.session import Session
from planner.state import ArcPosition, Draft, Fact, Finding, Outline, Premise

WINDOW = 200
"""Paragraphs that are read at once; earlier ones come when the reader scrolls up to them."""


@dataclass(frozen=True)
class View:
    """One branch as it stands. ``rows`` are its newest paragraphs, ``world`` what holds now, a sentence each."""

    story: str
    branch: str
    title: str
    below: str
    premise: Premise | None
    outline: Outline | None
    position: ArcPosition
    rows: tuple[ParagraphRow, ...]
    proposal: Draft | None
    done: bool
    summary: tuple[str, ...]
    note: str
    world: tuple[str, ...]
    pinned: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    branches: tuple[str, ...]
    words: int
    model: str
    cached: float | None = None
    """Share of prompt tokens that the engines had in their caches, 0 to 1; None: unknown."""

    @property
    def written(self) -> int:
        return self.rows[-1].index + 1 if self.rows else 0

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(beat.label for beat in self.outline.beats) if self.outline else ()

    @property
    def has_chapters(self) -> bool:
        return beats_are_chapters(self.outline)


def look(session: Session) -> View:
    """Read everything that the room shows."""
    library, story, state = session.library, session.story, session.state
    premise = library.premise(state["premise"]) if state.get("premise") else None  # type: ignore[arg-type]
    outline = library.outline(state["outline"]) if state.get("outline") else None  # type: ignore[arg-type]
    head = state.get("head")
    rows = tuple(library.path(head, last=WINDOW)) if head else ()
    proposal = session.proposal()
    findings = proposal.findings if proposal else tuple(library.findings_of(rows[-1].id)) if rows else ()
    return View(
        story=story.id,
        branch=session.context.branch,
        title=(premise.title if premise else "") or story.logline,
        below=f"{premise.genre}, {premise.tone}" if premise else "",
        premise=premise,
        outline=outline,
        position=state.get("arc", ArcPosition()),
        rows=rows,
        proposal=proposal,
        done=session.done,
        summary=state["summary"].sentences if state.get("summary") else (),
        note=state.get("note", ""),
        world=tuple(session.world()) if premise else (),
        pinned=tuple(library.pinned(story.id)),
        findings=tuple(findings),
        branches=tuple(library.branches(story.id)),
        words=library.words(head) if head else 0,
        model=session.context.engines["generator"].model,
        cached=session.cache_rate(proposal),
    )
