"""PDF, typeset by Typst: hyphenated, justified, with bookmarks, tagged for screen readers (PDF/UA-1).

Invariant: no character is lost. One that neither Typst's own fonts nor this machine's can draw stands as [U+65E5], and
the notes say so. PDF/UA forbids characters without a glyph, so Typst itself names them.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from planner.export.book import Book
from prompts.errors import InputError

_UNDRAWN = re.compile(r'the text `"(.*?)"` could not be displayed')
_CODE = re.compile(r"\\u\{([0-9a-f]+)\}")
MAX_NAMED = 8


def to_pdf(book: Book) -> tuple[bytes, Sequence[str]]:
    """The story as a PDF, and notes on what of it could not be drawn.

    Raises ``ImportError`` without typst, ``InputError`` when Typst fails.
    """
    text = json.dumps(_plain(book), ensure_ascii=False)
    # Its own fonts have Latin, Greek and Cyrillic: such a story is the same on every machine. Others need more fonts.
    data, missing = _compiled(text, ignore_system_fonts=True)
    if missing:
        data, missing = _compiled(text, ignore_system_fonts=False)
    if not missing:
        return data, ()
    data, still = _compiled(text.translate({ord(char): f"[U+{ord(char):04X}]" for char in missing}), False)
    if still:
        raise InputError(
            f"This story cannot be set as a PDF: no font has {' '.join(still)}; export it to epub or docx."
        )
    named = " ".join(missing[:MAX_NAMED]) + (" and more" if len(missing) > MAX_NAMED else "")
    many = len(missing) != 1
    return data, (
        f"No font here has {named}; in the PDF {'they stand' if many else 'it stands'} as [U+{ord(missing[0]):04X}]"
        f"{' and so on' if many else ''}. Install a font that has {'them' if many else 'it'}, and export again.",
    )


def _plain(book: Book) -> dict[str, Any]:
    """What the template reads. ``everything`` is for JSON alone, and there is a lot of it."""
    values = dataclasses.asdict(dataclasses.replace(book, everything={}))
    date: datetime = book.origin.modified
    values |= {"modified": list(date.timetuple())[:6], "colophon": book.origin.sentence}
    return {key: value for key, value in values.items() if key not in {"everything", "origin"}}


def _compiled(book: str, ignore_system_fonts: bool) -> tuple[bytes, list[str]]:
    """The PDF; or nothing, and the characters that no font has."""
    import typst

    source = files("planner.export").joinpath("templates/book.typ").read_bytes()
    try:
        made = typst.compile(
            source, format="pdf", sys_inputs={"book": book}, ignore_system_fonts=ignore_system_fonts,
            pdf_standards="ua-1",
        )  # fmt: skip
    except typst.TypstError as error:
        found = "".join(_CODE.sub(_char, text) for text in _UNDRAWN.findall(error.diagnostic))
        if missing := sorted({char for char in found if not char.isascii()}):
            return b"", missing
        raise InputError(f"This story cannot be set as a PDF ({error.message}); export it to epub or docx.") from error
    assert isinstance(made, bytes)
    return made, []


def _char(code: re.Match[str]) -> str:
    return chr(int(code[1], 16))
