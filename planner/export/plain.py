"""Markdown with YAML front matter, plain text, and JSON.

Invariant: a Markdown reader shows every paragraph as it was written: what looks like markup in it is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import yaml

from planner.export.book import Appendix, Book

BREAK = "* * *"

_INLINE = re.compile(r"[\\`*_\[<~&]")
# What begins a heading, a quotation, a list, a rule or an underline when it stands first.
_BLOCK = re.compile(r"(?:#{1,6}(?=\s|$)|[>=]|[-+](?=[\s+-]|$))")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|$)")


def to_markdown(book: Book) -> str:
    """Front matter, title, chapters, appendices; a line at the end of the story says if it is not finished."""
    origin = book.origin
    front = {
        "title": book.title, "subject": book.subtitle, "lang": book.language,
        "date": origin.created.isoformat(), "modified": origin.modified.isoformat(), "identifier": origin.identifier,
        "generator": f"Fabula {origin.fabula}", "model": origin.model, "seed": origin.seed,
    }  # fmt: skip
    head = f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=10_000)}---"
    subtitle = [f"*{escaped(book.subtitle)}*"] if book.subtitle else []
    parts = [head, f"# {escaped(book.title)}", *subtitle]
    parts += _body(book, lambda title: f"## {escaped(title)}", escaped, "*(unfinished)*")
    return "\n\n".join(parts) + "\n"


def to_text(book: Book) -> str:
    """Title, chapters, appendices and a colophon, a paragraph a line."""
    parts = [f"{book.title}\n{'=' * min(len(book.title), 76)}", *([book.subtitle] if book.subtitle else [])]
    parts += _body(book, lambda title: f"{title}\n{'-' * min(len(title), 76)}", lambda text: text, "(unfinished)")
    return "\n\n".join([*parts, book.origin.sentence]) + "\n"


def to_json(book: Book) -> str:
    """Everything that the library knows of the story; chapters and appendices are a matter of the other formats."""
    return json.dumps(book.everything, ensure_ascii=False, indent=2) + "\n"


def escaped(text: str) -> str:
    """One line of text as one line of Markdown."""
    text = _INLINE.sub(r"\\\g<0>", text)
    if number := _NUMBER.match(text):
        return f"{number[1]}\\{text[number.end(1) :]}"
    return f"\\{text}" if _BLOCK.match(text) else text


def _body(book: Book, heading: Callable[[str], str], text: Callable[[str], str], unfinished: str) -> Iterator[str]:
    for chapter in book.chapters:
        if chapter.title:
            yield heading(chapter.title)
        for number, scene in enumerate(chapter.scenes):
            if number:
                yield BREAK
            yield from map(text, scene)
    if not book.done:
        yield unfinished
    for appendix in book.appendices:
        yield heading(appendix.title)
        yield from _items(appendix, text)


def _items(appendix: Appendix, text: Callable[[str], str]) -> Iterator[str]:
    if appendix.kind == "prose":
        yield from map(text, appendix.items)
    elif appendix.kind == "list":
        yield "\n".join(f"- {text(item)}" for item in appendix.items)
    else:
        yield "\n".join(f"{number}. {text(item)}" for number, item in enumerate(appendix.items, 1))
