"""Writing and editing a text: in place, or in the person's own editor.

Invariant: a text that was changed is never dropped without asking.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from planner.tui.dialogs import Choice, too_long
from prompts.errors import InputError
from prompts.safe import lines, one_line


class Sheet(TextArea):
    """A text field for prose. A text that no paragraph can hold isn't pasted, since wrapping it would take seconds."""

    async def _on_paste(self, event: events.Paste) -> None:
        if said := too_long(event.text):
            event.stop()
            event.prevent_default()
            self.app.notify(said, severity="warning", markup=False)
            return
        await super()._on_paste(events.Paste(lines(event.text)))
        event.stop()
        event.prevent_default()


class Writing(ModalScreen[str | None]):
    """A text field over the page; gives the text, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f2", "save", "Keep it", priority=True),
        Binding("escape", "leave", "Leave", priority=True),
        Binding("ctrl+e", "editor", "Your editor", priority=True),
    ]

    def __init__(self, title: str, text: str = "", below: str = "") -> None:
        super().__init__()
        self._title, self._text, self._below = title, lines(text), below

    def compose(self) -> ComposeResult:
        with Vertical(classes="box writing") as box:
            box.border_title = Text(self._title)
            yield Sheet(self._text, soft_wrap=True, tab_behavior="focus", id="sheet")
            keys = "Ctrl+S keep   Ctrl+E your editor   Esc leave"
            yield Static(Text(f"{one_line(self._below)}\n{keys}" if self._below else keys), classes="keys")

    def on_mount(self) -> None:
        sheet = self.query_one(Sheet)
        sheet.focus()
        sheet.move_cursor(sheet.document.end)

    def action_save(self) -> None:
        self.dismiss(self.query_one(Sheet).text)

    @work
    async def action_leave(self) -> None:
        if self.query_one(Sheet).text != self._text:
            answers = [("k", "Keep it"), ("d", "Drop what was changed"), ("b", "Back to writing")]
            answer = await self.app.push_screen_wait(Choice("The text was changed.", answers))
            if answer == "k":
                self.action_save()
            if answer != "d":
                return
        self.dismiss(None)

    def action_editor(self) -> None:
        sheet = self.query_one(Sheet)
        try:
            sheet.text = lines(in_editor(self.app, sheet.text))
        except InputError as error:
            self.app.notify(str(error), severity="warning", markup=False)


def in_editor(app: App[None], text: str) -> str:
    """``text`` as the person's editor ($VISUAL, $EDITOR) left it. Raises ``InputError`` when that does not run."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    handle, name = tempfile.mkstemp(suffix=".txt", prefix="fabula-", text=True)
    file = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(SuspendNotSupported):  # an editor with a window of its own runs all the same
                stack.enter_context(app.suspend())
            done = subprocess.run([*command, str(file)], check=False)  # noqa: S603
        if done.returncode:
            raise InputError(f"The editor {command[0]!r} ended with an error; the text is as it was.")
        return file.read_text(encoding="utf-8").strip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The editor {command[0]!r} cannot be used: {error}; set EDITOR, or edit in place with e."
        ) from error
    finally:
        file.unlink(missing_ok=True)
