"""Putting a paragraph together from sentences of the alternatives; below the sentences it is seen growing.

Invariant: what is shown below is what is taken, made where /merge makes it; Escape takes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from planner.merging import Place, merged, split
from prompts.safe import one_line

_EMPTY = "The paragraph grows here, in the order in which you pick."


class Merge(ModalScreen[tuple[str, str] | None]):
    """All sentences, one alternative after the other, beginning at number ``at``.

    Gives "take" or "edit" and the merged paragraph.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        # Before the list hears of it: there Enter would choose the sentence under the cursor.
        Binding("enter", "answer('take')", show=False, priority=True),
        Binding("e", "answer('edit')", show=False),
        Binding("space", "pick", show=False),
        Binding("backspace,u", "drop", show=False),
        Binding("j", "cursor('cursor_down')", show=False),
        Binding("k", "cursor('cursor_up')", show=False),
        Binding("left,h,shift+tab", "side(-1)", show=False),
        Binding("right,l,tab", "side(1)", show=False),
        *(Binding(str(n), f"go({n - 1})", show=False) for n in range(1, 10)),
    ]

    def __init__(self, texts: Sequence[str], at: int = 0) -> None:
        super().__init__()
        self._texts = texts
        self._sentences = split(texts)
        self._picked: list[Place] = []
        self._first = at
        # What each line of the list is: a sentence, or the heading of an alternative.
        self._lines: list[Place | int] = []
        for number, found in enumerate(self._sentences):
            self._lines += [number, *((number, sentence) for sentence in range(len(found)))]

    def compose(self) -> ComposeResult:
        with Vertical(id="merge") as box:
            box.border_title = "Merge"
            yield OptionList(*(Option(self._shown(line), disabled=isinstance(line, int)) for line in self._lines))
            with VerticalScroll(id="merged", can_focus=False):
                yield Static(id="merged-text")
            yield Static(
                Text("↑ ↓ ← → move   Space pick   ⌫ unpick   ⏎ keep   e edit   Esc back", style="dim"), classes="keys"
            )

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.action_go(self._first)
        self._tell()

    def action_cursor(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_side(self, step: int) -> None:
        line = self._line()
        self.action_go(((line[0] if line else 0) + step) % len(self._texts))

    def action_go(self, number: int) -> None:
        """Put the cursor on the first sentence of an alternative, with its heading in sight."""
        if number < len(self._texts) and (number, 0) in self._lines:
            sheet, at = self.query_one(OptionList), self._lines.index((number, 0))
            sheet.highlighted = at - 1
            sheet.highlighted = at

    def action_pick(self) -> None:
        """Append the sentence under the cursor, or take it out again."""
        line = self._line()
        if line in self._picked:
            self._picked.remove(line)
        elif line:
            self._picked.append(line)
        self._tell()

    def action_drop(self) -> None:
        if self._picked:
            self._picked.pop()
            self._tell()

    def action_answer(self, what: str) -> None:
        if self._picked:
            self.dismiss((what, merged(self._texts, self._picked)))
        else:
            self.app.notify("Pick sentences with Space first.", markup=False)

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_pick()

    def _line(self) -> Place | None:
        at = self.query_one(OptionList).highlighted
        line = None if at is None else self._lines[at]
        return None if isinstance(line, int) else line

    def _shown(self, line: Place | int) -> Text:
        if isinstance(line, int):
            return Text(f"{line + 1} of {len(self._texts)}", style="bold dim")
        said = one_line(self._sentences[line[0]][line[1]])
        if line not in self._picked:
            return Text(f"    {said}")
        return Text.assemble((f"{self._picked.index(line) + 1:>2}", "bold reverse"), "  ", (said, "bold"))

    def _tell(self) -> None:
        """Number the picked sentences and show what they make."""
        sheet = self.query_one(OptionList)
        for at, line in enumerate(self._lines):
            if not isinstance(line, int):
                sheet.replace_option_prompt_at_index(at, self._shown(line))
        text = merged(self._texts, self._picked)
        below = self.query_one("#merged", VerticalScroll)
        below.border_title = f"{len(text.split())} words" if text else ""
        self.query_one("#merged-text", Static).update(Text(one_line(text)) if text else Text(_EMPTY, style="dim"))
        below.scroll_end(animate=False)
