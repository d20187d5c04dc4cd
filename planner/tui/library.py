"""The library: every story, to open, to begin, and, where the library can, to rename, to put away and to delete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from planner.rows import StoryInfo
from planner.shelf import Standing, Status
from planner.store import Library
from planner.tui.dialogs import Ask
from planner.tui.help import TOUR
from planner.tui.new_story import NewStory
from prompts.errors import FabulaError
from prompts.safe import shortened

if TYPE_CHECKING:
    from planner.tui.app import FabulaApp


def _read(library: Library, hidden: bool) -> list[tuple[StoryInfo, int, str]]:
    """Every story with its branches; one without a premise yet shows what it was asked for."""
    found = []
    for info in library.stories(hidden=hidden):
        title = info.title or ("" if info.status == "deleted" else library.story(info.id).logline)
        found.append((info, len(library.branches(info.id)), title))
    return found


class Shelf(Screen[None]):
    """All stories, the newest first."""

    app: FabulaApp
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New story"),
        Binding("R", "rename", "Rename"),
        Binding("A", "archive", "Archive"),
        Binding("D", "delete", "Delete"),
        Binding("u", "take_back", "Undo"),
        Binding("H", "hidden", "Hidden"),
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
        self._hidden = False
        self._titles: dict[str, str] = {}
        self._status: dict[str, Status] = {}
        self._changed: list[tuple[str, Standing]] = []

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
            stories = await asyncio.to_thread(_read, self.app.studio.library, self._hidden)
        except FabulaError as error:
            self.say(str(error), bad=True)
            return
        table: DataTable[Text] = self.query_one("#stories", DataTable)
        at = table.cursor_row
        table.clear(columns=True)
        wide = self.size.width >= 100
        room = max(self.size.width - (62 if wide else 24), 12)
        counted = f"{'words':>7}"
        names = ("title", "genre", counted, "¶", "branches", "last written") if wide else ("title", counted, "written")
        rows: dict[str, tuple[Text, ...]] = {}
        self._titles = {info.id: title for info, _, title in stories}
        self._status = {info.id: info.status for info, _, _ in stories}
        for info, branches, title in stories:
            written = info.updated[:16].replace("T", " ")
            shown = Text(shortened(title, room), style="bold")
            shown.append("  ∎" if info.done else "", style="not bold dim")
            shown.append(f"  {info.status}" if info.status != "open" else "", style="not bold italic")
            words = Text(f"{info.words:>7,}")
            row: tuple[Text, ...] = (
                (shown, Text(shortened(info.genre, 16)), words, Text(str(info.paragraphs), justify="right"),
                 Text(str(branches), justify="right"), Text(written))
                if wide
                else (shown, words, Text(written[:10]))
            )  # fmt: skip
            rows[info.id] = row
        # Measured here: the table itself would do it a moment later, and show narrow columns until then.
        for name, *column in zip(map(Text, names), *rows.values(), strict=True):
            table.add_column(name, width=max(text.cell_len for text in (name, *column)))
        for story, row in rows.items():
            table.add_row(*row, key=story)
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

    @property
    def _at(self) -> str | None:
        """The id of the story that the cursor is on."""
        table: DataTable[Text] = self.query_one("#stories", DataTable)
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def _change(self, deed: Callable[[Library], object], said: str, story: str | None = None) -> None:
        library = self.app.studio.library
        try:
            before = library.standing(story) if story else None
            deed(library)
        except FabulaError as error:
            self.say(str(error), bad=True)
            return
        self.say(said)
        if story and before:
            self._changed.append((story, before))
        self._fill()

    @work
    async def action_rename(self) -> None:
        if story := self._at:
            title = await self.app.push_screen_wait(Ask("title", self._titles.get(story, ""), "empty: its own"))
            if title is not None:
                self._change(lambda library: library.rename(story, title), "Renamed; u takes it back.", story)

    def action_archive(self) -> None:
        """Put a story away; one that is archived already (H shows it) is brought back."""
        if story := self._at:
            if self._status.get(story) == "archived":
                self._change(lambda library: library.restore(story), "Open again; u takes it back.", story)
            else:
                self._change(lambda library: library.archive(story), "Archived; u takes it back, H shows it.", story)

    def action_delete(self) -> None:
        """Delete a story; one that is deleted already (H shows it) is brought back."""
        if story := self._at:
            if self._status.get(story) == "deleted":
                self._change(lambda library: library.restore(story), "Open again; u takes it back.", story)
            else:
                self._change(lambda library: library.delete(story), "Deleted; u takes it back, H shows it.", story)

    def action_take_back(self) -> None:
        """Take back what was last changed here, and what before that."""
        if not self._changed:
            self.say("There is nothing to take back.")
            return
        story, before = self._changed.pop()

        def back(library: Library) -> None:
            library.rename(story, before.title)
            {"open": library.restore, "archived": library.archive, "deleted": library.delete}[before.status](story)

        self._change(back, "Taken back.")

    def action_hidden(self) -> None:
        self._hidden = not self._hidden
        self.say("Archived and deleted stories are shown." if self._hidden else "")
        self._fill()

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
