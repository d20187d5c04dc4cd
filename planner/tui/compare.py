"""Two branches side by side, from where they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from planner.plans import Comparison
from planner.rows import ParagraphRow
from prompts.safe import one_line

_MOST = 100
"""Paragraphs of each branch that are shown."""


class Compare(ModalScreen[None]):
    """Both columns scroll together."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss(None)", show=False),
        Binding("j,down", "move('scroll_down')", show=False),
        Binding("k,up", "move('scroll_up')", show=False),
        Binding("space,pagedown", "move('scroll_page_down')", show=False),
        Binding("pageup", "move('scroll_page_up')", show=False),
        Binding("g,home", "move('scroll_home')", show=False),
        Binding("G,end", "move('scroll_end')", show=False),
    ]

    def __init__(self, compared: Comparison, one: str, other: str) -> None:
        super().__init__()
        self._compared, self._one, self._other = compared, one, other

    def compose(self) -> ComposeResult:
        with Vertical(id="compare"):
            shared = self._compared.shared
            said = f"{shared} paragraph{'' if shared == 1 else 's'} shared, then each goes its own way"
            yield Static(Text(said, style="bold"), classes="question")
            with Horizontal(id="columns"):
                for name, rows in ((self._one, self._compared.one), (self._other, self._compared.other)):
                    column = VerticalScroll(classes="side", can_focus=False)
                    column.border_title = Text(one_line(name))
                    column.border_subtitle = f"{len(rows)} of its own"
                    with column:
                        yield Static(_told(rows))
            yield Static(Text("j k scroll both   Esc leave"), classes="keys")

    def action_move(self, how: str) -> None:
        for column in self.query(".side"):
            getattr(column, how)(animate=False)


def _told(rows: Sequence[ParagraphRow]) -> Text:
    text = Text()
    for row in rows[:_MOST]:
        text.append(f"{row.index + 1}  ", style="dim")
        text.append(one_line(row.text) + "\n\n")
    if not rows:
        text.append("It ends where they part.", style="dim")
    elif len(rows) > _MOST:
        text.append(f"and {len(rows) - _MOST} more", style="dim")
    return text
