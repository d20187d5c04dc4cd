"""What a person can do with a story: every front end calls these and holds no story logic of its own.

The graph's own interrupt carries the decision on a proposed paragraph; everything else is a step (planner/desk.py).
Invariant: after every action the story can be killed and opened again as the action left it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from langgraph.types import Command

from agents.continuing import whole
from agents.engines.base import Completion
from agents.generator import text_of
from agents.naming import Naming
from agents.text import whole_sentences
from planner import arc
from planner.absorb import absorb, remember
from planner.desk import Desk
from planner.rows import CallKey, Output, ParagraphRow
from planner.state import Decision, Draft, Summary
from planner.steps import Snapshot, newest_standing, step_to_redo
from prompts.errors import InputError

MAX_TEXT = 20_000
"""Characters that a paragraph of a person's own may have."""


class Writing(Desk):
    """Paragraphs: proposed and decided on, written by hand, edited, taken back."""

    def proposal(self) -> Draft | None:
        """The paragraph that waits for a decision, if one does."""
        found = self.planner.get_state(self.config)
        draft: Draft | None = found.values.get("draft") if "commit" in found.next else None
        return draft

    def propose(self) -> Draft | None:
        """The next paragraph, for a decision; None when the story is at its end. One that waits already is kept."""
        if waiting := self.proposal():
            return waiting
        if self.done:
            return None
        self.context.gate, self.context.burst = True, 1
        if self.pending:
            self.invoke(None)
            if waiting := self.proposal():
                return waiting
        if not self.done:
            self.invoke({"story": self.story.id})
        return self.proposal()

    def accept(self, text: str | None = None) -> ParagraphRow:
        """Commit the proposed paragraph, as it is or as ``text``. Raises ``InputError`` when none is proposed."""
        self._need_proposal()
        own = None if text is None else _own(text)
        decision = Decision(text=own, picked=own is not None and own in self.alternatives())
        self._decide(decision)
        return self.library.paragraph(str(self.state["head"]))

    def reroll(self, instruction: str = "") -> Draft | None:
        """Write the proposed paragraph anew, with a wish for it if there is one; the old ones stay among the alternatives."""
        self._need_proposal()
        self._decide(Decision(again=True, instruction=instruction[:MAX_TEXT]))
        return self.proposal()

    def _decide(self, decision: Decision) -> None:
        # The gate as well: the paragraph may have been proposed by a process that is gone.
        self.context.gate, self.context.burst = True, 1
        self.invoke(Command(resume=decision.model_dump(mode="json")))

    def discard(self) -> None:
        """Drop the paragraph that is proposed, or that was stopped in the midst; the next one will be another."""
        if not self.stopped():
            self._need_proposal()
        attempt = self.state.get("attempt", 0)
        self._load(self.snapshot(), self.state.get("step", 0))
        if self.state.get("attempt", 0) <= attempt:
            # What was stopped was not journalled: the same attempt would tell the very same words again.
            self.planner.update_state(self.config, {"attempt": attempt + 1}, as_node="summarize")
            self._after = None

    def stopped(self) -> bool:
        """Whether a paragraph was stopped, or killed, in the midst of its writing."""
        return "generate" in self.planner.get_state(self.config).next

    def keep(self, partial: str) -> ParagraphRow:
        """Take in what there was of a paragraph that was stopped in the midst, up to its last whole sentence."""
        return self._add(whole_sentences(_own(partial)), partial)

    def instruct(self, instruction: str) -> None:
        """Wish something of the next paragraph alone. Raises ``InputError`` while one is proposed."""
        self.snapshot()
        if self.proposal():
            raise InputError("A paragraph is proposed already; take or drop it first, or have it written anew.")
        self.planner.update_state(self.config, {"instruction": instruction[:MAX_TEXT]}, as_node="summarize")
        self._after, self._idle = None, False

    def alternatives(self) -> list[str]:
        """Every text that models wrote for the paragraph in work, over all attempts, the oldest first, each once."""
        naming = Naming(self.library.premise(self.snapshot().premise).entities)
        found: dict[str, None] = {}
        for output in self._outputs():
            answers = [Completion.model_validate(raw) for raw in output.completions]
            found |= {text_of(answer, naming): None for answer in whole(output.prompt, answers)}
        found.pop("", None)
        return list(found)

    def add(self, text: str) -> ParagraphRow:
        """Write the next paragraph oneself. A proposed one is dropped."""
        waiting = self.proposal()
        return self._add(text, waiting.text if waiting else "")

    def _add(self, text: str, source: str) -> ParagraphRow:
        before = self.snapshot()
        written = self.library.paragraph(before.head).index + 1 if before.head else 0
        draft = Draft(text=_own(text), author="person", source=source)
        row, summary = self._take(before, before.head, written, draft, before.summary)
        self.put("write", before.model_copy(update={"head": row.id, "summary": summary}))
        return row

    def edit(self, text: str, index: int | None = None) -> ParagraphRow:
        """Replace paragraph ``index`` (from 0; the last one by default). What came after it is kept and read again.

        Facts, findings and summaries are made anew from there; the old telling stays, and ``undo`` leads back to it.
        Raises ``InputError`` when there is no such paragraph.
        """
        before = self.snapshot()
        rows = self._rows_from(before, index)
        if rows[0].text == _own(text):
            return rows[0]
        head, summary = rows[0].parent, Summary()
        if head:
            summary = self.library.summary(head) or summary
        draft = Draft(text=_own(text), author="person", source=str(rows[0].meta.get("source") or rows[0].text))
        first, summary = self._take(before, head, rows[0].index, draft, summary)
        head = first.id
        for row in rows[1:]:
            same = Draft(
                text=row.text, author="person" if row.meta.get("author") == "person" else "model",
                source=str(row.meta.get("source") or row.text), model=str(row.meta.get("model") or ""),
            )  # fmt: skip
            kept, summary = self._take(before, head, row.index, same, summary)
            head = kept.id
        self.put("edit", before.model_copy(update={"head": head, "summary": summary}))
        return first

    def undo(self, steps: int = 1) -> int:
        """Take back up to this many steps or paragraphs; returns how many there were to take back."""
        done = 0
        if steps > 0 and self.proposal():
            self.discard()
        while done < steps:
            here = self.snapshot()
            step = newest_standing(self.library.steps(self.story.id, self.context.branch))
            if step and step.after == here:
                self.put(step.what, step.before, "undo")
            elif here.head:
                parent = self.library.paragraph(here.head).parent
                # A summary that a person wrote stands in the step alone, not beside the paragraph.
                before = step.after if step and step.after.head == parent else self.at(parent)
                self.put("paragraph", before, "undo")
            else:
                break
            done += 1
        return done

    def redo(self, steps: int = 1) -> int:
        """Take back up to this many undoings; returns how many there were."""
        done = 0
        while done < steps:
            undone = step_to_redo(self.library.steps(self.story.id, self.context.branch), self.snapshot())
            if not undone:
                break
            self.put(undone.what, undone.before, "redo")
            done += 1
        return done

    def jump(self, index: int) -> None:
        """Go back to paragraph ``index`` (from 0) and go on from there; ``undo`` leads back. ``InputError``: none such."""
        self.put("jump", self.at(self._rows_from(self.snapshot(), index)[0].id))

    def search(self, words: str) -> list[ParagraphRow]:
        """The paragraphs of this branch that hold ``words``, whatever their case."""
        wanted = " ".join(words.casefold().split())
        return [
            row for row in self.library.path(self.state.get("head")) if wanted in " ".join(row.text.casefold().split())
        ]

    def _take(
        self, plan: Snapshot, head: str | None, index: int, draft: Draft, before: Summary
    ) -> tuple[ParagraphRow, Summary]:
        """Put a paragraph after ``head`` without moving the branch, and read it as the graph would."""
        run = self.context
        made = run.plan(plan.premise, plan.outline)
        position = arc.position(made[1], index)
        run.examined.clear()
        row = absorb(run, self.story.id, head, position, draft, made, move=False)
        beat = made[1].beats[position.beat]
        on_stage = [entity for entity in made[0].entities if entity.id in beat.on_stage]
        return row, remember(run, self.story.id, row.id, position, draft.text, before, on_stage, made)

    def _rows_from(self, here: Snapshot, index: int | None) -> list[ParagraphRow]:
        """The paragraphs from ``index`` to the last one."""
        if not here.head:
            raise InputError("The story has no paragraph yet.")
        last = self.library.paragraph(here.head).index
        index = last if index is None else index
        if not 0 <= index <= last:
            raise InputError(f"There is no paragraph {index + 1}; the story has {last + 1}.")
        return self.library.path(here.head, last=last - index + 1)

    def _outputs(self) -> Iterator[Output]:
        """What was journalled for the paragraph in work, attempt by attempt and call by call."""
        key = CallKey(
            story=self.story.id, head=self.state.get("head"), node="generate", attempt=0, branch=self.context.branch
        )
        for attempt in range(self.library.next_attempt(key)):
            for call in count():
                output = self.library.recall(key.model_copy(update={"attempt": attempt, "call": call}))
                if output is None:
                    break
                yield output

    def _need_proposal(self) -> None:
        if not self.proposal():
            raise InputError("No paragraph is proposed; ask for one first.")


def _own(text: str) -> str:
    """A person's own paragraph on one line. Raises ``InputError`` where there is none, or far too much of it."""
    text = " ".join(text.split())
    if not text:
        raise InputError("The paragraph is empty; write something, or undo it instead.")
    if len(text) > MAX_TEXT:
        raise InputError(f"A paragraph may have {MAX_TEXT:,} characters; this one has {len(text):,}: split it.")
    return text
