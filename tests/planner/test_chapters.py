"""Beats are chapters where they are long enough, and exports and the plan of a finished story agree on it."""

from __future__ import annotations

import pytest
from export_samples import story

from planner.chapters import Parting, beats_are_chapters, parting
from planner.export.book import Wanted, make_book


@pytest.mark.parametrize(
    ("counts", "what"),
    [
        ((), "nothing"), ((1, 1, 1), "nothing"), ((1, 3), "scenes"), ((9,), "scenes"), ((3, 4), "scenes"),
        ((4, 4), "chapters"), ((1, 7), "chapters"),
    ],
)  # fmt: skip
def test_what_parts_the_beats(counts: tuple[int, ...], what: Parting) -> None:
    assert parting(counts) == what


@pytest.mark.parametrize("counts", [(1, 2), (4, 4), (3, 4, 5), (8,)])
def test_the_plan_and_the_book_of_a_finished_story_agree(counts: tuple[int, ...]) -> None:
    read = story(*[[f"Beat {beat}, {n}." for n in range(count)] for beat, count in enumerate(counts)])
    assert read.outline is not None
    beats = [
        beat.model_copy(update={"paragraphs": count}) for beat, count in zip(read.outline.beats, counts, strict=True)
    ]
    outline = read.outline.model_copy(update={"beats": tuple(beats)})
    book = make_book(read, modified="2026-03-05T06:07:08+00:00", summary=None, facts=(), wanted=Wanted())
    assert beats_are_chapters(outline) == bool(book.chapters[0].title)


def test_a_story_without_a_plan_has_no_chapters() -> None:
    assert not beats_are_chapters(None)
