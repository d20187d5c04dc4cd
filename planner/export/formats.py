"""Which formats there are and what each needs. Invariant: a format's library is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from planner.export.book import Book
from prompts.errors import InputError


class Format(StrEnum):
    """What a story can be exported to; the value is the file's suffix as well."""

    MD = "md"
    TXT = "txt"
    HTML = "html"
    EPUB = "epub"
    DOCX = "docx"
    PDF = "pdf"
    JSON = "json"


BINARY = frozenset({Format.EPUB, Format.DOCX, Format.PDF})


def export(book: Book, to: Format) -> tuple[bytes, Sequence[str]]:
    """A book as the bytes of a file, and notes for whoever asked for it.

    Raises ``InputError`` when the format needs the extra ``export`` and it is not installed.
    """
    try:
        return _exported(book, to)
    except ImportError as error:
        raise InputError(f"Exporting to {to} needs the export extra: pip install 'fabula[export]'.") from error


def _exported(book: Book, to: Format) -> tuple[bytes, Sequence[str]]:
    # Imported here, so that listing the formats, as every command's help does, costs nothing.
    from planner.export import docx, epub, pdf, plain, web

    match to:
        case Format.PDF:
            return pdf.to_pdf(book)
        case Format.EPUB:
            return epub.to_epub(book), ()
        case Format.DOCX:
            return docx.to_docx(book), ()
        case Format.HTML:
            text = web.to_html(book)
        case Format.MD:
            text = plain.to_markdown(book)
        case Format.TXT:
            text = plain.to_text(book)
        case Format.JSON:
            text = plain.to_json(book)
    return text.encode(), ()
