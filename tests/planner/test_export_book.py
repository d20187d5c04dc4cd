"""A book has the chapters that its story's length deserves, and says what it was made with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from export_samples import MODIFIED, book, long_book, story
from story_samples import FACT

from planner.export.book import Appendix, Chapter, Wanted, make_book
from planner.state import Relation
from prompts.errors import InputError


def test_a_short_story_is_one_text() -> None:
    assert book("One.", "Two.", "Three.").chapters == (Chapter("", (("One.", "Two.", "Three."),)),)


def test_a_longer_story_has_a_section_break_between_its_beats() -> None:
    assert book(["One.", "Two."], ["Three.", "Four."]).chapters == (
        Chapter("", (("One.", "Two."), ("Three.", "Four."))),
    )


def test_a_long_story_has_its_beats_as_chapters() -> None:
    first, second = long_book().chapters
    assert (first.title, second.title) == ("1. Step 1", "2. Step 2")
    assert first.scenes == (("One 0.", "One 1.", "One 2.", "One 3."),)


def test_a_beat_that_is_no_longer_in_the_outline_still_has_its_chapter() -> None:
    read = story(*[[f"{beat}.{n}" for n in range(4)] for beat in range(3)])
    assert read.outline is not None
    read = replace(read, outline=read.outline.model_copy(update={"beats": read.outline.beats[:1]}))
    made = make_book(read, modified=MODIFIED, summary=None, facts=(), wanted=Wanted())
    assert [chapter.title for chapter in made.chapters] == ["1. Step 1", "2.", "3."]


def test_a_story_without_a_plan_is_a_book_as_well() -> None:
    made = book("One.", planned=False, logline="Only a wish.")
    assert (made.title, made.subtitle, made.chapters[0].title) == ("Only a wish.", "", "")
    assert made.appendices[0] == Appendix("Outline", "prose", ("No outline yet.",))


@pytest.mark.parametrize("texts", [(), ("\x00", " \n")], ids=["none", "blank"])
def test_a_story_without_paragraphs_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="abcd1234 has no paragraphs yet"):
        book(*texts)


@pytest.mark.parametrize(
    ("model", "told"),
    [("small@1", "small@1"), ("org/name-7b", "org/name-7b"), ("/home/me/models/mine", "mine"), ("~/m", "m"), ("", "scripted")],
)  # fmt: skip
def test_the_model_is_named_without_saying_where_it_lies(model: str, told: str) -> None:
    assert book("One.", model=model).origin.model == told


def test_dates_are_the_storys_own_and_the_identifier_depends_on_the_story_alone() -> None:
    origin = book("One.").origin
    assert origin.created == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert origin.modified == datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC)
    assert origin.identifier == book("One.", "Two.", title="Other").origin.identifier
    assert origin.identifier != book("One.", story_id="zzzz").origin.identifier
    assert origin.sentence.endswith(", model small@1, seed 7.")


def test_appendices_are_those_that_were_asked_for() -> None:
    outline, summary, facts = book(
        "One.", facts=(FACT, FACT.model_copy(update={"paragraph": 2, "object": "key"}))
    ).appendices
    (beat,) = outline.items
    assert beat == "Step 1: It happens. On stage: Anna Lévy. By its end: more is known"
    assert summary.items == ("Anna is a baker. She found a key.",)
    assert facts.items == ("Anna Lévy is at the iron key (paragraph 3)",), "what no longer holds is no fact"
    assert book("One.", wanted=Wanted()).appendices == ()
    pinned = FACT.model_copy(update={"pinned": True, "relation": Relation.IS, "object": "left-handed"})
    assert book("One.", facts=(pinned,)).appendices[2].items == ("Anna Lévy is left-handed (pinned)",)
    assert book("One.", facts=()).appendices[2].items == ("No facts yet.",)
