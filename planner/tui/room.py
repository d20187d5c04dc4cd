"""The writing room: the page in the middle, the panes beside it, one line for what is going on.

Invariant: what is on the screen is the last ``View`` and the stream; every change of the story goes through the teller.
"""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Footer, Static

from planner.store import StoryRow
from planner.tui import typeset
from planner.tui.long_deeds import LongDeeds
from planner.tui.page import Page, Tail
from planner.tui.panes import PANES, Pane
from planner.tui.plan_deeds import PlanDeeds
from planner.tui.view import View
from prompts.errors import FabulaError
from prompts.safe import one_line, shortened

PAINTS = 20
"""How often a second streamed text is painted."""
_HINT = "⏎ keep and go on   r another   e edit   i wish   ? keys"
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_KEYS: tuple[tuple[str, str, str, str], ...] = (
    ("enter", "accept", "Next", "Keep the paragraph and write the next one"),
    ("r", "reroll", "Another", "Write another, and choose among all"), ("e", "edit", "Edit", "Edit a paragraph in place"),
    ("E", "external", "", "Edit a paragraph in your editor"), ("w", "own", "Write", "Write the next paragraph yourself"),
    ("i", "instruct", "Wish", "A wish for this paragraph"), ("n", "note", "", "A note for every paragraph"),
    ("p", "pin", "", "Pin a fact"), ("P", "unpin", "", "Take back a pin"), ("u", "undo", "Undo", "Take back the last step"),
    ("ctrl+r", "redo", "", "Bring again what was taken back"), ("b", "branch", "", "Begin a branch here"),
    ("B", "branches", "", "All branches as a tree"), ("c", "compare", "", "Compare two branches"),
    ("o", "outline", "Outline", "Change the outline"), ("s", "summary", "", "Edit the summary"),
    ("t", "tone", "", "Change the tone"), ("C", "card", "", "Change a card of the cast and world"),
    ("m", "roles", "", "Change a role's model and sampling"),
    ("a", "auto", "Auto", "Write on alone"), ("slash", "find", "", "Find words in the story"),
    ("colon", "slash", "", "Type a command such as /undo 3"), ("J", "jump", "", "Go back to a paragraph"),
    ("g,home", "top", "", "To the top"), ("G,end", "bottom", "", "To the bottom"),
    ("left_square_bracket", "choose(-1)", "", "Mark the paragraph before"),
    ("right_square_bracket", "choose(1)", "", "Mark the paragraph after"),
    ("x", "discard", "", "Drop the proposed paragraph"), ("escape", "escape", "", "Stop the writing between two words"),
    ("X", "export", "", "Make a file of the story"), ("L", "library", "", "Back to the library"),
    ("question_mark", "app.keys", "Keys", "All keys"), ("q", "app.leave", "Quit", "Leave; everything is saved"),
)  # fmt: skip
"""Key, action, its name at the foot of the screen (empty: not there), and what it does."""
COMMANDS_SHOWN = tuple((said, f"key {key}", action) for key, action, _, said in _KEYS if not action.startswith("app."))
"""Title, key and action of what the palette offers."""
_FREE = {"j", "k", "up", "down", "pageup", "pagedown", "space", "g", "G", "home", "end", "1", "2", "3", "4", "5", "0"}
"""Keys that only move what is seen: they don't stop the writing."""
_BY_WIDTH: tuple[tuple[int, frozenset[str]], ...] = (
    (150, frozenset(PANES)), (100, frozenset({"outline", "world", "findings"})), (0, frozenset()),
)  # fmt: skip


class Room(PlanDeeds, LongDeeds):
    """One story, open for writing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, action, name or said, show=bool(name)) for key, action, name, said in _KEYS),
        *(Binding(str(n), f"pane('{name}')", f"Pane {name}", show=False) for n, name in enumerate(PANES, 1)),
        Binding("0", "pane('')", "All panes", show=False),
    ]

    def __init__(self, story: StoryRow, write: bool = False) -> None:
        super().__init__()
        self.story = story
        self._write = write
        self._panes: set[str] | None = None
        self._timer: Timer | None = None
        self._said = ("", False)
        self._spin = 0

    def compose(self) -> ComposeResult:
        yield Static(id="calm", markup=False)
        yield Static(id="masthead", markup=False)
        with Horizontal(id="desk"):
            with VerticalScroll(id="left", can_focus=False):
                yield Pane("outline")
            yield Page(id="page")
            with VerticalScroll(id="right", can_focus=False):
                for name in PANES:
                    yield Pane(name)
        yield Static(id="status", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(Page).focus()
        self._timer = self.set_interval(1 / PAINTS, self._paint, pause=True)
        self._fold()
        self.say("Opening …")
        self._open()

    @work(group="deeds")
    async def _open(self) -> None:
        begun = time.monotonic()
        try:
            view = await self.teller.open(self.story)
        except FabulaError as error:
            self.app.to_library(str(error), bad=True)
            return
        self.show(view)
        self.query_one(Page).to_end()
        if view.proposal:
            self.say("A paragraph waits for you.")
        elif view.done:
            self.say("The story is at its end.")
        elif self._write:
            await self.tell("Reading the premise", lambda session: session.propose(), streams=True)
        else:
            self.say(f"Opened in {time.monotonic() - begun:.1f} s. Enter writes on; ? shows the keys.")

    def show(self, view: View) -> None:
        """Take in a new view and show it everywhere."""
        before, self.view = self.view, view
        page = self.query_one(Page)
        moved = before is None or before.rows != view.rows or before.proposal != view.proposal
        page.show(view.rows, view.labels, view.title, view.below, _tail(view), view.has_chapters)
        if moved and page.chosen is None:
            page.to_end()
        for pane in self.query(Pane):
            pane.show(view, before)
        self._masthead()

    def say(self, said: str, bad: bool = False) -> None:
        """One calm line at the foot of the screen."""
        self._said = (said, bad)
        status = self.query_one("#status", Static)
        status.set_class(bad, "bad")
        status.update(Text(shortened(said, 400)))

    def _masthead(self) -> None:
        view = self.view
        if view is None:
            return
        width = self.size.width - 2
        count = f"{view.written}" + (f" of {view.outline.paragraphs}" if view.outline else "")
        branch = f"⎇ {one_line(view.branch)}   " if view.branch != "main" else ""
        right = f"{branch}{count}   {view.words:,} words"
        left = shortened(view.title, max(width - len(right) - 2, 1))
        line = Text(left, style="bold")
        line.append(" " * max(width - line.cell_len - len(right), 1))
        line.append(right, style="not bold")
        line.truncate(max(width, 1))
        self.query_one("#masthead", Static).update(line)

    def working(self, on: bool) -> None:
        """Begin or end painting what the teller does."""
        if self._timer:
            if on:
                self._timer.resume()
            else:
                self._timer.pause()
                self._paint()

    def _paint(self) -> None:
        """Show what has streamed since the last time."""
        self._spin += 1
        heard = self.teller.feed.take()
        doing, text = heard or (self._doing, None)
        self._doing = doing or self._doing
        if not self.busy or self.gone:
            return
        spin = _SPINNER[(self._spin // 2) % len(_SPINNER)]
        stops = "any key stops" if self.auto else "Esc stops"
        tail = f"  ·  {stops}" if self.streams else ""
        line = Text(shortened(f"{spin} {self._doing}{tail}", 400))
        self.query_one("#status", Static).update(line, layout=False)
        if text and self.streams:
            page = self.query_one(Page)
            page.tail(lambda width: typeset.streaming(text, width))

    async def on_key(self, event: events.Key) -> None:
        if self.auto and self.busy and event.key not in _FREE:
            event.stop()
            self.action_escape()

    @on(Page.Earlier)
    @work(group="reading", exclusive=True)
    async def _earlier(self) -> None:
        await self.earlier()

    @on(events.Resize)
    def _fold(self, event: events.Resize | None = None) -> None:
        """Show the panes that there is room for, or those that were asked for; on a tiny screen, one line."""
        width, height = event.size if event else self.size
        shown = self._panes
        if shown is None:
            shown = set(next(panes for least, panes in _BY_WIDTH if width >= least))
        tiny, wide = width < 40 or height < 10, width >= 150
        self.set_class(tiny, "tiny")
        self.query_one("#calm", Static).update(Text("A little more room, please: 40 × 10 is enough."))
        self.query_one("#left").display = wide and "outline" in shown
        for pane in self.query(Pane):
            pane.display = pane.kind in shown
        self.query_one("#right Pane.outline").display = "outline" in shown and not wide
        self.query_one("#right").display = bool(shown - ({"outline"} if wide else set()))
        self._masthead()

    def action_pane(self, name: str) -> None:
        """Show or hide a pane; without a name, go back to what the width suggests, or hide all."""
        now = {pane.kind for pane in self.query(Pane) if pane.display}
        if not name:
            self._panes = set() if now else None
        elif self.size.width < 100:  # there is room for one
            self._panes = set() if name in now else {name}
        else:
            self._panes = now ^ {name}
        self._fold()


def _tail(view: View) -> Tail | None:
    """What follows the paragraphs: the one that waits, or how the story goes on."""
    if view.proposal:
        text = view.proposal.text
        return lambda width: typeset.proposed(text, width, _HINT)
    said = "∎" if view.done else "" if view.rows else "⏎ begins the story"
    return (lambda width: typeset.Block((("hint", "", typeset.centred(said, width)),))) if said else None
