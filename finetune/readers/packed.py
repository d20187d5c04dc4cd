"""Corpora as JSON lines, plain or packed (.gz, .xz, .bz2): a row a story or a book.

A row has a ``text`` (or story, content, body), and may have title, author or authors, summary, source and licence (or
license). Rows of Project Gutenberg lose their prefaces and contents. Invariant: a row is read at a time, in file order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agents.naming import title_case
from finetune.readers import gutenberg
from finetune.readers.base import (
    MAX_CHARACTERS,
    Chapter,
    Options,
    Skip,
    Work,
    blocks,
    files_of,
    folded,
    json_lines,
    text_of,
)

ENDINGS: Final = tuple(f".jsonl{packed}" for packed in ("", ".gz", ".xz", ".bz2"))
TEXTS: Final = ("text", "story", "content", "body", "completion", "output", "document")
_BOOK = 60_000
"""Characters from which on a text without a named source is taken for a book with front matter."""


def read(path: Path, skip: Skip, options: Options) -> Iterator[Work]:
    """A work for each row of the files. Raises ``InputError`` where there are none, or one is damaged."""
    for file in files_of(path, ENDINGS, "JSON lines"):
        for number, row in json_lines(file, skip):
            name = file.name.partition(".jsonl")[0]
            work = work_of(row, f"{name}:{number}", name, f"{file.name}, line {number}", options)
            if isinstance(work, str):
                skip(file.name, number, work)
            else:
                yield work


def work_of(row: dict[str, Any], number: str, name: str, place: str, options: Options) -> Work | str:
    """The story of a row, or why it has none. The group is the book's author and title, else the row's number."""
    column = options.text_column or next((key for key in TEXTS if text_of(row.get(key))), "")
    text = text_of(row.get(column))
    if not text:
        return f"no {options.text_column or 'text'}"
    if len(text) > MAX_CHARACTERS:
        return f"longer than {MAX_CHARACTERS:,} characters; split it"
    title, author = _title(text_of(row.get("title"))), _author(row)
    source = options.source or text_of(row.get("source")) or name
    licence = options.licence or text_of(row.get("licence")) or text_of(row.get("license")) or "unknown"
    group = (
        folded(str(row.get(options.group_column) or "")) if options.group_column else f"{author}: {title}".strip(": ")
    )
    if source == gutenberg.SOURCE or len(text) > _BOOK:
        return gutenberg.book(
            text, title=title, author=author, group=group or number, licence=licence, source=source, place=place
        ) or "no narrative found in it"  # fmt: skip
    parts = blocks(text)
    if len(parts) == 1 and "\n" in text:  # a line a paragraph, whatever they end with
        parts = [p for p in map(folded, text.splitlines()) if p]
    summary = folded(text_of(row.get("summary")) or text_of(row.get("logline")))
    return Work(
        group or number, source, (Chapter(tuple(parts)),), licence=licence, title=title, author=author,
        prompt=folded(text_of(row.get("prompt"))), summary=summary, tone=text_of(row.get("tone")), place=place,
    )  # fmt: skip


def _title(text: str) -> str:
    """A title in words; some corpora give it as part of an address ("a-fish-story")."""
    return title_case(text.replace("-", " ")) if "-" in text and " " not in text and text.islower() else folded(text)


def _author(row: dict[str, Any]) -> str:
    value = row.get("author") or row.get("authors")
    if isinstance(value, list):
        return folded("; ".join(text_of(item) for item in value))
    return folded(text_of(value))
