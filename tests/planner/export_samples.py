"""Small stories and books for the tests of the exports, made without a library."""

from __future__ import annotations

from collections.abc import Sequence

from story_samples import FACT, PREMISE, SUMMARY

from planner.export.book import Book, Wanted, make_book
from planner.rows import ParagraphRow, StoryRow
from planner.session import Manuscript
from planner.state import Beat, Fact, Outline, Premise

CREATED, MODIFIED = "2026-03-04T05:06:07.123456+00:00", "2026-03-05T06:07:08.654321+00:00"
ALL = Wanted(outline=True, summary=True, facts=True)
NAMES = "Zoë Lévy left “Große Straße” — at café № 5… naïve, Łódź, Ελλάς, Привет"
NASTY = (
    "A\x1b[31mred\x1b[0m \x1b]0;owned\x07door\x00\x07\x08 <script>alert('&')</script> \x9b1mshut\u202e\ufeff\x85*end*"
)
TAME = "Ared door <script>alert('&')</script> shut *end*"


def story(
    *texts: str | Sequence[str],
    title: str = "The Key",
    done: bool = True,
    story_id: str = "abcd1234",
    model: str = "small@1",
    logline: str = "A baker finds a key.",
    planned: bool = True,
) -> Manuscript:
    """A story; texts given as a list share a beat."""
    beats = [[text] if isinstance(text, str) else list(text) for text in texts]
    flat = [(number, text) for number, beat in enumerate(beats) for text in beat]
    rows = tuple(
        ParagraphRow.model_construct(
            id=f"p{index}", story=story_id, parent=None, index=index, text=text, beat=beat, meta={"model": model}
        )
        for index, (beat, text) in enumerate(flat)
    )
    outline = Outline(
        arc="three acts",
        beats=tuple(
            Beat(purpose="rising", label=f"step {number}", happens="It happens.", on_stage=("anna",), change="more is known")
            for number in range(1, max(len(beats), 1) + 1)
        ),
    )  # fmt: skip
    premise = Premise.model_construct(**{**dict(PREMISE), "title": title, "logline": logline})
    row = StoryRow(id=story_id, created=CREATED, logline=logline, seed=7, options={"engine": {"name": "scripted"}})
    return Manuscript(row, premise if planned else None, outline if planned else None, rows, done)


def book(*texts: str | Sequence[str], wanted: Wanted = ALL, facts: tuple[Fact, ...] = (FACT,), **more: object) -> Book:
    """The same as a book, with every appendix."""
    return make_book(story(*texts, **more), modified=MODIFIED, summary=SUMMARY, facts=facts, wanted=wanted)  # type: ignore[arg-type]


def long_book(**more: object) -> Book:
    """Two chapters of four paragraphs."""
    return book([f"One {n}." for n in range(4)], [f"Two {n}." for n in range(4)], **more)  # type: ignore[arg-type]
