"""Small questions on top of a screen: a line of text, one of a few letters, one of a list, a text to read.

Invariant: Escape always leaves without doing anything, and gives None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from planner.actions import MAX_TEXT
from prompts.safe import one_line

_ESCAPE = Binding("escape", "dismiss(None)", "Leave", show=False)


def too_long(text: str) -> str:
    """What to say of a pasted text that no paragraph can hold; empty when it can."""
    if len(text) <= MAX_TEXT:
        return ""
    return f"A paragraph may have {MAX_TEXT:,} characters; the pasted text has {len(text):,}: split it."


class Entry(Input):
    """An input line that takes a pasted text whole, on one line, and says so when it is too long."""

    def __init__(self, value: str = "", hint: str = "", **more: Any) -> None:
        super().__init__(value, placeholder=hint, select_on_focus=False, **more)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        if said := too_long(event.text):
            self.app.notify(said, severity="warning", markup=False)
            return
        start, end = self.selection
        self.replace(one_line(event.text), min(start, end), max(start, end))


class Ask(ModalScreen[str | None]):
    """One line of text, at the foot of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [_ESCAPE]

    def __init__(self, label: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._label, self._value, self._hint = label, value, hint

    def compose(self) -> ComposeResult:
        with Horizontal(id="ask"):
            yield Label(Text(f"{self._label} ›"), id="ask-label")
            yield Entry(one_line(self._value), self._hint, id="ask-line")

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Choice(ModalScreen[str | None]):
    """One of a few answers, each with its letter."""

    BINDINGS: ClassVar[list[BindingType]] = [_ESCAPE]

    def __init__(self, question: str, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._question, self._answers = question, answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="box small"):
            yield Static(Text(self._question, style="bold"), classes="question")
            options = [
                Option(Text.assemble((f" {key} ", "reverse"), f"  {said}"), id=key) for key, said in self._answers
            ]
            yield OptionList(*options)

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character in dict(self._answers):
            event.stop()
            self.dismiss(event.character)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)


class Pick(ModalScreen[int | None]):
    """One of a list; gives its number from 0."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _ESCAPE,
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
    ]

    def __init__(self, title: str, items: Sequence[Text]) -> None:
        super().__init__()
        self._title, self._items = title, items

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Text(self._title)
            yield OptionList(*(Option(item) for item in self._items))

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)


class Reading(ModalScreen[None]):
    """A few lines to read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss(None)", show=False),
        Binding("j,down", "move('scroll_down')", show=False),
        Binding("k,up", "move('scroll_up')", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title, self._lines = title, lines

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Text(one_line(self._title))
            with VerticalScroll(can_focus=False):
                yield Static(Text("\n".join(one_line(line) for line in self._lines)))

    def action_move(self, how: str) -> None:
        getattr(self.query_one(VerticalScroll), f"action_{how}")()
