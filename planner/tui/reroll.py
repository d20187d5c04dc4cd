"""The alternatives for one paragraph, side by side, to pick from, to edit or to ask for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from planner.tui.merge import Merge
from prompts.safe import one_line

Answer = tuple[str, str]
_MOST = 30
"""Alternatives that are shown; a small model is asked for two dozen at once."""


class Alternatives(ModalScreen[Answer | None]):
    """The one that is proposed comes first, then the newest.

    Gives what to do ("take", "edit", "more", "wish") and the text that is meant.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("left,h,k,up,shift+tab", "move(-1)", show=False),
        Binding("right,l,j,down,tab", "move(1)", show=False),
        Binding("enter", "answer('take')", show=False),
        Binding("e", "answer('edit')", show=False),
        Binding("r", "answer('more')", show=False),
        Binding("i", "answer('wish')", show=False),
        Binding("m", "merge", show=False),
        *(Binding(str(n), f"pick({n - 1})", show=False) for n in range(1, 10)),
    ]

    def __init__(self, texts: Sequence[str], now: str) -> None:
        super().__init__()
        others = [text for text in reversed(texts) if text != now]
        self._texts = [now, *others][:_MOST] if now else others[:_MOST]
        self._at = 0

    def compose(self) -> ComposeResult:
        with Vertical(id="alternatives"):
            with HorizontalScroll(id="sides"):
                for number, text in enumerate(self._texts):
                    side = VerticalScroll(classes="side", can_focus=False)
                    side.border_title = f"{number + 1} of {len(self._texts)}"
                    side.border_subtitle = f"{len(text.split())} words"
                    with side:
                        yield Static(Text(one_line(text)))
            keys = "← → 1–9 choose   ⏎ keep   e edit   r more   i with a wish\nm merge   Esc leave"
            yield Static(Text(keys), classes="keys")

    def on_mount(self) -> None:
        self._mark()

    def on_resize(self, event: events.Resize) -> None:
        """As many columns beside each other as can be read."""
        fit = max(min(len(self._texts), (event.size.width - 8) // 36), 1)
        for side in self.query(".side"):
            side.styles.width = (event.size.width * 96 // 100 - 4) // fit

    def action_move(self, step: int) -> None:
        self._at = (self._at + step) % len(self._texts)
        self._mark()

    def action_pick(self, number: int) -> None:
        if number < len(self._texts):
            self._at = number
            self._mark()

    def action_answer(self, what: str) -> None:
        self.dismiss((what, self._texts[self._at]))

    def action_merge(self) -> None:
        """Put one together from sentences of several; leaving that leads back here."""

        def merged(answer: Answer | None) -> None:
            if answer:
                self.dismiss(answer)

        self.app.push_screen(Merge(self._texts, self._at), merged)

    def _mark(self) -> None:
        for number, side in enumerate(self.query(".side")):
            side.set_class(number == self._at, "chosen")
            if number == self._at:
                side.scroll_visible(animate=False)
