"""The nodes: each reads the state, calls one agent, and returns an update or a ``Command``. No story logic stands here."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, TypeVar

from langgraph.runtime import Runtime
from langgraph.types import Command

from agents import generator, summarizer
from agents import outline as outliner
from agents import premise as premiser
from agents.continuity import extract
from planner import arc, events
from planner.context import Context
from planner.rules import Case, check_all
from planner.state import Draft, Fact, Finding, Outline, Premise, Severity, StoryState, Summary

Run = Runtime[Context]
T = TypeVar("T")


def seed_for(run: Context, *parts: object) -> int:
    """A seed for one call, from the story's seed and where the call stands; the same in every run of the same story."""
    digest = blake2b("/".join(map(str, (run.seed, run.branch, *parts))).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def enter(state: StoryState) -> Literal["premise", "outline", "generate", "__end__"]:
    """The first thing that the story lacks."""
    if not state.get("premise"):
        return "premise"
    if not state.get("outline"):
        return "outline"
    return "__end__" if state.get("done") else "generate"


def premise(state: StoryState, runtime: Run) -> StoryState:
    run = runtime.context
    engine = run.engine("premise", "premise", story=state["story"], head=None)
    made = premiser.propose(engine, run.brief, seed_for(run, "premise"))
    run.listen(events.PremiseReady(made))
    return {"premise": run.library.add_premise(state["story"], made)}


def outline(state: StoryState, runtime: Run) -> StoryState:
    run = runtime.context
    premise = run.library.premise(_known(state.get("premise")))
    engine = run.engine("outline", "outline", story=state["story"], head=None)
    steps = arc.steps_for(arc.load_shape(run.brief.arc), run.brief.paragraphs)
    planned = [outliner.Planned.model_validate(step.model_dump()) for step in steps]
    count = iter(range(1, len(planned) + 1))
    made = outliner.plan_outline(
        engine, premise, run.brief.arc, planned, seed_for(run, "outline"),
        lambda beat: run.listen(events.BeatPlanned(beat, next(count), len(planned))),
    )  # fmt: skip
    return {
        "outline": run.library.add_outline(state["story"], made), "arc": arc.position(made, 0), "head": None,
        "summary": Summary(), "attempt": 0, "draft": None, "best": None, "done": False,
    }  # fmt: skip


def generate(state: StoryState, runtime: Run) -> StoryState:
    run = runtime.context
    premise, outline = _plan(state, run)
    position, attempt = state["arc"], state.get("attempt", 0)
    head = state.get("head")
    last = run.text_of(head) if head else ""
    rejected = state.get("draft")
    task = generator.task_for(
        premise, outline, position, summary=state["summary"].text, last=last,
        facts=tuple(run.worlds.at(run.library, state["story"], head).sentences(premise.entities)),
        objections=tuple(f.message for f in rejected.findings) if rejected and attempt else (),
    )  # fmt: skip
    run.examined.clear()
    run.listen(events.Writing(position, task.beat, attempt))
    engine = run.engine("generator", "generate", story=state["story"], head=head, attempt=attempt)
    written = generator.write(
        engine, task, run.settings.generator, seed_for(run, position.paragraph, attempt),
        check=lambda text: _examine(run, state, text)[1],
        on_text=lambda piece: run.listen(events.TextPiece(piece)),
    )  # fmt: skip
    draft = Draft(
        text=written.text, score=written.scores[written.chosen].total, attempt=attempt, chosen=written.chosen,
        tokens=engine.tokens, seconds=round(engine.seconds, 4), model=engine.model,
    )  # fmt: skip
    return {"draft": draft, "on_stage": task.on_stage}


def check(state: StoryState, runtime: Run) -> Command[Literal["generate", "commit"]]:
    run = runtime.context
    draft = _known(state.get("draft"))
    facts, findings = _examine(run, state, draft.text)
    draft = draft.model_copy(update={"facts": facts, "findings": findings})
    best = max(filter(None, (state.get("best"), draft)), key=lambda d: (-_errors(d), d.score))
    keep = not _errors(draft) or draft.attempt >= run.settings.revisions
    run.listen(events.Checked(findings, keep))
    update: StoryState = {
        "draft": best if keep else draft,
        "best": None if keep else best,
        "attempt": draft.attempt + 1,
    }
    return Command(update=update, goto="commit" if keep else "generate")


def commit(state: StoryState, runtime: Run) -> StoryState:
    run = runtime.context
    draft = _known(state.get("draft"))
    _, outline = _plan(state, run)
    position = state["arc"]
    row = run.library.commit(
        state["story"], run.branch, parent=state.get("head"), index=position.paragraph, text=draft.text,
        beat=position.beat, facts=draft.facts, findings=draft.findings,
        meta=draft.model_dump(mode="json", include={"score", "attempt", "chosen", "tokens", "model"}),
    )  # fmt: skip
    run.worlds.advance(run.library, state["story"], state.get("head"), row.id, draft.facts)
    run.committed(state["story"], row.id, draft.text)
    beat = outline.beats[position.beat]
    run.listen(events.Committed(draft.text, position, beat, draft.findings, draft.tokens, draft.seconds))
    return {"head": row.id, "attempt": 0}


def summarize(state: StoryState, runtime: Run) -> Command[Literal["generate", "__end__"]]:
    run = runtime.context
    premise, outline = _plan(state, run)
    head, position = _known(state.get("head")), state["arc"]
    engine = run.engine("summarizer", "summarize", story=state["story"], head=head)
    draft = _known(state.get("draft"))
    summary = summarizer.update_summary(
        engine, premise, state["summary"], draft.text, state.get("on_stage", ()),
        seed_for(run, "summary", position.paragraph), run.settings.summary_tokens,
        pinned=[fact.quote for fact in run.worlds.pinned],
    )  # fmt: skip
    run.library.add_summary(head, summary)
    run.listen(events.Summarized(summary))
    written = position.paragraph + 1
    done = written >= outline.paragraphs
    if done:
        run.library.mark_done(state["story"], run.branch, True)
        run.listen(events.Finished(written))
    following = position if done else arc.position(outline, written)
    run.burst -= 1
    update: StoryState = {"summary": summary, "arc": following, "draft": None, "done": done}
    return Command(update=update, goto="__end__" if done or run.burst < 1 else "generate")


def _known(value: T | None) -> T:
    """A channel that the graph's order has filled; the assertion states that order."""
    assert value is not None
    return value


def _plan(state: StoryState, run: Context) -> tuple[Premise, Outline]:
    return run.plan(_known(state.get("premise")), _known(state.get("outline")))


def _errors(draft: Draft) -> int:
    return sum(finding.severity is Severity.ERROR for finding in draft.findings)


def _examine(run: Context, state: StoryState, text: str) -> tuple[tuple[Fact, ...], tuple[Finding, ...]]:
    """The facts that a text states at this point of the story, and what the rules say of it."""
    if known := run.examined.get(text):
        return known
    premise, outline = _plan(state, run)
    position = state["arc"]
    world = run.worlds.at(run.library, state["story"], state.get("head"))
    facts = extract(text, premise.entities, position.paragraph)
    beat = outline.beats[position.beat]
    case = Case(text=text, facts=facts, world=world, premise=premise, beat=beat, paragraph=position.paragraph)
    run.examined[text] = (facts, check_all(case))
    return run.examined[text]
