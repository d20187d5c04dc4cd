"""The branches of a story as a tree: where each one leaves another, and how far it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, Tree
from textual.widgets.tree import TreeNode

from planner.store import Library
from prompts.safe import one_line, shortened

if TYPE_CHECKING:
    from planner.rows import ParagraphRow

Answer = tuple[str, str]


@dataclass
class Limb:
    """A branch: its length, where it leaves the one that it grew from, and what grows from it."""

    name: str
    length: int = 0
    leaves: int = 0
    last: str = ""
    limbs: list[Limb] = field(default_factory=list)


def grow(library: Library, story: str) -> Limb:
    """The tree of branches with ``main`` as its stem; each branch hangs on the one that it shares most with."""
    paths: dict[str, list[ParagraphRow]] = {
        name: library.path(head) if head else [] for name, head in library.branches(story).items()
    }
    names = sorted(paths, key=lambda name: (name != "main", name))
    made: dict[str, Limb] = {}
    for name in names:
        rows = paths[name]
        limb = Limb(name, len(rows), last=rows[-1].text if rows else "")
        best: Limb | None = None
        for other, known in made.items():
            shared = _shared(paths[other], rows)
            if best is None or shared > limb.leaves:
                best, limb.leaves = known, shared
        if best:
            best.limbs.append(limb)
        made[name] = limb
    return made[names[0]]


def _shared(one: list[ParagraphRow], other: list[ParagraphRow]) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:  # paths that share a paragraph share all before it
        middle = (low + high + 1) // 2
        if one[middle - 1].id == other[middle - 1].id:
            low = middle
        else:
            high = middle - 1
    return low


class Branches(ModalScreen[Answer | None]):
    """Gives ("switch", name) or ("compare", name)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("j", "move('cursor_down')", show=False),
        Binding("k", "move('cursor_up')", show=False),
        Binding("c", "compare", show=False),
    ]

    def __init__(self, library: Library, story: str, here: str) -> None:
        super().__init__()
        self._library, self._story, self._here = library, story, here

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Branches"
            tree: Tree[str] = Tree("main")
            tree.guide_depth = 3
            yield tree
            yield Static(Text("⏎ go there   c compare with this one   Esc leave"), classes="keys")

    def on_mount(self) -> None:
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        import asyncio

        stem = await asyncio.to_thread(grow, self._library, self._story)
        tree = self.query_one(Tree)
        tree.clear()
        tree.auto_expand = False
        tree.root.set_label(self._label(stem))
        tree.root.data = stem.name
        self._add(tree.root, stem)
        tree.root.expand_all()
        tree.focus()
        self.call_after_refresh(self._mark_here)

    def _add(self, node: TreeNode[str], limb: Limb) -> None:
        for grown in sorted(limb.limbs, key=lambda one: one.leaves):
            child = node.add(self._label(grown), data=grown.name, allow_expand=bool(grown.limbs))
            self._add(child, grown)

    def _label(self, limb: Limb) -> Text:
        text = Text.assemble((one_line(limb.name), "bold"))
        text.append(" ◂ here" if limb.name == self._here else "", style="bold")
        text.append(f"  {limb.length}¶", style="dim")
        if limb.name != "main":
            text.append(f", parts after {limb.leaves}", style="dim")
        text.append(f"  {shortened(limb.last, 28)}", style="italic dim")
        return text

    def _mark_here(self) -> None:
        tree: Tree[str] = self.query_one(Tree)
        waiting = [tree.root]
        while waiting:
            node = waiting.pop()
            if node.data == self._here:
                tree.move_cursor(node)
            waiting += node.children

    def action_move(self, how: str) -> None:
        getattr(self.query_one(Tree), f"action_{how}")()

    @on(Tree.NodeSelected)
    def _go(self, event: Tree.NodeSelected[str]) -> None:
        if event.node.data:
            self.dismiss(("switch", event.node.data))

    def action_compare(self) -> None:
        node = self.query_one(Tree).cursor_node
        if node and node.data and node.data != self._here:
            self.dismiss(("compare", node.data))
        else:
            self.app.notify("Choose another branch than the one that you are on.", markup=False)
