"""The Word document opens in python-docx, with Word's own styles and every word of the story."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import docx
from docx.document import Document
from export_samples import NAMES, NASTY, TAME, book, long_book

from planner.export.book import Book
from planner.export.docx import to_docx
from planner.export.zipped import EARLIEST


def opened(made: Book) -> Document:
    return docx.Document(io.BytesIO(to_docx(made)))


def test_title_chapters_paragraphs_and_appendices_have_their_styles() -> None:
    lines = [(p.style.name if p.style else "", p.text) for p in opened(long_book(done=False)).paragraphs]
    assert lines[:4] == [
        ("Title", "The Key"), ("Subtitle", "mystery, wry"), ("Heading 1", "1. Step 1"), ("Normal", "One 0."),
    ]  # fmt: skip
    assert [text for style, text in lines if style == "Heading 1"] == [
        "1. Step 1", "2. Step 2", "Outline", "Summary", "Facts",
    ]  # fmt: skip
    assert len([text for style, text in lines if style == "List Number"]) == 2
    assert ("List Bullet", "Anna Lévy is at the Grey Inn (paragraph 1)") in lines
    assert ("Normal", "(unfinished)") in lines


def test_no_character_is_lost_and_a_section_break_is_seen() -> None:
    texts = [paragraph.text for paragraph in opened(book([NAMES, NASTY], ["Three.", "Four."])).paragraphs]
    assert texts[2:7] == [NAMES, TAME, "* * *", "Three.", "Four."]


def test_its_properties_say_what_it_was_made_with() -> None:
    made = book("One.", title="x" * 400)
    core = opened(made).core_properties
    assert (core.title, core.identifier, core.comments) == ("x" * 255, made.origin.identifier, made.origin.sentence)
    assert [date.replace(tzinfo=UTC) if date else None for date in (core.created, core.modified)] == [
        datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), datetime(2026, 3, 5, 6, 7, 8, tzinfo=UTC),
    ]  # fmt: skip


def test_no_time_of_the_export_is_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(to_docx(book("One.")))) as file:
        assert {entry.date_time for entry in file.infolist()} == {EARLIEST}
        assert file.namelist()[0] == "[Content_Types].xml"
