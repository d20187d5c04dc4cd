"""From paragraphs to lines of a page: wrapping, beat marks and margins, as plain values.

Invariant: a block depends on nothing but its arguments, so blocks can be made on any thread and kept while the width stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from planner.rows import ParagraphRow
from prompts.safe import one_line

MEASURE = 70
"""Cells of a line of prose; longer lines are hard to read."""
Line = tuple[str, str, str]
"""Style, what stands in the margin before the line, and the line."""


@dataclass(frozen=True)
class Block:
    """A paragraph or a mark as lines. ``index`` is the paragraph's number from 0, or None for a mark; ``key`` is its id."""

    lines: tuple[Line, ...]
    key: str = ""
    index: int | None = None


def wrap(text: str, width: int) -> list[str]:
    """Break ``text`` at spaces into lines of at most ``width`` cells; a word that is longer is cut."""
    found: list[str] = []
    line, used = "", 0
    for word in one_line(text).split(" "):
        cells = len(word) if word.isascii() else cell_len(word)
        if line and used + 1 + cells <= width:
            line, used = f"{line} {word}", used + 1 + cells
            continue
        if line:
            found.append(line)
        while cells > width:
            piece = chop_cells(word, width)[0]
            if not piece:  # a character that is wider than the line
                break
            found.append(piece)
            word = word[len(piece) :]  # noqa: PLW2901
            cells = cell_len(word)
        line, used = word, cells
    return [*found, line] if line or not found else found


def centred(text: str, width: int) -> str:
    return " " * max((width - cell_len(text)) // 2, 0) + text


def title_block(title: str, below: str, width: int) -> Block:
    """The title page: the title, its genre, room."""
    lines: list[Line] = [("plain", "", "")]
    lines += [("title", "", centred(part, width)) for part in wrap(title, width)]
    lines += [("mark", "", centred(part, width)) for part in wrap(below, width)]
    return Block((*lines, ("plain", "", "")))


def mark_block(label: str, width: int) -> Block:
    """Where a beat begins."""
    shown = wrap(label, max(width - 8, 4))[0]
    return Block((("mark", "", centred(f"·  {shown}  ·", width)), ("plain", "", "")))


def chapter_block(number: int, label: str, width: int) -> Block:
    """Where a beat begins that is a chapter; ``number`` counts from 1."""
    lines: list[Line] = [("plain", "", ""), ("chapter", "", centred(f"Chapter {number}", width))]
    lines += [("mark", "", centred(part, width)) for part in wrap(label, width) if part]
    return Block((*lines, ("plain", "", "")))


def told(row: ParagraphRow, width: int) -> Block:
    """A paragraph of the story; one that a person wrote has a mark in the margin."""
    margin = "✎" if row.meta.get("author") == "person" else ""
    lines = [("text", margin if not number else "", line) for number, line in enumerate(wrap(row.text, width))]
    return Block((*lines, ("plain", "", "")), row.id, row.index)


def proposed(text: str, width: int, hint: str) -> Block:
    """A paragraph that waits for a decision, with a bar in the margin and what can be done below it."""
    lines: list[Line] = [("proposal", "┃", line) for line in wrap(text, width)]
    below: list[Line] = [("hint", "", hint[:width])]
    return Block((*lines, *below, ("plain", "", "")))


def streaming(text: str, width: int) -> Block:
    """The paragraph that is being written, and a cursor at its end."""
    lines: list[Line] = [("stream", "│", line) for line in wrap(text + "▍", width)]
    return Block((*lines, ("plain", "", "")))


def page(
    rows: Sequence[ParagraphRow], width: int, labels: Sequence[str], head: Block, before: int | None,
    kept: dict[str, Block], chapters: bool = False,
) -> list[Block]:  # fmt: skip
    """Blocks of consecutive paragraphs. ``before`` is the beat of the one above the first; ``kept`` holds known blocks.

    With ``chapters`` every beat is one, also a beat that is no longer in the outline.
    """
    blocks: list[Block] = []
    beat = before
    for row in rows:
        if row.index == 0:
            blocks.append(head)
        if row.beat != beat and (beat is not None or row.index == 0):
            label = labels[row.beat] if row.beat < len(labels) else ""
            if chapters:
                blocks.append(chapter_block(row.beat + 1, label, width))
            elif label:
                blocks.append(mark_block(label, width))
        beat = row.beat
        if row.id not in kept:
            kept[row.id] = told(row, width)
        blocks.append(kept[row.id])
    return blocks
