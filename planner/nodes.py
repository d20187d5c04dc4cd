"""The nodes: each reads the state, calls one agent, and returns an update or a ``Command``. No story logic stands here."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Literal, TypeVar

from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from agents import generator
from agents import outline as outliner
from agents import premise as premiser
from agents.steps import Planned
from planner import arc, events
from planner.absorb import Plan, absorb, decided, examine, remember, seed_for
from planner.context import Context
from planner.journal import Recorded
from planner.state import Decision, Draft, Fact, Finding, Outline, Severity, StoryState, Summary
from prompts.errors import BadOutput

Run = Runtime[Context]
T = TypeVar("T")


def enter(state: StoryState) -> Literal["premise", "outline", "generate", "__end__"]:
    """The first thing that the story lacks."""
    if not state.get("premise"):
        return "premise"
    if not state.get("outline"):
        return "outline"
    return "__end__" if state.get("done") else "generate"


def premise(state: StoryState, runtime: Run) -> StoryState:
    run = runtime.context
    made = _answered(
        run,
        state,
        "premise",
        lambda engine, *attempt: premiser.propose(engine, run.brief, seed_for(run, "premise", *attempt)),
    )
    run.listen(events.PremiseReady(made))
    return {"premise": run.library.add_premise(state["story"], made)}


def outline(state: StoryState, runtime: Run) -> StoryState:
    run = runtime.context
    premise = run.library.premise(_known(state.get("premise")))
    steps = arc.steps_for(arc.load_shape(run.brief.arc), run.brief.paragraphs)
    planned = [Planned.model_validate(step.model_dump()) for step in steps]

    def plan(engine: Recorded, *attempt: int) -> Outline:
        number = count(1)
        return outliner.plan_outline(
            engine, premise, run.brief.arc, planned, seed_for(run, "outline", *attempt),
            lambda beat: run.listen(events.BeatPlanned(beat, next(number), len(planned))),
        )  # fmt: skip

    made = _answered(run, state, "outline", plan)
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
    engine = run.engine("generator", "generate", story=state["story"], head=head, attempt=attempt)
    task = generator.task_for(
        premise, outline, position, summary=state["summary"].text, last=last,
        recent=run.recent(head) if engine.style == "slots" else "",
        facts=tuple(run.worlds.at(run.library, state["story"], head).sentences(premise.entities)),
        objections=tuple(f.message for f in rejected.findings) if rejected and attempt else (),
        note=state.get("note", ""), instruction=_wish(state),
    )  # fmt: skip
    run.examined.clear()
    run.listen(events.Writing(position, task.beat, attempt))
    written = generator.write(
        engine, task, run.generator, seed_for(run, position.paragraph, attempt),
        check=lambda text: _examine(run, state, text)[1], on_text=run.hear if run.streams else None,
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


def commit(state: StoryState, runtime: Run) -> Command[Literal["generate", "summarize"]]:
    run = runtime.context
    draft = _known(state.get("draft"))
    if run.gate:  # a person decides; until then the graph stands here, also over a kill and a restart
        decision = Decision.model_validate(interrupt({"paragraph": state["arc"].paragraph, "attempt": draft.attempt}))
        if decision.again:
            fresh: StoryState = {"draft": None, "best": None, "instruction": decision.instruction or _wish(state)}
            return Command(update=fresh, goto="generate")
        draft = decided(draft, decision)
    row = absorb(run, state["story"], state.get("head"), state["arc"], draft, _plan(state, run))
    _, outline = _plan(state, run)
    beat = outline.beats[state["arc"].beat]
    run.listen(events.Committed(draft.text, state["arc"], beat, draft.findings, draft.tokens, draft.seconds))
    taken: StoryState = {"head": row.id, "attempt": 0, "instruction": "", "draft": draft}
    return Command(update=taken, goto="summarize")


def summarize(state: StoryState, runtime: Run) -> Command[Literal["generate", "__end__"]]:
    run = runtime.context
    _, outline = _plan(state, run)
    head, position = _known(state.get("head")), state["arc"]
    text = _known(state.get("draft")).text
    summary = remember(
        run, state["story"], head, position, text, state["summary"], state.get("on_stage", ()), _plan(state, run)
    )
    written = position.paragraph + 1
    done = written >= outline.paragraphs
    if done:
        run.library.mark_done(state["story"], run.branch, True)
        run.listen(events.Finished(written))
    following = position if done else arc.position(outline, written)
    run.burst -= 1
    update: StoryState = {"summary": summary, "arc": following, "draft": None, "done": done}
    return Command(update=update, goto="__end__" if done or run.burst < 1 else "generate")


def _answered(run: Context, state: StoryState, role: Literal["premise", "outline"], ask: Callable[..., T]) -> T:
    """What ``ask`` (engine, attempt but the first → answer) makes; anew with another seed where the journal holds only a failure.

    A useless answer that was paid for just now ends the run. The journal would repeat it for ever, so the run that
    continues the story reads over it.
    """
    for attempt in count():
        engine = run.engine(role, role, story=state["story"], head=None, attempt=attempt)
        try:
            return ask(engine, *([attempt] if attempt else []))
        except BadOutput:
            if engine.seconds:  # something was asked that the journal did not have
                raise
    raise AssertionError("counting has no end")


def _wish(state: StoryState) -> str:
    return state.get("instruction", "")


def _known(value: T | None) -> T:
    """A channel that the graph's order has filled; the assertion states that order."""
    assert value is not None
    return value


def _plan(state: StoryState, run: Context) -> Plan:
    return run.plan(_known(state.get("premise")), _known(state.get("outline")))


def _errors(draft: Draft) -> int:
    return sum(finding.severity is Severity.ERROR for finding in draft.findings)


def _examine(run: Context, state: StoryState, text: str) -> tuple[tuple[Fact, ...], tuple[Finding, ...]]:
    return examine(run, state["story"], state.get("head"), state["arc"], text, _plan(state, run))
