"""The library: every story, to open, to begin, and, where the library can, to rename, to put away and to delete."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from planner.rows import StoryInfo
from planner.store import Library
from planner.tui.help import TOUR
from planner.tui.new_story import NewStory
from planner.tui.safe import shortened
from prompts.errors import FabulaError

if TYPE_CHECKING:
    from planner.tui.app import FabulaApp


def _read(library: Library) -> list[tuple[StoryInfo, int, str]]:
    """Every story with its branches; one without a premise yet shows what it was asked for."""
    found = []
    for info in library.stories():
        title = info.title or library.story(info.id).logline
        found.append((info, len(library.branches(info.id)), title))
    return found


class Shelf(Screen[None]):
    """All stories, the newest first."""

    app: FabulaApp
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New story"),
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
        Binding("g", "move('scroll_top')", show=False),
        Binding("G", "move('scroll_bottom')", show=False),
        Binding("question_mark", "app.keys", "Keys"),
        Binding("q", "app.leave", "Quit"),
    ]

    def __init__(self, said: str = "", bad: bool = False) -> None:
        super().__init__()
        self._said, self._bad = said, bad

    def compose(self) -> ComposeResult:
        yield Static(Text("Fabula", style="bold"), id="masthead")
        table: DataTable[Text] = DataTable(cursor_type="row", id="stories", zebra_stripes=False)
        yield table
        yield Static(Text("\n\n".join(TOUR) + "\n\nn begins your first story."), id="first")
        yield Static(id="status", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.say(self._said, self._bad)
        self._fill()

    def on_screen_resume(self) -> None:
        if self.is_mounted and self.query("#stories"):
            self._fill()

    def say(self, said: str, bad: bool = False) -> None:
        status = self.query_one("#status", Static)
        status.set_class(bad, "bad")
        status.update(Text(shortened(said, 400)))

    @work(exclusive=True, group="fill")
    async def _fill(self) -> None:
        try:
            stories = await asyncio.to_thread(_read, self.app.studio.library)
        except FabulaError as error:
            self.say(str(error), bad=True)
            return
        table: DataTable[Text] = self.query_one("#stories", DataTable)
        at = table.cursor_row
        table.clear(columns=True)
        wide = self.size.width >= 100
        room = max(self.size.width - (62 if wide else 24), 12)
        names = ("title", "genre", "words", "¶", "branches", "last written") if wide else ("title", "words", "written")
        table.add_columns(*(Text(name, style="dim") for name in names))
        for info, branches, title in stories:
            written = info.updated[:16].replace("T", " ")
            shown = Text(shortened(title, room), style="bold")
            shown.append("  ∎" if info.done else "", style="not bold dim")
            words = Text(f"{info.words:,}", justify="right")
            row = (
                (shown, Text(shortened(info.genre, 16)), words, Text(str(info.paragraphs), justify="right"),
                 Text(str(branches), justify="right"), Text(written, style="dim"))
                if wide
                else (shown, words, Text(written[:10], style="dim"))
            )  # fmt: skip
            table.add_row(*row, key=info.id)
        table.display, self.query_one("#first").display = bool(stories), not stories
        if stories:
            table.move_cursor(row=min(at, len(stories) - 1))
            table.focus()

    @on(events.Resize)
    def _again(self) -> None:
        self._fill()

    def action_move(self, how: str) -> None:
        getattr(self.query_one("#stories", DataTable), f"action_{how}")()

    @on(DataTable.RowSelected)
    def _open(self, event: DataTable.RowSelected) -> None:
        if event.row_key.value:
            self._enter(event.row_key.value)

    def _enter(self, key: str) -> None:
        try:
            story = self.app.studio.library.story(key)
        except FabulaError as error:
            self.say(str(error), bad=True)
            return
        self.say("")
        self.app.enter(story)

    @work
    async def action_new(self) -> None:
        story = await self.app.push_screen_wait(NewStory())
        if story:
            self.app.enter(story, write=True)
