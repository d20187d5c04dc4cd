"""The small form for a story as a file: which format, and where.

Invariant: the form does nothing itself; the format that is marked and the file's suffix go together while the file's name
ends with that of a format.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from planner.export.formats import Format
from planner.tui.dialogs import Entry

_ABOUT = {
    Format.MD: "Markdown", Format.TXT: "plain text", Format.HTML: "one web page", Format.EPUB: "for e-readers",
    Format.DOCX: "for Word", Format.PDF: "typeset, to print", Format.JSON: "everything, for programs",
}  # fmt: skip
_FORMATS = tuple(Format)


class ExportForm(ModalScreen[tuple[Format, str] | None]):
    """Gives the format and the file as it was typed. ``path`` is what it is filled with, and ends with a format's suffix."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
    ]

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        with Vertical(classes="box small", id="export") as box:
            box.border_title = "A file of the story"
            formats = OptionList(
                *(Option(Text.assemble((f"{each:<6}", "bold"), _ABOUT[each]), id=each) for each in _FORMATS)
            )
            formats.can_focus = False
            with Horizontal(classes="field", id="export-file"):
                yield Label("File")
                yield Entry(self._path, "its name, with or without a folder", id="export-path")
            yield formats
            yield Static(Text("↑ ↓ format   ⏎ write it   Esc leave"), classes="keys")

    def on_mount(self) -> None:
        self.query_one(Entry).focus()
        self._mark(self._path)

    @property
    def _format(self) -> Format:
        return _FORMATS[self.query_one(OptionList).highlighted or 0]

    def action_move(self, step: int) -> None:
        formats = self.query_one(OptionList)
        formats.highlighted = ((formats.highlighted or 0) + step) % len(_FORMATS)

    @on(OptionList.OptionHighlighted)
    def _chosen(self) -> None:
        """Let the name end as the format wants it, where it ends with another format's suffix."""
        field, to = self.query_one(Entry), self._format
        name, dot, suffix = field.value.rpartition(".")
        if dot and suffix.lower() in set(Format) and suffix.lower() != to:
            field.value = f"{name}.{to}"
            field.cursor_position = len(field.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._mark(event.value)

    def _mark(self, path: str) -> None:
        """Mark the format that a file's name ends with."""
        suffix = path.rpartition(".")[2].lower()
        if suffix in set(Format):
            self.query_one(OptionList).highlighted = _FORMATS.index(Format(suffix))

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss((self._format, event.value.strip()))
        else:
            self.app.notify("Name a file.", markup=False)
