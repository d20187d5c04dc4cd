"""The keys, and a first look around."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

TOUR = (
    "You and the model write together, a paragraph at a time.",
    "Enter keeps the paragraph and writes the next one; r writes another, i says what you wish of it.",
    "e edits a paragraph in place, w is for writing one yourself; world and summary follow what you write.",
    "u takes anything back, b begins a branch; nothing that was ever written is lost.",
    "Everything is saved as it happens: leave with q whenever you like.",
)
"""Five lines for whoever is here for the first time."""
_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Writing", (
        ("Enter", "keep the paragraph, write the next"), ("r", "another; choose among all side by side"),
        ("e  E", "edit in place; in $EDITOR"), ("w", "write the next one yourself"), ("i", "a wish for this paragraph"),
        ("x", "drop the proposed paragraph"), ("a", "write on alone; any key stops it"), ("Esc", "stop between two words"),
    )),
    ("The plan", (
        ("n  t", "note for every paragraph; tone"), ("p  P", "pin a fact; take a pin back"), ("o", "outline"),
        ("s", "summary"), ("C", "a card of the cast and world"),
        ("m", "a role's model and sampling"),
    )),
    ("Ways", (
        ("u  Ctrl+R", "take back; bring again"), ("b  B", "branch here; all branches"), ("c", "compare branches"),
        ("J", "go back to a paragraph"), ("X", "a file of the story"), ("L  q", "library; quit"),
    )),
    ("Looking", (
        ("j k ↑ ↓", "scroll; Space and PgUp by pages"), ("g  G", "top; bottom"), ("[  ]", "mark a paragraph, for e and J"),
        ("/", "find words"), (":", "a command such as /undo 3"), ("1–5  0", "panes"), ("Ctrl+T", "dark or light"),
        ("Ctrl+P", "all commands"), ("?", "this"),
    )),
)  # fmt: skip


class Keys(ModalScreen[None]):
    """All keys on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss(None)", show=False),
        Binding("j,down", "move('scroll_down')", show=False),
        Binding("k,up", "move('scroll_up')", show=False),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Keys"
            with VerticalScroll(can_focus=False):
                yield Static(Text("\n".join(TOUR), style="italic"), classes="tour")
                for title, keys in _KEYS:
                    table = Table.grid(padding=(0, 2))
                    table.add_column(width=10, style="bold", no_wrap=True)
                    table.add_column()
                    for key, said in keys:
                        table.add_row(Text(key), Text(said))
                    yield Static(Text(f"\n{title}", style="bold underline"))
                    yield Static(table)

    def action_move(self, how: str) -> None:
        getattr(self.query_one(VerticalScroll), f"action_{how}")()
