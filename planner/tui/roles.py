"""Through which model each role speaks and how it is drawn, to be changed.

Invariant: what was typed stays on the screen until it is kept or left: a value that cannot be is one sentence at its foot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Select, Static

from planner.role_actions import BACK, SAMPLING, RoleView, RoleWish
from planner.tui.dialogs import Entry
from prompts.safe import one_line, shortened

Wishes = Mapping[str, RoleWish]
Keep = Callable[[Wishes], Awaitable[str | None]]
_FIELDS = ("model", *SAMPLING)
_FIRST = "generator"
_LABELS = {"n": "n (candidates)"}
_HINT = "as its tasks ask for"


class Roles(ModalScreen[None]):
    """It is given how the roles stand and how to have wishes kept (``keep``), which gives what speaks against them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+s,f2", "save", show=False, priority=True),
    ]

    def __init__(self, views: Sequence[RoleView], keep: Keep) -> None:
        super().__init__()
        self._views = {view.role: view for view in views}
        self._keep = keep
        self._was = {str(role): _fields(view) for role, view in self._views.items()}
        self._typed = {role: dict(fields) for role, fields in self._was.items()}
        self._role = _FIRST
        self._keeping = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="box small") as box:
            box.border_title = "Roles"
            with Horizontal(classes="field"):
                yield Label("Role")
                options = [(role, role) for role in self._was]
                yield Select(options, value=self._role, allow_blank=False, id="role", compact=True)
            for name in _FIELDS:
                with Horizontal(classes="field", id=f"row-{name}"):
                    yield Label(_LABELS.get(name, name.replace("_", " ").capitalize()))
                    yield Entry(hint=_HINT, id=f"role-{name}", compact=True)
            yield Static(id="role-about", classes="line", markup=False)
            yield Static(id="role-wrong", classes="line bad", markup=False)
            yield Static(Text("Ctrl+S keep   Tab next   Esc leave   empty: as set before", style="dim"), classes="keys")

    def on_mount(self) -> None:
        self._fill()
        self.query_one("#role", Select).focus()

    def _entry(self, name: str) -> Input:
        return self.query_one(f"#role-{name}", Input)

    def _fill(self) -> None:
        """Show the role that is chosen, as it stands or as it was typed."""
        view = next(view for role, view in self._views.items() if role == self._role)
        for name in _FIELDS:
            self._entry(name).value = self._typed[self._role][name]
        self._entry("model").suggester = SuggestFromList(view.models) if view.models else None
        self.query_one("#row-n").display = self._role == _FIRST
        where = f"{view.engine} at {view.server}" if view.server else view.engine
        offers = f": {', '.join(view.models)}" if view.models else ""
        self.query_one("#role-about", Static).update(Text(shortened(one_line(where + offers), 110)))

    def _take(self) -> None:
        """Remember what is typed for the role that is shown."""
        self._typed[self._role] = {name: self._entry(name).value.strip() for name in _FIELDS}

    @on(Select.Changed, "#role")
    def _other(self, event: Select.Changed) -> None:
        if str(event.value) != self._role:
            self._take()
            self._role = str(event.value)
            self._fill()

    def _wishes(self) -> dict[str, RoleWish]:
        wishes = {}
        for role, was in self._was.items():
            changed = {name: value or BACK for name, value in self._typed[role].items() if value != was[name]}
            if changed:
                wishes[role] = RoleWish(changed.pop("model", None), changed)
        return wishes

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_save()

    @work
    async def action_save(self) -> None:
        self._take()
        wishes = self._wishes()
        if not wishes:
            self.dismiss()
            return
        if self._keeping:
            return
        self._keeping = True
        wrong = await self._keep(wishes)
        self._keeping = False
        if wrong == "":
            self.dismiss()
        elif wrong:
            self.query_one("#role-wrong", Static).update(Text(one_line(wrong)))


def _fields(view: RoleView) -> dict[str, str]:
    """What stands in the fields for a role, as text."""
    return {"model": one_line(view.model)} | {
        name: f"{view.sampling[name]:g}" if name in view.sampling else "" for name in SAMPLING
    }
