"""What a text does to the story: its facts and findings, its row, and the summary after it.

The graph's nodes and a person's edits both go through here, so that a paragraph that a person wrote is taken in just as
one that a model wrote. Invariant: what is paid for is journalled under the paragraph that it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

from agents import summarizer
from agents.continuity import extract
from planner import events
from planner.context import Context
from planner.rows import ParagraphRow
from planner.rules import Case, check_all
from planner.state import ArcPosition, Decision, Draft, Entity, Fact, Finding, Outline, Premise, Summary

Plan = tuple[Premise, Outline]


def seed_for(run: Context, *parts: object) -> int:
    """A seed for one call, from the story's seed and where the call stands; the same in every run of the same story."""
    digest = blake2b("/".join(map(str, (run.seed, run.branch, *parts))).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def examine(
    run: Context, story: str, head: str | None, position: ArcPosition, text: str, plan: Plan
) -> tuple[tuple[Fact, ...], tuple[Finding, ...]]:
    """The facts that a text states after paragraph ``head``, and what the rules say of it."""
    if known := run.examined.get(text):
        return known
    premise, outline = plan
    world = run.worlds.at(run.library, story, head)
    facts = extract(text, premise.entities, position.paragraph)
    beat = outline.beats[position.beat]
    case = Case(text=text, facts=facts, world=world, premise=premise, beat=beat, paragraph=position.paragraph)
    run.examined[text] = (facts, check_all(case))
    return run.examined[text]


def decided(draft: Draft, decision: Decision) -> Draft:
    """The draft as a person took it. Another text loses what this one had (score, facts, findings) and keeps it as source."""
    text = None if decision.text is None else decision.text.strip()
    if not text or text == draft.text:
        return draft
    author: Literal["model", "person"] = "model" if decision.picked else "person"
    return Draft(text=text, attempt=draft.attempt, model=draft.model, author=author, source=draft.text)


def absorb(
    run: Context, story: str, head: str | None, position: ArcPosition, draft: Draft, plan: Plan, *, move: bool = True
) -> ParagraphRow:
    """Commit a paragraph after ``head`` with its facts and findings; ``move`` says whether the branch goes on from it."""
    facts, findings = draft.facts, draft.findings
    taken = bool(draft.source) or draft.author == "person"  # by a person, as it is or otherwise
    if taken:
        facts, findings = examine(run, story, head, position, draft.text, plan)
    said = draft.model_dump(mode="json", include={"score", "attempt", "chosen", "tokens", "model"})
    if taken:
        said |= {"author": draft.author, "source": draft.source}
    row = run.library.commit(
        story, run.branch, parent=head, index=position.paragraph, text=draft.text, beat=position.beat,
        facts=facts, findings=findings, meta=said, move=move,
    )  # fmt: skip
    run.worlds.advance(run.library, story, head, row.id, facts)
    run.committed(story, row.id, draft.text)
    return row


def remember(
    run: Context, story: str, head: str, position: ArcPosition, text: str, before: Summary, on_stage: Sequence[Entity],
    plan: Plan,
) -> Summary:  # fmt: skip
    """The summary after paragraph ``head``, whose text this is; kept in the library."""
    engine = run.engine("summarizer", "summarize", story=story, head=head)
    summary = summarizer.update_summary(
        engine, plan[0], before, text, on_stage, seed_for(run, "summary", position.paragraph),
        run.settings.summary_tokens, pinned=[fact.quote for fact in run.worlds.pinned],
    )  # fmt: skip
    run.library.add_summary(head, summary)
    run.listen(events.Summarized(summary))
    return summary
