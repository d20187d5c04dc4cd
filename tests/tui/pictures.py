"""A screen as a text that a person can read in a diff: its letters, and the colours of every cell in both themes.

Invariant: equal pictures are equal screens: no cell's letter, ink, paper or weight is left out, but for what differs from run
to run (``_steady``), which is made the same without changing its width.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import Color, ColorType
from rich.style import Style
from textual.app import App

Look = tuple[str, str, str]
"""Ink, paper (both #rrggbb) and weight of a cell."""
_NAMES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZαβγδεζηθικλμνξοπρστυφχψω"
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?")


class Cell(NamedTuple):
    letter: str
    look: Look


Screen = list[list[Cell]]


def _hex(colour: Color | None) -> str:
    assert colour is not None, "a cell has no colour of its own"
    assert colour.type is ColorType.TRUECOLOR, colour
    assert colour.triplet is not None
    return colour.triplet.hex


@cache
def _look(style: Style) -> Look:
    paper = _hex(style.bgcolor)
    ink = _hex(style.color) if style.color else paper  # a blank may have none
    if style.reverse:
        ink, paper = paper, ink
    assert not style.dim, "dim is drawn differently by every terminal; it is to be a colour by now"
    names = ("bold", "italic", "underline", "strike")
    return ink, paper, " ".join(name for name in names if getattr(style, name))


def take(app: App[None]) -> Screen:
    """Every cell of what the app shows now, line by line; of a wide letter, the second cell is empty."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    found: Screen = []
    for strips in update.strips:  # type: ignore[union-attr]
        segments = [segment for strip in strips for segment in strip]
        assert not any(segment.control for segment in segments)
        line: list[Cell] = []
        for text, style, _ in segments:
            look = _look(style or Style.null())
            for letter in text:
                line += [Cell(letter, look), *[Cell("", look)] * (cell_len(letter) - 1)]
        found.append(line)
    return found


def lines(screen: Screen) -> list[str]:
    return ["".join(cell.letter for cell in line) for line in screen]


def _steady(text: str) -> str:
    """``text`` without what differs from run to run."""
    return _DATE.sub(lambda found: "2001-01-01 00:00"[: len(found[0])], text)


def drawn(screens: dict[str, Screen]) -> str:
    """One screen in several themes (name → cells) as a text: letters, then which style each run of cells has, then the styles."""
    first = next(iter(screens.values()))
    for screen in screens.values():
        assert lines(screen) == lines(first), "\n".join(difflib.ndiff(lines(first), lines(screen)))
    styles: dict[tuple[Look, ...], str] = {}
    runs: list[str] = []
    for columns in zip(*screens.values(), strict=True):
        cells = list(zip(*columns, strict=True))
        line = ""
        for looks, same in groupby(tuple(_seen(cell) for cell in cell_in_themes) for cell_in_themes in cells):
            name = styles.setdefault(looks, _NAMES[len(styles)])
            line += f"{name}{len(list(same))}"
        runs.append(line)
    legend = [
        f"{name} {theme}: {' '.join(filter(None, look))}"
        for looks, name in styles.items() for theme, look in zip(screens, looks, strict=True)
    ]  # fmt: skip
    text = [f"│{_steady(line)}│" for line in lines(first)]
    return "\n".join([*text, "", *_counted(runs), "", *legend, ""])


def _seen(cell: Cell) -> Look:
    """What of a look can be seen: a blank has no ink."""
    ink, paper, weight = cell.look
    return (
        ("", paper, "underline" if "underline" in weight else "") if cell.letter in {"", " "} else (ink, paper, weight)
    )


def _counted(runs: Sequence[str]) -> Iterator[str]:
    """Equal lines once, with how many there are."""
    for run, same in groupby(runs):
        yield f"{len(list(same))}× {run}"


def compare(file: Path, now: str, update: bool) -> str:
    """How the screen differs from its picture, as a unified diff; ``update`` makes it the picture instead."""
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(now, encoding="utf-8")
    then = file.read_text(encoding="utf-8") if file.exists() else ""
    if then == now:
        return ""
    told = difflib.unified_diff(
        then.splitlines(), now.splitlines(), f"{file.name}, as it was", "as it is now", n=1, lineterm=""
    )
    return "\n".join(told)


@cache
def contrast(ink: str, paper: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2), from 1 to 21."""
    light, dark = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
