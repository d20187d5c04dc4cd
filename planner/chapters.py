"""Whether the beats of a story are its chapters: the one place that judges it, for exports, for writing on and for the page.

Invariant: pure functions of numbers and of the outline. What is written judges by what is there (an export), what is
being written by its plan, so that a chapter has its heading before it is full; of a finished story both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from planner.state import Outline

CHAPTER = 4
"""Paragraphs that a beat has on average in a story whose beats are chapters."""
SCENE = 2
"""The same in a story whose beats are parted by a section break; in a shorter one they are not parted at all."""

Parting = Literal["chapters", "scenes", "nothing"]


def parting(counts: Sequence[int]) -> Parting:
    """What parts beats that have so many paragraphs each. One beat alone is no chapter: it would be the whole story."""
    each = sum(counts) / len(counts) if counts else 0
    if each >= CHAPTER and len(counts) > 1:
        return "chapters"
    return "scenes" if each >= SCENE else "nothing"


def beats_are_chapters(outline: Outline | None) -> bool:
    """Whether every beat of a plan is a chapter: beat n, from 0, is then chapter n + 1."""
    return outline is not None and parting([beat.paragraphs for beat in outline.beats]) == "chapters"
