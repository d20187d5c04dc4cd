"""Project Gutenberg fiction: plain .txt as it is downloaded, or packed JSON lines with a ``text`` in each row.

Header, licence, contents, prefaces, lists of illustrations, notes and indexes are cut; chapters and paragraphs are kept.
Invariant: every paragraph that is given out stands in the file, on one line, and belongs to the narrative as far as these
rules can see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from finetune.readers.base import MAX_CHARACTERS, Chapter, Options, Skip, Work, blocks, files_of, folded, opened

LICENCE = "public domain (US)"
SOURCE = "Project Gutenberg"
_START = re.compile(
    r"^[ \t]*(?:\*{3}\s*START OF (?:THE|THIS) PROJECT GUTENBERG[^\n]*\n|\*END[* ]*THE SMALL PRINT[^\n]*\n)", re.M | re.I
)
_END = re.compile(
    r"^[ \t]*(?:\*{3}\s*END OF (?:THE|THIS) PROJECT GUTENBERG|End of (?:the )?Project Gutenberg|"
    r"\*{3}\s*START: FULL LICENSE)", re.M | re.I
)  # fmt: skip
_FIELD = re.compile(r"^(Title|Author|Language):[ \t]*(.+(?:\n[ \t]+\S.*)*)", re.M)
_NUMBER = r"(?:[IVXLC]+|\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|[a-z]+teen|twenty[ -]?[a-z]*|first|last|the \w+)"
_CHAPTER = re.compile(
    rf"^[*_=\s]*(?:(?:chapter|chap\.|book|part|volume|canto|letter|stave|act|scene|story|tale)\s+{_NUMBER}\b.{{0,80}}|"
    r"(?:prologue|epilogue|conclusion)\b.{0,60}|[IVXLC]+\.?|[IVXLC]+\.\s+\S.{0,70}|\d{1,3}\.?)[*_=\s]*$", re.I,
)  # fmt: skip
_NOTICE = re.compile(
    r"https?://|www\.|gutenberg|e-?text\b|\bcopyright|all rights reserved|act of congress|distributed proofread|"
    r"^(?:printed|produced|published|transcribed) (?:by|in|from)\b", re.I,
)  # fmt: skip
_LOWER_ROMAN = re.compile(r"^[ivxlc]+\.?(?:\s|$)")
_FRONT = re.compile(
    r"^[*_=\[\s]*(?:(?:table of )?contents|(?:author'?s |author’s |translator'?s |editor'?s |publisher'?s )?"
    r"(?:preface|introduction|foreword|introductory note|note)(?: to\b.*)?|list of illustrations|illustrations|"
    r"dedication|acknowledge?ments?|advertisements?|"
    r"transcriber[’']?s?[’']? notes?.*|footnotes?|notes|index|glossary|appendix\b.*|bibliography|errata|by the same author|"
    r"the end|finis)[*_=.:\]\s]*$", re.I,
)  # fmt: skip
_LAST = re.compile(r"^[*_=\[\s]*(?:the end|finis)\b", re.I)
_BRACKETED = re.compile(r"\[(?:illustration|footnote|transcriber|sidenote|note)[^\[\]]*\]", re.I)
_FOOTNOTE = re.compile(r"\[\d{1,3}\]|\{\d{1,3}\}")
_BREAK = re.compile(r"^[\s*·•.\-–—_=#~+]+$")
_END_MARK = tuple(".!?:;,\"'”’)—-…")
_SMALL = frozenset("with from into over under upon that their which when".split())
_LEAST_WORDS = 40
"""A heading that fewer words follow stands in the contents."""


def read(path: Path, skip: Skip, options: Options) -> Iterator[Work]:
    """A work for each .txt of ``path``; files that hold no narrative are named. Raises ``InputError`` for no such path."""
    for file in files_of(path, (".txt", ".txt.gz", ".txt.xz"), "texts"):
        with opened(file) as handle:
            text = handle.read(MAX_CHARACTERS + 1)
        if len(text) > MAX_CHARACTERS:
            skip(file.name, None, f"longer than {MAX_CHARACTERS:,} characters; split it")
            continue
        fields = {key: folded(value) for key, value in _FIELD.findall(text[:20_000])}
        work = book(
            text, title=fields.get("Title", ""), author=fields.get("Author", ""), group=fields.get("Title") or file.stem,
            licence=options.licence or LICENCE, source=options.source or SOURCE, place=file.name,
        )  # fmt: skip
        if work:
            yield work
        else:
            skip(file.name, None, "no narrative found in it")


def book(text: str, *, title: str, author: str, group: str, licence: str, source: str, place: str) -> Work | None:
    """A book from its text, with the frame cut off; None where no narrative is left."""
    chapters = split_chapters(body_of(text.replace("\r\n", "\n").replace("\r", "\n")))
    if not chapters:
        return None
    return Work(group, source, chapters, licence=licence, title=title, author=author, tone="classic", place=place)


def body_of(text: str) -> str:
    """What stands between the header and the licence of Project Gutenberg; all of it where they are gone already."""
    # The last start mark before the text: some files have the small print and the newer mark.
    starts = [match.end() for match in _START.finditer(text)]
    start = starts[-1] if starts else 0
    end = _END.search(text, start)
    return text[start : end.start() if end else len(text)]


def is_heading(block: str) -> bool:
    """Whether a block is the heading of a chapter: numbered, or a few words in capitals."""
    if len(block) > 100 or _LOWER_ROMAN.match(block):
        return False
    if block.isupper() and 3 < len(block) <= 80 and re.search(r"[A-Z]{3}", block) and block[0] not in "\"'“‘(":
        return True
    return bool(_CHAPTER.match(block)) and _capitals(block) >= 0.5


def _capitals(block: str) -> float:
    """Share of the longer words that begin with a capital; 1 where there is none."""
    long = [word for word in re.findall(r"[^\W\d_]{4,}", block) if word.lower() not in _SMALL]
    return sum(word[0].isupper() for word in long) / len(long) if long else 1.0


def is_title(block: str) -> bool:
    """Whether a block may be a story's title in small letters, as it stands after a preface."""
    return len(block) <= 70 and block[-1].isalnum() and block[0].isupper() and _capitals(block) >= 0.7


def is_prose(block: str) -> bool:
    """Whether a block is told: it has small letters, and ends as a sentence or a speech does."""
    return (
        block.endswith(_END_MARK)
        and len(block) > 1
        and sum(map(str.islower, block)) > 0.5 * sum(map(str.isalpha, block))
    )


def split_chapters(body: str) -> tuple[Chapter, ...]:
    """The narrative of a body in chapters. What stands before the first heading that prose follows is cut."""
    sections = _sections(blocks(_BRACKETED.sub("", body)))
    headed = [(title, told) for title, told in sections if title and sum(len(p.split()) for p in told) >= _LEAST_WORDS]
    if headed:
        return tuple(Chapter(tuple(told), title) for title, told in headed)
    plain = [paragraph for _, told in sections for paragraph in _after_front(told)]
    return (Chapter(tuple(plain)),) if sum(len(p.split()) for p in plain) >= _LEAST_WORDS else ()


def _sections(parts: list[str]) -> list[tuple[str, list[str]]]:
    """(heading, prose blocks) in order, without the sections that are no story; the heading is empty before the first."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    dropped = False
    for number, block in enumerate(parts):
        if len(block) <= 100 and _FRONT.match(block):
            if _LAST.match(block) and number > 0.9 * len(parts):
                break  # what follows the end is the publisher's
            dropped = True
        elif is_heading(block) or (dropped and is_title(block)):
            dropped = False
            title = block.strip("*_= ")
            if sections[-1][0] and not sections[-1][1]:  # BOOK I and, below it, CHAPTER I
                above = sections[-1][0]
                title = f"{above} {title}" if len(above) < 40 and above.lower() != title.lower() else title
                sections.pop()
            sections.append((title, []))
        elif not sections[-1][1] and sections[-1][0] and not is_prose(block) and len(block) < 80:
            continue  # the chapter's name on a line of its own
        elif not dropped and is_prose(block) and not _BREAK.match(block) and not _NOTICE.search(block):
            sections[-1][1].append(_FOOTNOTE.sub("", block).replace("_", ""))
    return sections


def _after_front(told: list[str]) -> list[str]:
    """Prose from the first three long paragraphs in a row on: title pages hold no such run."""
    run = 0
    for number, block in enumerate(told):
        run = run + 1 if len(block) > 60 else 0
        if run == min(3, len(told)):
            return told[number - run + 1 :]
    return []
