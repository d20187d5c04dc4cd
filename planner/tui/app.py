"""The app: one library, one story at a time.

Invariant: closing it, however that happens, loses nothing, since every action is in the library before it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import DimFilter, LineFilter

from planner.store import StoryRow
from planner.tui.help import Keys
from planner.tui.library import Shelf
from planner.tui.room import COMMANDS_SHOWN, Room
from planner.tui.teller import Studio, Teller
from planner.tui.themes import DARK, LIGHT

if TYPE_CHECKING:
    from textual.screen import Screen

SWITCH_S = 0.002
"""How long the screen waits at most for the interpreter while an engine computes: several times 5 ms, Python's own, is felt."""

_DIM = DimFilter(0.72)


class FabulaApp(App[None]):
    """Shows the library, or ``story`` at once; ``write`` says that a story which was just begun is to go on by itself."""

    TITLE = "Fabula"
    CSS_PATH = "fabula.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "theme", "Dark or light", show=False),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True),
        Binding("ctrl+c", "leave", "Quit", show=False),
    ]

    def __init__(self, studio: Studio, story: StoryRow | None = None, *, write: bool = False, theme: str = "") -> None:
        super().__init__()
        self.studio = studio
        self.teller = Teller(studio)
        self._story, self._write = story, write
        self._interval = sys.getswitchinterval()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = theme or DARK.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        """As Textual's, but that what is dim can still be read, in either theme."""
        return [_DIM if isinstance(one, DimFilter) else one for one in super().get_line_filters()]

    def on_mount(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        self.push_screen(Shelf())
        if self._story:
            self.enter(self._story, write=self._write)

    def enter(self, story: StoryRow, write: bool = False) -> None:
        """Go to the writing room of a story."""
        self.push_screen(Room(story, write))

    def to_library(self, said: str = "", bad: bool = False) -> None:
        """Let the open story go and show all of them, with a line about why."""
        # A worker of the app: a screen cannot wait for its own end.
        self.run_worker(self._to_library(said, bad), group="library")

    async def _to_library(self, said: str, bad: bool) -> None:
        await self.teller.leave()
        while len(self.screen_stack) > 2:
            await self.pop_screen()
        if isinstance(self.screen, Shelf):
            self.screen.say(said, bad)

    def action_keys(self) -> None:
        self.push_screen(Keys())

    def action_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    async def action_leave(self) -> None:
        """Stop what is being written between two tokens, and end."""
        self.teller.stop.set()
        self.exit()

    async def action_quit(self) -> None:
        await self.action_leave()

    def on_unmount(self) -> None:
        self.teller.close()
        sys.setswitchinterval(self._interval)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette (Ctrl+P) offers."""
        if isinstance(screen, Room):
            for title, said, action in COMMANDS_SHOWN:
                yield SystemCommand(title, said, lambda action=action: screen.run_action(action))
        if isinstance(screen, Shelf):
            yield SystemCommand("New story", "Begin a story", screen.action_new)
        yield SystemCommand("Dark or light", "Change between the two themes (Ctrl+T)", self.action_theme)
        yield SystemCommand("Keys", "All keys (?)", self.action_keys)
        yield SystemCommand("Quit", "Leave; everything is saved (q)", self.action_leave)
