"""The EPUB opens in a reader, says what it is, and follows the specification where a reader would forgive it."""

from __future__ import annotations

import io
import posixpath
import warnings
import zipfile
from xml.etree import ElementTree

import pytest
from ebooklib import ITEM_DOCUMENT, epub
from export_samples import NAMES, NASTY, TAME, book, long_book

from planner.export.book import Book, Wanted
from planner.export.epub import to_epub

OPF, DC, XHTML = (
    "{http://www.idpf.org/2007/opf}",
    "{http://purl.org/dc/elements/1.1/}",
    "{http://www.w3.org/1999/xhtml}",
)


def opened(made: Book) -> epub.EpubBook:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the reader's own, about its next release
        return epub.read_epub(io.BytesIO(to_epub(made)), {"ignore_ncx": True})


def members(made: Book) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(to_epub(made))) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def texts(page: bytes, tag: str) -> list[str]:
    return ["".join(found.itertext()) for found in ElementTree.fromstring(page).iter(f"{XHTML}{tag}")]


def test_a_reader_finds_title_language_identifier_dates_and_contents() -> None:
    made = long_book(title=f"{TAME} é")
    read = opened(made)
    assert read.get_metadata("DC", "title")[0][0] == f"{TAME} é"
    assert read.get_metadata("DC", "language")[0][0] == "en"
    assert read.get_metadata("DC", "identifier")[0][0] == made.origin.identifier
    assert read.get_metadata("DC", "date")[0][0] == "2026-03-04"
    package = ElementTree.fromstring(members(made)["EPUB/package.opf"])
    modified = [meta.text for meta in package.iter(f"{OPF}meta") if meta.get("property") == "dcterms:modified"]
    assert modified == ["2026-03-05T06:07:08Z"]
    assert [link.title for link in read.toc] == [
        f"{TAME} é", "1. Step 1", "2. Step 2", "Outline", "Summary", "Facts",
    ]  # fmt: skip


def test_each_chapter_is_a_page_of_its_own_and_holds_its_paragraphs() -> None:
    read = opened(long_book(wanted=Wanted()))
    pages = {item.get_name(): item for item in read.get_items_of_type(ITEM_DOCUMENT)}
    assert set(pages) == {"nav.xhtml", "title.xhtml", "chapter-0001.xhtml", "chapter-0002.xhtml"}
    assert [name for name, _ in read.spine] == ["title", "chapter-0001", "chapter-0002"]
    content = pages["chapter-0002.xhtml"].content
    assert (texts(content, "h1"), texts(content, "p")) == (["2. Step 2"], [f"Two {n}." for n in range(4)])


def test_no_character_of_a_paragraph_is_lost_or_read_as_markup() -> None:
    page = members(book(NAMES, NASTY, done=False))["EPUB/chapter-0001.xhtml"]
    assert texts(page, "p") == [NAMES, TAME, "(unfinished)"]
    assert texts(page, "script") == []


def test_the_container_is_what_the_specification_asks_for() -> None:
    made = book(["One.", "Two."], ["Three.", "Four."])
    found = members(made)
    with zipfile.ZipFile(io.BytesIO(to_epub(made))) as file:
        first = file.infolist()[0]
    assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
    assert found["mimetype"] == b"application/epub+zip"
    assert b'full-path="EPUB/package.opf"' in found["META-INF/container.xml"]
    package = ElementTree.fromstring(found["EPUB/package.opf"])
    items = {item.attrib["id"]: item.attrib for item in package.iter(f"{OPF}item")}
    assert {posixpath.join("EPUB", item["href"]) for item in items.values()} | {
        "mimetype", "META-INF/container.xml", "EPUB/package.opf",
    } == set(found)  # fmt: skip
    assert [item["id"] for item in items.values() if item.get("properties") == "nav"] == ["nav"]
    assert [ref.attrib["idref"] for ref in package.iter(f"{OPF}itemref")] == [
        i for i in items if i not in {"nav", "style"}
    ]
    assert package.attrib["unique-identifier"] == package.find(f".//{DC}identifier").attrib["id"]  # type: ignore[union-attr]
    for name, content in found.items():
        if name.endswith(("xhtml", "xml", "opf")):
            assert content.startswith(b"<?xml"), name
            ElementTree.fromstring(content)


@pytest.mark.parametrize("title", ["", "\x00", "x" * 500])
def test_a_book_always_has_a_title(title: str) -> None:
    assert opened(book("One.", title=title)).get_metadata("DC", "title")[0][0] == (title.strip("\x00") or "abcd1234")
