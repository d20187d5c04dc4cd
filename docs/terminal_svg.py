"""A terminal's screen, as ``tmux capture-pane -e -N`` gives it, as an SVG: ``terminal_svg.py SCREEN TARGET TITLE``."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

CELL = 12.2
"""Width of a character in the SVG that rich makes."""
_INDENTED = re.compile(r'x="([\d.]+)" (y="[\d.]+") textLength="([\d.]+)" ([^>]*)>((?:&#160;)+)(?=[^&<])')


def save(screen: str, target: Path, title: str, width: int) -> None:
    """Draw ``screen`` (text with escape sequences) on ``width`` columns."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(screen.rstrip("\n")), no_wrap=True, crop=True)
    target.write_text(_INDENTED.sub(_moved, console.export_svg(title=title)), encoding="utf-8")


def _moved(match: re.Match[str]) -> str:
    """The same text without the spaces at its start, which some viewers leave out: it begins further right instead."""
    x, y, length, more, spaces = match.groups()
    indent = CELL * (len(spaces) // len("&#160;"))
    return f'x="{float(x) + indent:g}" {y} textLength="{float(length) - indent:g}" {more}>'


if __name__ == "__main__":
    save(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]), sys.argv[3], 100)
