"""EPUB 3, written with the templates and the zip archive that are at hand anyway.

The libraries for it put the time of export and a random identifier into the book, so that no two exports are the same.
Invariant: the identifier is the story's; every page is well-formed XHTML; the pages in the spine are those in the nav.
https://www.w3.org/TR/epub-33/
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from planner.export.book import Appendix, Book, Chapter
from planner.export.web import render
from planner.export.zipped import archive

MIMETYPE = "mimetype"
_CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


@dataclass(frozen=True)
class Page:
    """One XHTML file. ``type`` is of the EPUB structural vocabulary; ``heading`` is what the page itself shows."""

    name: str
    title: str
    heading: str
    type: str
    part: Chapter | Appendix | None = None
    unfinished: bool = False


def to_epub(book: Book) -> bytes:
    """The story as an EPUB 3: a title page, a page for each chapter and for each appendix, and the contents."""
    pages = _pages(book)
    style = files("planner.export").joinpath("templates/style.css").read_text(encoding="utf-8")
    texts = {
        MIMETYPE: "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "EPUB/package.opf": render("package.opf.jinja", book=book, pages=pages),
        "EPUB/nav.xhtml": render("nav.xhtml.jinja", book=book, pages=pages),
        "EPUB/style.css": style,
        **{f"EPUB/{page.name}.xhtml": render("chapter.xhtml.jinja", book=book, page=page) for page in pages},
    }
    # Readers know the format by the first bytes: this member stands first and is not compressed.
    return archive(((name, text.encode()) for name, text in texts.items()), stored=frozenset({MIMETYPE}))


def _pages(book: Book) -> list[Page]:
    last = len(book.chapters)
    return [
        Page("title", book.title, book.title, "titlepage"),
        *(
            Page(f"chapter-{number:04}", chapter.title or "The story", chapter.title, "chapter", chapter,
                 number == last and not book.done)
            for number, chapter in enumerate(book.chapters, 1)
        ),
        *(Page(part.title.lower(), part.title, part.title, "appendix", part) for part in book.appendices),
    ]  # fmt: skip
