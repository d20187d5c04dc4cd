"""The PDF's text is the story's, whatever the names in it, and a character that no font has is spelt out and told."""

from __future__ import annotations

import io

import pytest
from export_samples import NAMES, NASTY, TAME, book, long_book
from pypdf import PdfReader

from planner.export import pdf
from planner.export.book import Book
from planner.export.pdf import to_pdf
from prompts.errors import InputError

NOBODYS = "\U000f1234"
"""A private character, which no font has."""


def opened(made: Book) -> PdfReader:
    data, notes = to_pdf(made)
    assert notes == ()
    return PdfReader(io.BytesIO(data))


def text_of(reader: PdfReader) -> str:
    """The text as one line, words that were parted at a line's end put together."""
    pages = " ".join(page.extract_text() for page in reader.pages)
    return " ".join(pages.replace("\xad\n", "").split())


def without_spaces(text: str) -> str:
    return "".join(text.split())


def test_every_name_and_every_mark_can_be_read_back() -> None:
    markup = f"#panic() $x$ *b* @ref {{}} \\ // `raw` — “ß” {TAME}"
    text = text_of(opened(book(NAMES, NASTY, markup, title="Zoë's “ß” #1")))
    assert NAMES in text
    assert TAME in text
    assert without_spaces(markup) in without_spaces(text), "a line may end within it"
    assert text.startswith("Zoë's “ß” #1 mystery, wry ")


def test_a_long_story_is_whole_and_has_its_chapters_as_bookmarks() -> None:
    paragraphs = [[f"Paragraph {beat}.{n} of an uncommonly long story." * 3 for n in range(40)] for beat in range(3)]
    reader = opened(book(*paragraphs))
    text = text_of(reader)
    assert len(reader.pages) > 5
    assert all(f"Paragraph {beat}.{n} of" in text for beat in range(3) for n in range(40))
    assert [mark["/Title"] for mark in reader.outline] == [
        "1. Step 1", "2. Step 2", "3. Step 3", "Outline", "Summary", "Facts",
    ]  # fmt: skip


def test_it_is_tagged_and_says_what_it_is_and_when_the_story_was_written() -> None:
    reader = opened(long_book(done=False))
    assert "(unfinished)" in text_of(reader)
    assert "Written with Fabula" in text_of(reader)
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("The Key", "Fabula")
    assert {reader.metadata["/ModDate"], reader.metadata["/CreationDate"]} == {"D:20260305060708Z"}
    assert reader.root_object["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert reader.root_object["/Lang"] == "en"


def test_a_character_that_no_font_has_is_spelt_out_and_told() -> None:
    data, (note,) = to_pdf(book(f"She read {NOBODYS} aloud.", title=f"The {NOBODYS} Key"))
    text = text_of(PdfReader(io.BytesIO(data)))
    assert "She read [U+F1234] aloud." in text
    assert text.startswith("The [U+F1234] Key")
    assert "\x00" not in text
    assert note.startswith(f"No font here has {NOBODYS}; in the PDF it stands as [U+F1234].")


def test_many_such_characters_are_told_in_one_sentence() -> None:
    _, (note,) = to_pdf(book("".join(chr(0xF0000 + n) for n in range(40))))
    assert "and more; in the PDF they stand as [U+F0000] and so on." in note


def test_a_typesetter_that_fails_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_plain", lambda book: {})
    with pytest.raises(InputError, match=r"^This story cannot be set as a PDF \(.*\); export it to epub or docx\.$"):
        to_pdf(book("One."))
