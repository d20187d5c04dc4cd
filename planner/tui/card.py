"""The card of somebody or something of the story."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from planner.state import Entity
from planner.tui.dialogs import Entry
from prompts.safe import one_line

_FIELDS = (("name", "Name"), ("role", "Role"), ("traits", "Traits, with commas"), ("goal", "Wants"))


class Card(ModalScreen[dict[str, Any] | None]):
    """Gives what was changed, by the names of an entity's fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+s,f2", "save", show=False, priority=True),
    ]

    def __init__(self, entity: Entity) -> None:
        super().__init__()
        self._was = {
            "name": entity.name, "role": entity.role, "traits": ", ".join(entity.traits), "goal": entity.goal,
        }  # fmt: skip

    def compose(self) -> ComposeResult:
        with Vertical(classes="box small") as box:
            box.border_title = Text(one_line(self._was["name"]))
            for name, label in _FIELDS:
                yield Label(label)
                yield Entry(one_line(self._was[name]), id=f"card-{name}", compact=True)
            yield Static(Text("Ctrl+S keep   Tab next   Esc leave"), classes="keys")

    @on(Input.Submitted)
    def action_save(self) -> None:
        changes: dict[str, Any] = {}
        for name, _ in _FIELDS:
            value = self.query_one(f"#card-{name}", Input).value.strip()
            if value != self._was[name].strip():
                traits = tuple(part.strip() for part in value.split(",") if part.strip())
                changes[name] = traits if name == "traits" else value
        self.dismiss(changes)
