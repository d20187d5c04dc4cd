"""The form for a new story: every field may stay empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Button, Input, Label, Select, Static

from agents.brief import make_brief
from planner.arc import built_in
from planner.store import StoryRow
from planner.tui.dialogs import Entry
from planner.tui.premises import surprise
from prompts.errors import FabulaError
from prompts.safe import shortened

if TYPE_CHECKING:
    from planner.tui.app import FabulaApp

_FIELDS = (
    ("premise", "Premise", "who wants what; empty: a surprise"), ("genre", "Genre", "found in the premise"),
    ("tone", "Tone", "eerie, warm, dry"), ("cast", "Cast", "Mara: stubborn, a baker; Tom: her brother"),
    ("setting", "Setting", "the old mill"), ("length", "Paragraphs", ""),
)  # fmt: skip


class NewStory(Screen[StoryRow | None]):
    """Gives the story that was begun, or None."""

    app: FabulaApp
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+s,f2", "begin", "Begin", priority=True),
        Binding("f5", "surprise", "Surprise me", priority=True),
    ]

    def compose(self) -> ComposeResult:
        yield Static(Text("A new story", style="bold"), id="masthead")
        with VerticalScroll(id="form"):
            for name, label, hint in _FIELDS:
                with Horizontal(classes="field"):
                    yield Label(label)
                    yield Entry("", hint or str(self.app.studio.paragraphs), id=f"new-{name}", compact=True)
            with Horizontal(classes="field"):
                yield Label("Arc")
                shapes = [(shortened(f"{name}: {shape.about}", 56), name) for name, shape in built_in().items()]
                known = self.app.studio.arc if self.app.studio.arc in built_in() else shapes[0][1]
                yield Select(shapes, value=known, allow_blank=False, id="new-arc", compact=True)
            with Horizontal(classes="buttons"):
                yield Button("Begin", id="begin", variant="primary", compact=True)
                yield Button("Surprise me", id="surprise", compact=True)
                yield Button("Back", id="back", compact=True)
        yield Static("Ctrl+S begin   F5 surprise me   Tab next   Esc back", id="status", markup=False)

    def on_mount(self) -> None:
        self.query_one("#new-premise").focus()

    @on(Button.Pressed, "#begin")
    @on(Input.Submitted)
    def _pressed(self) -> None:
        self.action_begin()

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#surprise")
    def action_surprise(self) -> None:
        premise = self.query_one("#new-premise", Input)
        premise.value = surprise(premise.value)
        premise.focus()

    def action_begin(self) -> None:
        """Begin the story, or say in one line which wish cannot be met."""
        value = {name: self.query_one(f"#new-{name}", Input).value.strip() for name, _, _ in _FIELDS}
        chosen = self.query_one("#new-arc", Select).value
        length = value["length"] or str(self.app.studio.paragraphs)
        try:
            brief = make_brief(
                logline=value["premise"] or surprise(), genre=value["genre"], tone=value["tone"],
                characters=tuple(part.strip() for part in value["cast"].split(";") if part.strip()),
                setting=value["setting"], arc=str(chosen),
                paragraphs=int(length) if length.isdecimal() and len(length) < 9 else -1,
            )  # fmt: skip
            self.dismiss(self.app.studio.begin(brief))
        except FabulaError as error:
            said = str(error).replace("--paragraphs", "Paragraphs").replace("--setting", "Setting")
            status = self.query_one("#status", Static)
            status.add_class("bad")
            status.update(Text(said))
