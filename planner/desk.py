"""A branch between two paragraphs: how it stands, and how it is made to stand otherwise.

Everything that a person changes goes through ``Desk.put``: a step in the library first, then the checkpoint. Invariant: a
process killed between the two catches up when it opens the branch again, so a step is taken whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from langgraph.types import Command

from planner import arc
from planner.rows import CallKey
from planner.state import Summary
from planner.steps import Snapshot, Way
from planner.store import Library
from prompts.errors import InputError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from planner.context import Context
    from planner.graph import Planner
    from planner.state import StoryState
    from planner.store import StoryRow


Durability = Literal["sync", "async", "exit"]


@dataclass
class Desk:
    """One story, one branch, and the graph that writes it."""

    library: Library
    story: StoryRow
    context: Context
    planner: Planner
    durability: Durability
    _after: StoryState | None = None
    """The state as it was last seen, which saves reading the checkpoint again."""
    _idle: bool = False
    """Whether this process knows that the graph stands between two paragraphs, with no node waiting."""

    @property
    def config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": f"{self.story.id}/{self.context.branch}"}}

    @property
    def state(self) -> StoryState:
        """The typed state as of the last checkpoint, a person's steps taken in; empty before the first."""
        if self._after is None:
            self._after = self._read()
        return self._after

    @property
    def done(self) -> bool:
        return bool(self.state.get("done"))

    def invoke(self, entry: StoryState | Command[Any] | None) -> None:
        """Run the graph from where it stands (None), from a new paragraph's entry, or from a person's answer."""
        self._after, self._idle = None, False  # should this fail, the checkpoint is asked again
        after = self.planner.invoke(entry, self.config, context=self.context, durability=self.durability)
        if "__interrupt__" not in after:
            self._after, self._idle = cast("StoryState", after), True

    @property
    def pending(self) -> bool:
        """Whether a run stopped in the midst of a paragraph, and is to be gone on with."""
        # Not `next`: that leaves out a node that returned before the checkpoint after it could be written.
        return not self._idle and bool(self.planner.get_state(self.config).tasks)

    def _read(self) -> StoryState:
        state: StoryState = self.planner.get_state(self.config).values  # type: ignore[assignment]
        missed = self.library.steps(self.story.id, self.context.branch, since=state.get("step", 0))
        if not missed:
            return state
        self._load(missed[0].after, missed[0].number)
        return self.planner.get_state(self.config).values  # type: ignore[return-value]

    def snapshot(self) -> Snapshot:
        """How the branch stands. Raises ``InputError`` before the outline is there."""
        state = self.state
        if (head := state.get("head")) and self.library.summary(head) is None and self.pending:
            self.context.burst = 1
            self.invoke(None)  # a run stopped after it had committed a paragraph: that is summed up first
            state = self.state
        premise, outline = state.get("premise"), state.get("outline")
        if not premise or not outline:
            raise InputError("The story has no outline yet; let it begin first.")
        return Snapshot(
            premise=premise, outline=outline, head=state.get("head"), summary=state.get("summary", Summary()),
            note=state.get("note", ""),
        )  # fmt: skip

    def put(self, what: str, after: Snapshot, way: Way = "do") -> None:
        """Make the branch stand as ``after`` says, as a step called ``what``; one that changes nothing is none."""
        before = self.snapshot()
        if after == before:
            return
        number = self.library.add_step(
            self.story.id, self.context.branch, way, what, before, after, self._values(after)["done"]
        )
        self._load(after, number)

    def at(self, head: str | None) -> Snapshot:
        """How the branch stood after paragraph ``head``: its summary then, premise and outline of now."""
        summary = self.library.summary(head) if head else None
        return self.snapshot().model_copy(update={"head": head, "summary": summary or Summary()})

    def begin_branch(self, name: str, after: Snapshot) -> None:
        """Let a new branch ``name`` stand as ``after`` says, and go on there."""
        self.library.set_head(self.story.id, name, after.head)
        self.context.branch = name
        self.context.worlds.forget()
        number = self.library.add_step(
            self.story.id, name, "do", "branch", after, after, self._values(after)["done"]
        )  # fmt: skip
        self._load(after, number)

    def _values(self, after: Snapshot) -> dict[str, Any]:
        outline = self.library.outline(after.outline)
        written = self.library.paragraph(after.head).index + 1 if after.head else 0
        done = written >= outline.paragraphs
        return {"arc": arc.position(outline, written - done), "done": done}

    def _load(self, after: Snapshot, number: int) -> None:
        # Another telling from the same paragraph must not be answered with what was journalled for the first one.
        key = CallKey(story=self.story.id, head=after.head, node="generate", attempt=0, branch=self.context.branch)
        values = {
            **after.model_dump(exclude={"summary"}), "summary": after.summary, **self._values(after), "story": self.story.id,
            "attempt": self.library.next_attempt(key), "on_stage": (), "draft": None, "best": None, "instruction": "",
            "step": number,
        }  # fmt: skip
        self._after, self._idle = None, False
        self.planner.update_state(self.config, values, as_node="summarize")
        self.context.worlds.forget()
        self.context.examined.clear()
