"""The outline, beat by beat, to be changed: each change is a step of the session that ``u`` takes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from planner.display import sparkline
from planner.session import Session
from planner.tui.dialogs import Ask
from planner.tui.panes import bar
from planner.tui.view import View
from prompts.safe import one_line

Tell = Callable[..., Awaitable[Any]]


class OutlineEditor(ModalScreen[None]):
    """It is given how to have things done (``tell``) and how to see how the story stands then (``now``)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "dismiss(None)", show=False),
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
        Binding("J,shift+down", "shift(1)", show=False),
        Binding("K,shift+up", "shift(-1)", show=False),
        Binding("i", "insert", show=False),
        Binding("d", "drop", show=False),
        Binding("plus", "longer(1)", show=False),
        Binding("minus", "longer(-1)", show=False),
        Binding("u", "undo", show=False),
        Binding("ctrl+r", "redo", show=False),
    ]

    def __init__(self, view: View, tell: Tell, now: Callable[[], View | None]) -> None:
        super().__init__()
        self._view, self._tell, self._now = view, tell, now

    def compose(self) -> ComposeResult:
        with Vertical(classes="box", id="outline-editor") as box:
            box.border_title = "Outline"
            yield Static(id="curve", markup=False)
            yield OptionList(id="beats")
            keys = "⏎ change   i insert   d drop   J K move\n+ − length   u undo   Esc leave"
            yield Static(Text(keys), classes="keys")

    def on_mount(self) -> None:
        self._fill(self._view.position.beat)

    @property
    def _beats(self) -> OptionList:
        return self.query_one("#beats", OptionList)

    def _fill(self, at: int) -> None:
        outline = self._view.outline
        if outline is None:
            return
        curve = sparkline([beat.tension for beat in outline.beats], self._view.position.beat)
        curve.append(f"  {outline.arc}, {outline.paragraphs} paragraphs, {self._view.written} told", style="dim")
        self.query_one("#curve", Static).update(curve)
        options = []
        for number, beat in enumerate(outline.beats):
            text = Text.assemble((f"{bar(beat.tension)} ", "dim"))
            told = number < self._view.position.beat or self._view.done
            text.append("✓ " if told else "▸ " if number == self._view.position.beat else "  ", style="bold")
            text.append(f"{one_line(beat.label)}", style="dim" if told else "bold")
            text.append(f"  {beat.paragraphs}¶", style="dim")
            text.append(f"\n     {one_line(beat.happens)}")
            options.append(Option(text))
        self._beats.clear_options()
        self._beats.add_options(options)
        self._beats.highlighted = min(max(at, 0), len(options) - 1)

    async def _do(self, deed: Callable[[Session], object], at: int) -> None:
        await self._tell("Changing the outline", deed)
        now = self._now()
        if now:
            self._view = now
        self._fill(at)

    @property
    def _at(self) -> int:
        return self._beats.highlighted or 0

    def action_move(self, how: str) -> None:
        getattr(self._beats, f"action_{how}")()

    @on(OptionList.OptionSelected)
    @work
    async def _change(self, event: OptionList.OptionSelected) -> None:
        if self._view.outline is None:
            return
        at = event.option_index
        beat = self._view.outline.beats[at]
        happens = await self.app.push_screen_wait(Ask("what happens", beat.happens))
        if happens and happens != beat.happens:
            await self._do(lambda session: session.change_beat(at, happens=happens), at)

    @work
    async def action_insert(self) -> None:
        at = self._at
        happens = await self.app.push_screen_wait(Ask("a new beat here", hint="what happens in it"))
        if happens and happens.strip():
            await self._do(lambda session: session.insert_beat(at, happens), at)

    @work
    async def action_drop(self) -> None:
        at = self._at
        await self._do(lambda session: session.drop_beat(at), at)

    @work
    async def action_shift(self, by: int) -> None:
        at = self._at
        to = at + by
        if self._view.outline and 0 <= to < len(self._view.outline.beats):
            await self._do(lambda session: session.move_beat(at, to), to)

    @work
    async def action_longer(self, by: int) -> None:
        at = self._at
        if self._view.outline:
            has = self._view.outline.beats[at].paragraphs
            wanted = max(has + by, 1)
            if wanted != has:
                await self._do(lambda session: session.change_beat(at, paragraphs=wanted), at)

    @work
    async def action_undo(self) -> None:
        await self._do(lambda session: session.undo(), self._at)

    @work
    async def action_redo(self) -> None:
        await self._do(lambda session: session.redo(), self._at)
