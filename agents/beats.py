"""The small model's outline: beat by beat in slots, the likeliest way through the arc among several that are followed.

A small model that has gone astray once stays astray, and one beat does not show it: so a few outlines are gone on with side by
side, and the one whose beats all hang together is kept. Where none of them has anything sure to say for a step, the beat before
takes its paragraphs. Method: beam search over sentences, in the manner of Yang et al. 2023 (DOC, section 3), by the model's own
likelihood. The seed decides between beats that are about as good, by noise on their scores, so that another seed tells another
story; it is bounded, lest one of the many unlikely beats be lucky. Invariant: no beat tells what another one tells; equal
requests give equal outlines.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agents.affordances import misused
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.lexicon import known_genre
from agents.memory import LOGLINE_TOKENS, TONE_TOKENS, fitted
from agents.naming import Naming, cast_lines
from agents.spelling import strange_words
from agents.steps import CHANGES, OnBeat, Planned, beat_of, stage_of
from agents.text import alike, sentences, stems
from planner.state import Beat, Premise, Purpose
from prompts.control import clean
from prompts.load import render

CANDIDATES: Final = 16
_BEAT = Sampling(top_p=0.95, max_tokens=56)
_PATHS: Final = 3
"""Outlines that are followed side by side, and the beats that each is gone on with."""
_LIKELIHOOD: Final = 2.5
"""What a nat a token counts: a small model's likelihood says best whether a beat follows from those before it."""
_LONGER: Final = -1.7
"""The score of giving a step's paragraphs to the beat before it: less than that of most beats."""
_MOST_PARAGRAPHS: Final = 2
_WHIM: Final = 0.25
"""The most that a seed adds to the score of a beat."""
_BROUGHT, _WAITING = 0.6, 0.1
"""What it counts to bring in somebody or something that the premise names, and to leave one of them waiting for a beat."""
# A beat that shares this much with an earlier one, whoever it is about, is the same beat. The draws after the first are hotter.
_SAME: Final = 0.8
_DRAWS: Final = (0.7, 0.85, 1.0)
_OTHER_SEED: Final = 104_729
_PEOPLE = re.compile(r"<(?:she|he|they|role)\d>")
_PLACES_AND_THINGS = re.compile(r"<(?:place|item|site|beast|note)\d>")
# What happens at a step of which the small model has nothing new to say.
_PLAINLY: dict[Purpose, str] = {
    "setup": "{0} lives with what is missing.",
    "inciting": "Something comes that {0} cannot let be.",
    "rising": "{0} goes on, and it gets harder.",
    "twist": "{0} finds out that it was different from the beginning.",
    "setback": "{0} loses what seemed won.",
    "crisis": "{0} must choose and cannot wait any longer.",
    "climax": "{0} risks everything, and the matter is decided.",
    "falling": "{0} sees what it cost.",
    "resolution": "{0} begins a life in which this has happened.",
}


@dataclass(frozen=True)
class _Path:
    """An outline so far: its beats, the same in slots, and what the premise names that no beat has brought in yet."""

    missing: tuple[str, ...]
    done: tuple[str, ...] = ()
    beats: tuple[Beat, ...] = ()
    place: str | None = None
    score: float = 0.0


def by_beam(
    engine: Engine, premise: Premise, steps: Sequence[Planned], seed: int, on_beat: OnBeat | None = None
) -> list[Beat]:
    """The beats of ``steps``, at most one each. ``on_beat`` gets a beat as soon as no other outline is followed any more."""
    everyone = (*premise.cast, *premise.things, *premise.setting)
    paths = [_Path(tuple(e.slot for e in everyone if e.given or e is premise.cast[0]))]
    naming = Naming(premise.entities)
    logline = fitted(naming.slotted(premise.logline).rstrip(".!? ") + ".", engine.count_tokens, LOGLINE_TOKENS)
    always = {
        "genre": known_genre(premise.genre), "theme": premise.theme, "cast": cast_lines(premise), "logline": logline,
        "tone": fitted(premise.tone, engine.count_tokens, TONE_TOKENS), "total": len(steps),
        "stage": [e.slot for e in (*premise.setting, *premise.things)],
    }  # fmt: skip
    ban = naming.banned(premise.entities)
    told = 0
    for number, step in enumerate(steps, 1):
        following: list[_Path] = []
        for path in paths:
            done = path.done if len(path.done) <= 7 else (path.done[0], *path.done[-6:])
            _, text = render("outline/beat", "slots", **always, done=done, purpose=step.purpose, number=number)
            request = Request(prompt=Prompt(text=text), sampling=_BEAT, n=CANDIDATES, seed=seed + number, ban=ban)
            following += _after(engine, request, premise, naming, path, step, last_step=number == len(steps))
        paths = sorted(following, key=lambda path: -path.score)[:_PATHS]
        while (
            on_beat and told < min(len(path.beats) for path in paths) - 1 and len({p.beats[told] for p in paths}) == 1
        ):
            on_beat(paths[0].beats[told])
            told += 1
    for beat in paths[0].beats[told:]:
        if on_beat:
            on_beat(beat)
    return list(paths[0].beats)


def _after(
    engine: Engine, request: Request, premise: Premise, naming: Naming, path: _Path, step: Planned, *, last_step: bool
) -> Iterator[_Path]:
    """``path`` with one beat more, in the best ways that there are; or with the last beat longer."""
    last = path.beats[-1] if path.beats else None
    longer = last.paragraphs + step.paragraphs if last else 0
    found = _drawn(engine, request, premise, path)
    if last and not last_step and longer <= _MOST_PARAGRAPHS:
        yield _lengthened(path, longer, _LONGER)
    if not found:
        happens = _PLAINLY[step.purpose].format(premise.cast[0].slot)
        if last and _told(happens, path.done):  # its purpose has a beat, which takes the paragraphs of this one
            yield _lengthened(path, longer, 2 * _LONGER)
            return
        found = [(2 * _LONGER, happens)]
    for score, happens in found:
        on_stage, place = stage_of(naming.named(happens), premise, path.place)
        change = CHANGES[step.purpose].format(premise.cast[0].name)
        yield _Path(
            missing=tuple(slot for slot in path.missing if slot not in happens), done=(*path.done, happens),
            beats=(*path.beats, beat_of(step, naming.fill(happens), on_stage, place, change)), place=place,
            score=path.score + score,
        )  # fmt: skip


def _lengthened(path: _Path, paragraphs: int, score: float) -> _Path:
    beats = (*path.beats[:-1], path.beats[-1].model_copy(update={"paragraphs": paragraphs}))
    return replace(path, beats=beats, score=path.score + score)


def _drawn(engine: Engine, request: Request, premise: Premise, path: _Path) -> list[tuple[float, str]]:
    """The best candidates that tell something new, in slots, with their scores; drawn anew where there is none."""
    for again, temperature in enumerate(_DRAWS):
        sampling = request.sampling.model_copy(update={"temperature": temperature})
        asked = request.model_copy(update={"sampling": sampling, "seed": (request.seed + again * _OTHER_SEED) % 2**32})
        found: dict[str, float] = {}
        for completion in engine.complete(asked):
            candidate = next(iter(sentences(completion.text.strip())), "")
            if not candidate or candidate in found or _told(candidate, path.done):
                continue
            score = _LIKELIHOOD * (completion.logprob or 0.0) / max(completion.tokens, 1)
            score -= (completion.finish == "length") + len(strange_words(clean(candidate), [premise.logline]))
            score -= misused(candidate)
            found[candidate] = score + _fit(candidate, path.done, path.missing) + _whim(request.seed, candidate)
        if found:
            return sorted(((score, text) for text, score in found.items()), key=lambda one: -one[0])[:_PATHS]
    return []


def _whim(seed: int, candidate: str) -> float:
    """0 to ``_WHIM``, the same for a candidate after whatever beats it comes."""
    return random.Random(f"{seed}/{candidate}").uniform(0, _WHIM)


def _told(candidate: str, done: Sequence[str]) -> bool:
    """Whether a beat that was told says the same, of these people, places and things or of others."""
    return any(alike(_nameless(candidate), _nameless(old)) >= _SAME for old in done)


def _nameless(beat: str) -> str:
    return _PLACES_AND_THINGS.sub("something", _PEOPLE.sub("somebody", beat))


def _fit(candidate: str, done: Sequence[str], missing: Sequence[str]) -> float:
    """How well a beat goes with those before it: new, bringing in what the premise names, nothing named twice."""
    words = stems(clean(candidate))
    overlap = max((len(words & old) / max(len(words | old), 1) for old in (stems(clean(d)) for d in done)), default=0.0)
    brought = sum(slot in candidate for slot in missing)
    things = _PLACES_AND_THINGS.findall(candidate)
    twice = len(things) - len(set(things))  # nobody unlocks a door with that door
    return _BROUGHT * min(brought, 2) - _WAITING * (len(missing) - brought) - 3.0 * max(0.0, overlap - 0.25) - twice
