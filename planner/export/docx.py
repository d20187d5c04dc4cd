"""Word documents, with python-docx.

Invariant: headings, lists and the title have Word's own styles, so that a person's template and navigation work on them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from planner.export.book import Appendix, Book
from planner.export.plain import BREAK
from planner.export.zipped import repacked

if TYPE_CHECKING:
    from docx.document import Document

LONGEST_PROPERTY = 255
"""Characters that a core property of a document may have."""
_STYLES = {"prose": "Normal", "list": "List Bullet", "numbered": "List Number"}


def to_docx(book: Book) -> bytes:
    """The story as a Word document. Raises ``ImportError`` without python-docx."""
    import docx

    document = docx.Document()
    _properties(document, book)
    document.add_paragraph(book.title, style="Title")
    if book.subtitle:
        document.add_paragraph(book.subtitle, style="Subtitle")
    for chapter in book.chapters:
        if chapter.title:
            document.add_heading(chapter.title, level=1)
        for number, scene in enumerate(chapter.scenes):
            if number:
                _centred(document, BREAK)
            for text in scene:
                document.add_paragraph(text)
    if not book.done:
        _italic(document, "(unfinished)")
    for appendix in book.appendices:
        _appendix(document, appendix)
    _italic(document, book.origin.sentence)
    packed = io.BytesIO()
    document.save(packed)
    return repacked(packed.getvalue())


def _properties(document: Document, book: Book) -> None:
    core, origin = document.core_properties, book.origin
    core.title, core.subject = book.title[:LONGEST_PROPERTY], book.subtitle[:LONGEST_PROPERTY]
    core.author = core.last_modified_by = "Fabula"
    core.comments = origin.sentence[:LONGEST_PROPERTY]
    core.identifier, core.language = origin.identifier, book.language
    # Without a zone: python-docx writes them down as UTC.
    core.created, core.modified = origin.created.replace(tzinfo=None), origin.modified.replace(tzinfo=None)
    core.revision = 1


def _appendix(document: Document, appendix: Appendix) -> None:
    document.add_heading(appendix.title, level=1)
    for item in appendix.items:
        document.add_paragraph(item, style=_STYLES[appendix.kind])


def _centred(document: Document, text: str) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    document.add_paragraph(text).alignment = WD_ALIGN_PARAGRAPH.CENTER


def _italic(document: Document, text: str) -> None:
    document.add_paragraph().add_run(text).italic = True
