"""The page: the story as typeset prose, drawn line by line, so that its length costs nothing to show.

Invariant: only lines that can be seen are drawn, and only the paragraph that is being written is wrapped again while it
grows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from planner.rows import ParagraphRow
from planner.tui import typeset
from planner.tui.typeset import MEASURE, Block, Line

Tail = Callable[[int], Block]
"""What follows the paragraphs, laid out for a width."""
GUTTER = 3
"""Cells before a line for its mark."""
_DRAWN = 1_000
"""Lines that are kept as they were drawn: scrolling draws the same ones again and again."""
_BLANK: tuple[Line, int | None] = (("plain", "", ""), None)


class Page(ScrollView, can_focus=True):
    """The story's text. It asks for earlier paragraphs (``Earlier``) when the reader comes near the top of what it has."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"page--{name}"
        for name in ("text", "title", "chapter", "mark", "proposal", "stream", "hint", "margin", "chosen", "plain")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "Down", show=False),
        Binding("k,up", "scroll_up", "Up", show=False),
        Binding("space,pagedown", "page_down", "Page down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
    ]

    class Earlier(Message):
        """The paragraphs before the first one that is here are wanted."""

    class Chosen(Message):
        """A paragraph was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, **more: str) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.rows: list[ParagraphRow] = []
        self.chosen: int | None = None
        self.labels: tuple[str, ...] = ()
        self.chapters = False
        self._heading = ("", "")
        self._tail: Tail | None = None
        self._kept: dict[str, Block] = {}
        self._lines: list[tuple[Line, int | None]] = []
        self._told = 0
        self._width = 0
        self._asked: str | None = None
        self._styles: dict[str, Style] = {}
        self._strips: LRUCache[tuple[int, str, str, str], Strip] = LRUCache(_DRAWN)

    @property
    def measure(self) -> int:
        """Cells of a line of prose on this page, as wide as it is now."""
        return max(min(MEASURE, self.size.width - 2 * GUTTER), 8)

    def show(
        self, rows: Sequence[ParagraphRow], labels: Sequence[str], title: str, below: str, tail: Tail | None,
        chapters: bool = False,
    ) -> None:  # fmt: skip
        """Show these paragraphs, the newest at the end, and ``tail`` after them. What stands above them stays."""
        known = {row.id: number for number, row in enumerate(self.rows)}
        above = self.rows[: known[rows[0].id]] if rows and rows[0].id in known else []
        self.rows = [*above, *rows]
        if tuple(labels) != self.labels or (title, below) != self._heading:
            self.labels, self._heading = tuple(labels), (title, below)
        if self.chosen is not None and not any(row.index == self.chosen for row in self.rows):
            self.chosen = None
        self._tail, self.chapters = tail, chapters
        self._lay()

    def before(self, rows: Sequence[ParagraphRow], blocks: Sequence[Block] = (), measure: int = 0) -> None:
        """Put earlier paragraphs before those that are here; what the reader sees stays where it is.

        ``blocks`` are those of them that were laid out on another thread, for a line of ``measure`` cells.
        """
        if not rows or not self.rows or rows[-1].id != self.rows[0].parent:
            return
        if measure == self._width:
            self._kept |= {block.key: block for block in blocks}
        was = len(self._lines)
        self.rows = [*rows, *self.rows]
        self._lay()
        self.scroll_to(y=self.scroll_y + len(self._lines) - was, animate=False, force=True, immediate=True)

    def tail(self, tail: Tail) -> None:
        """Replace what follows the paragraphs: the one that is proposed or being written."""
        at_end, was = self.at_end, self._lines[self._told :]
        self._tail = tail
        now = _flat([tail(self._width)])
        same = next(
            (n for n, pair in enumerate(zip(was, now, strict=False)) if pair[0] != pair[1]), min(len(was), len(now))
        )
        self._lines[self._told :] = now
        self._extend()
        # Only what has changed is painted again: a page that is read further up is left in peace.
        self.refresh_lines(self._told + same, max(len(was), len(now)) - same)
        if at_end:
            self.to_end()

    @property
    def at_end(self) -> bool:
        return self.scroll_y > self.max_scroll_y - 1

    def to_end(self) -> None:
        self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)

    def to(self, index: int) -> None:
        """Scroll to paragraph ``index`` and mark it, if it is here."""
        for number, (_, paragraph) in enumerate(self._lines):
            if paragraph == index:
                self.chosen = index
                self.scroll_to(y=max(number - 2, 0), animate=False, force=True, immediate=True)
                self.refresh()
                return

    def choose(self, step: int) -> int | None:
        """Mark the paragraph before (-1) or after (+1) the marked one; returns its number."""
        if not self.rows:
            return None
        first, last = self.rows[0].index, self.rows[-1].index
        at = last + 1 if self.chosen is None else self.chosen
        wanted = at + step
        if wanted > last:
            self.chosen = None
            self.to_end()
            self.refresh()
            return None
        self.to(max(wanted, first))
        return self.chosen

    def _lay(self) -> None:
        width = self.measure
        if width != self._width:
            self._kept.clear()
            self._strips.clear()
            self._width = width
        head = typeset.title_block(*self._heading, width)
        blocks = typeset.page(self.rows, width, self.labels, head, None, self._kept, self.chapters)
        if not self.rows and self._heading[0]:
            blocks = [head]
        self._lines = _flat(blocks)
        self._told = len(self._lines)
        self._end()

    def _end(self) -> None:
        """Lay out what follows the paragraphs anew."""
        del self._lines[self._told :]
        if self._tail:
            self._lines += _flat([self._tail(self._width)])
        self._extend()
        self.refresh()

    def _extend(self) -> None:
        """Have the page as long as its lines. A page that is longer than the screen needs no new layout for it."""
        was, size = self.virtual_size, Size(self.size.width, len(self._lines) + 1)
        if was.width == size.width and min(was.height, size.height) > self.size.height:
            self.set_reactive(Page.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
        else:
            self.virtual_size = size

    def on_resize(self, _: events.Resize) -> None:
        if self.measure != self._width:
            at_end = self.at_end
            self._lay()
            if at_end:
                self.call_after_refresh(self.to_end)

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """A bar that comes after the page was scrolled would show where the page was before."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        first = self.rows[0] if self.rows else None
        if first and first.parent and new_value < self.size.height and self._asked != first.id:
            self._asked = first.id
            self.post_message(self.Earlier())

    def on_click(self, event: events.Click) -> None:
        line = event.y + self.scroll_offset.y
        if 0 <= line < len(self._lines) and (index := self._lines[line][1]) is not None:
            self.chosen = None if index == self.chosen else index
            self.refresh()
            self.post_message(self.Chosen(index))

    def render_line(self, y: int) -> Strip:
        """One line of what can be seen."""
        number = y + self.scroll_offset.y
        (style, margin, text), index = self._lines[number] if number < len(self._lines) else _BLANK
        gutter = "▌" if index is not None and index == self.chosen else margin
        key = (self.size.width, style, gutter, text)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._drawn(*key)
        return strip

    def _drawn(self, width: int, style: str, gutter: str, text: str) -> Strip:
        plain = self._style("plain")
        left = max((width - self._width) // 2 - GUTTER, 0)
        segments = [
            Segment(" " * left, plain),
            Segment(gutter.ljust(GUTTER), self._style("chosen" if gutter == "▌" else "margin")),
            Segment(text, self._style(style)),
        ]
        return Strip(segments).adjust_cell_length(width, plain)

    def _style(self, name: str) -> Style:
        """The style of a kind of line; looking one up costs more than drawing the line does."""
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(f"page--{name}")
        return self._styles[name]

    def notify_style_update(self) -> None:
        self._styles.clear()
        self._strips.clear()
        super().notify_style_update()


def _flat(blocks: Sequence[Block]) -> list[tuple[Line, int | None]]:
    return [(line, block.index) for block in blocks for line in block.lines]
