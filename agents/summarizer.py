"""The summarizer: from the summary and the new paragraph to the next summary, within a token budget.

The small model writes the one sentence that is new and code keeps the budget, so nothing is garbled by being copied again
and again; a large model rewrites the whole summary. Invariant: the result is within the budget, and its first sentence
still says who the story is about.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.memory import SUMMARY_TOKENS, append_summary, shorten
from agents.naming import Naming
from agents.text import sentences, whole_sentences
from planner.state import Entity, Premise, Summary
from prompts.load import render

_NOTE = Sampling(temperature=0.3, max_tokens=48)
_CANDIDATES = 3
_PLAIN_BUDGET = 400
# What a person wrote or edited may be longer than the small model's context.
_SUMMARY, _PARAGRAPH = 128, 300


def update_summary(
    engine: Engine,
    premise: Premise,
    summary: Summary,
    paragraph: str,
    on_stage: Sequence[Entity],
    seed: int,
    budget: int | None = None,
    pinned: Sequence[str] = (),
) -> Summary:
    """The next summary. ``budget`` is in the engine's tokens; ``pinned`` are sentences that a person wants kept.

    Raises ``EngineError`` when the model cannot run.
    """
    if engine.style == "slots":
        return _append_note(engine, premise, summary, paragraph, on_stage, seed, budget or SUMMARY_TOKENS)
    budget = budget or _PLAIN_BUDGET
    system, text = render(
        "summarizer/update", "plain", summary=summary.text, paragraph=paragraph, pinned=pinned, words=budget * 3 // 5,
        title=premise.title, logline=premise.logline,
    )  # fmt: skip
    sampling = Sampling(temperature=0.2, max_tokens=budget)
    written = whole_sentences(
        engine.complete(Request(prompt=Prompt(system=system, text=text), sampling=sampling, seed=seed))[0].text
    )
    kept: tuple[str, ...] = ()
    for sentence in sentences(" ".join(written.split())):
        kept = append_summary(kept, sentence, engine.count_tokens, budget)
    return Summary(sentences=kept) if kept else summary


def _append_note(
    engine: Engine,
    premise: Premise,
    summary: Summary,
    paragraph: str,
    on_stage: Sequence[Entity],
    seed: int,
    budget: int,
) -> Summary:
    naming = Naming(premise.entities)
    before = tuple(naming.slotted(sentence) for sentence in summary.sentences)
    _, text = render(
        "summarizer/update",
        "slots",
        summary=shorten(" ".join(before), engine.count_tokens, _SUMMARY, keep_end=True),
        paragraph=shorten(naming.slotted(paragraph), engine.count_tokens, _PARAGRAPH),
    )
    request = Request(prompt=Prompt(text=text), sampling=_NOTE, n=_CANDIDATES, seed=seed, ban=naming.banned(on_stage))
    # The likeliest whole sentence; an empty one says that the paragraph adds nothing to remember.
    finished = [c for c in engine.complete(request) if c.finish == "stop"]
    best = max(finished, key=lambda c: (c.logprob or 0.0) / max(c.tokens, 1), default=None)
    note = " ".join(best.text.split()) if best else ""
    if not note and not before:
        note = naming.slotted(sentences(paragraph)[0]) if sentences(paragraph) else ""
    kept = append_summary(before, note, engine.count_tokens, budget)
    return Summary(sentences=tuple(naming.fill(sentence) for sentence in kept))
