"""The summarizer: from the summary and the new paragraph to the next summary, within a token budget.

The small model writes the one sentence that is new and code keeps the budget, so nothing is garbled by being copied again
and again; a large model rewrites the whole summary. Invariant: the result is within the budget, and its first sentence
still says who the story is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.engines.base import Completion, Engine, Prompt, Request, Sampling
from agents.memory import SUMMARY_TOKENS, append_summary, shorten
from agents.naming import Naming
from agents.spelling import strange_words
from agents.strangers import strangers
from agents.text import sentences, stems, whole_sentences
from planner.state import Entity, PointOfView, Premise, Summary
from prompts.load import render

_NOTE = Sampling(temperature=0.3, max_tokens=48)
_CANDIDATES = 8
_FAITHFUL = 0.6
"""Share of a note's content words that must stand in the text or be known before; a note with fewer says something else."""
_GARBLED = re.compile(r"[^\w\s.,;:'\"’?!-]|\d")
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
    # What nobody has told yet, a goal or a trait on the premise's cards, is no news of this paragraph.
    given = [paragraph, *summary.sentences, *(entity.role for entity in premise.entities)]
    known = stems(" ".join(given))
    met = {entity.id for entity in naming.named(naming.slotted(" ".join((paragraph, *summary.sentences))))}
    if premise.point_of_view is PointOfView.FIRST:
        met.add(premise.cast[0].id)
    # Each whole note and how much of it is true, the likeliest first.
    faithful = {
        note: support(words, known)
        for note in (" ".join(c.text.split()) for c in _likeliest(engine.complete(request)))
        if _in_words(words := naming.fill(note), given) and met.issuperset(e.id for e in naming.named(note))
    }
    if next(iter(faithful), None) == "" and before:
        note = ""  # the likeliest of all says that the paragraph adds nothing to remember
    else:
        note = max(faithful, key=lambda said: round(faithful[said], 1), default="")
        if not note or faithful[note] < _FAITHFUL:
            note = naming.slotted(telling(paragraph, [entity.name for entity in premise.cast]))
    kept = append_summary(before, note, engine.count_tokens, budget)
    return Summary(sentences=tuple(naming.fill(sentence) for sentence in kept))


def _likeliest(written: Sequence[Completion]) -> list[Completion]:
    """What came to its own end, the likeliest first."""
    finished = [c for c in written if c.finish == "stop"]
    return sorted(finished, key=lambda c: (c.logprob or 0.0) / max(c.tokens, 1), reverse=True)


def _in_words(note: str, given: Sequence[str]) -> bool:
    """Whether a note is made of words, and of names that were given: what the small model garbles has figures and signs in it,
    words that are none, or somebody of another story.
    """
    return not (_GARBLED.search(note) or strange_words(note, given) or strangers(note, given))


def support(note: str, known: frozenset[str]) -> float:
    """Share of the content words of ``note`` that are ``known`` (0 to 1); 1 for a note without any."""
    said = stems(note)
    return len(said & known) / len(said) if said else 1.0


def telling(paragraph: str, names: Sequence[str]) -> str:
    """The sentence that says most of a paragraph: narrated, with somebody's name, most of its words also in the others.

    Empty where nothing is narrated.
    """
    narrated = [one for one in sentences(paragraph) if not {'"', "\u201c", "\u201d"} & set(one)]

    def weight(one: str) -> tuple[bool, int]:
        rest = stems(" ".join(other for other in narrated if other != one))
        return any(name in one for name in names), len(stems(one) & rest)

    return max(narrated, key=weight, default="")
