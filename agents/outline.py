"""The outline agent: from a premise and an arc to beats that say what happens, to whom, where, and what must change.

The small model is asked beat by beat, several candidates each, because then code can see to it that the premise's people
and things come in. A large model writes the whole outline as one JSON object, or as much of it as there is room for, and then
the rest. Invariant: every purpose of the arc has a beat, and no beat of the small model tells what another one tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.lexicon import known_genre
from agents.memory import LOGLINE_TOKENS, TONE_TOKENS, fitted
from agents.naming import Naming, cast_lines
from agents.spelling import strange_words
from agents.structured import Lines, Pairs, ask
from agents.text import alike, sentences, stems
from planner.state import MAX_LINE, Beat, Entity, EntityKind, Outline, Premise, Purpose
from prompts.control import clean
from prompts.load import render

OnBeat = Callable[[Beat], None]
_BEAT = Sampling(top_p=0.95, max_tokens=56)
_TEMPERATURE = 0.8
# Room for a beat as long as the schema lets it be. A server has a few thousand tokens for prompt and answer together.
_BEAT_TOKENS, _MOST_TOKENS = 170, 3_400
_BEATS_AT_ONCE = _MOST_TOKENS // _BEAT_TOKENS
_BEATS_SHOWN = 12
_LINE_KEYS = frozenset({"beat", "happens", "on stage", "place", "change"})
_CANDIDATES = 16
# A beat that shares this much with an earlier one, whoever it is about, is the same beat. The draws after the first are hotter.
_SAME = 0.8
_DRAWS = (0.7, 0.85, 1.0)
_OTHER_SEED = 104_729
_PEOPLE = re.compile(r"<(?:she|he|they|role)\d>")
_PLACES_AND_THINGS = re.compile(r"<(?:place|item|site|beast|note)\d>")
_CHANGES: dict[Purpose, str] = {
    "setup": "we know who {0} is and what is missing",
    "inciting": "{0} can no longer let things be",
    "rising": "{0} is deeper in than before",
    "twist": "what {0} believed turns out to be different",
    "setback": "{0} has lost ground",
    "crisis": "{0} must choose",
    "climax": "the matter is decided",
    "falling": "the price and the gain are seen",
    "resolution": "{0} lives with the outcome",
}
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


class Planned(BaseModel):
    """One step that the arc asks for."""

    model_config = ConfigDict(frozen=True)

    label: str
    purpose: Purpose
    tension: float
    paragraphs: int


class BeatProposal(BaseModel):
    """One beat as a large model writes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    happens: str = Field(min_length=3, max_length=500)
    on_stage: tuple[str, ...] = ()
    place: str = ""
    change: str = Field("", max_length=500)


class OutlineProposal(BaseModel):
    """Beats in their order, fewer than asked for where the model had no room for all."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    beats: tuple[BeatProposal, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, value: Any) -> Any:
        return {"beats": value} if isinstance(value, list) else value


def plan_outline(
    engine: Engine, premise: Premise, arc: str, steps: Sequence[Planned], seed: int, on_beat: OnBeat | None = None
) -> Outline:
    """Write an outline with one beat a step. Raises ``BadOutput`` when a large model's answer does not validate."""
    beats = (_beat_by_beat if engine.style == "slots" else _in_one_go)(engine, premise, steps, seed, on_beat)
    return Outline(arc=arc, beats=tuple(beats))


def stage_of(named: Sequence[Entity], premise: Premise, place: str | None) -> tuple[tuple[str, ...], str]:
    """Who and what is on stage when a beat names ``named``: they, the protagonist where nobody is named, and a place."""
    named = tuple(dict.fromkeys(named))
    people = [e.id for e in named if e.kind is EntityKind.CHARACTER] or [premise.cast[0].id]
    things = [e.id for e in named if e.kind not in {EntityKind.CHARACTER, EntityKind.PLACE}]
    places = [e.id for e in named if e.kind is EntityKind.PLACE]
    where = places[0] if places else place or premise.setting[0].id
    return (*people, *places, *([] if places else [where]), *things), where


def _beat_by_beat(
    engine: Engine, premise: Premise, steps: Sequence[Planned], seed: int, on_beat: OnBeat | None
) -> list[Beat]:
    naming = Naming(premise.entities)
    logline = fitted(naming.slotted(premise.logline).rstrip(".!? ") + ".", engine.count_tokens, LOGLINE_TOKENS)
    cast, tone = cast_lines(premise), fitted(premise.tone, engine.count_tokens, TONE_TOKENS)
    props = [e.slot for e in (*premise.setting, *premise.things)]
    missing = [e.slot for e in (*premise.cast, *premise.things, *premise.setting) if e.given or e is premise.cast[0]]
    done: list[str] = []
    beats: list[Beat] = []
    place: str | None = None
    for number, step in enumerate(steps, 1):
        kept = done if len(done) <= 7 else [done[0], *done[-6:]]
        _, text = render(
            "outline/beat", "slots", genre=known_genre(premise.genre), tone=tone, theme=premise.theme,
            cast=cast, stage=props, logline=logline, done=kept, purpose=step.purpose, number=number, total=len(steps),
        )  # fmt: skip
        request = Request(
            prompt=Prompt(text=text), sampling=_BEAT, n=_CANDIDATES, seed=seed + number,
            ban=naming.banned(premise.entities),
        )  # fmt: skip
        happens = _drawn(engine, request, premise, done, missing, number / len(steps))
        if not happens:
            happens = _PLAINLY[step.purpose].format(premise.cast[0].slot)
            if _told(happens, done):  # the purpose has its beat; the paragraphs of this one go to its neighbour
                beats[-1] = beats[-1].model_copy(update={"paragraphs": beats[-1].paragraphs + step.paragraphs})
                continue
        done.append(happens)
        missing = [slot for slot in missing if slot not in happens]
        on_stage, place = stage_of(naming.named(happens), premise, place)
        beat = _beat(step, naming.fill(happens), on_stage, place, _CHANGES[step.purpose].format(premise.cast[0].name))
        beats.append(beat)
        if on_beat:
            on_beat(beat)
    return beats


def _drawn(
    engine: Engine, request: Request, premise: Premise, done: Sequence[str], missing: Sequence[str], part: float
) -> str:
    """The best candidate that tells something new, in slots; drawn anew where there is none, and empty in the end."""
    for again, temperature in enumerate(_DRAWS):
        sampling = request.sampling.model_copy(update={"temperature": temperature})
        asked = request.model_copy(update={"sampling": sampling, "seed": (request.seed + again * _OTHER_SEED) % 2**32})
        happens, best = "", float("-inf")
        for completion in engine.complete(asked):
            candidate = next(iter(sentences(completion.text.strip())), "")
            if not candidate or _told(candidate, done):
                continue
            score = 1.5 * (completion.logprob or 0.0) / max(completion.tokens, 1) - (completion.finish == "length")
            score += _fit(candidate, done, missing, part)
            score -= len(strange_words(clean(candidate), [premise.logline]))
            if score > best:
                best, happens = score, candidate
        if happens:
            return happens
    return ""


def _told(candidate: str, done: Sequence[str]) -> bool:
    """Whether a beat that was told says the same, of these people, places and things or of others."""
    return any(alike(_nameless(candidate), _nameless(old)) >= _SAME for old in done)


def _nameless(beat: str) -> str:
    return _PLACES_AND_THINGS.sub("something", _PEOPLE.sub("somebody", beat))


def _beat(step: Planned, happens: str, on_stage: tuple[str, ...], place: str, change: str) -> Beat:
    return Beat(
        purpose=step.purpose, label=step.label, happens=_line(happens), on_stage=on_stage, place=place,
        change=_line(change), paragraphs=step.paragraphs, tension=step.tension,
    )  # fmt: skip


def _line(text: str) -> str:
    """``text`` as long as a beat can hold, cut after a word: names are written in, and a person's may be long."""
    if len(text) <= MAX_LINE:
        return text
    return (text[: MAX_LINE + 1].rpartition(" ")[0] or text)[:MAX_LINE]


def _fit(candidate: str, done: Sequence[str], missing: Sequence[str], part: float) -> float:
    """How well a beat goes with those before it: new, bringing in what the premise names, nothing named twice."""
    words = stems(clean(candidate))
    overlap = max((len(words & old) / max(len(words | old), 1) for old in (stems(clean(d)) for d in done)), default=0.0)
    brought = sum(slot in candidate for slot in missing)
    urgency = 0.3 + 0.7 * part
    things = _PLACES_AND_THINGS.findall(candidate)
    twice = len(things) - len(set(things))  # nobody unlocks a door with that door
    return min(brought, 2) * urgency - 3.0 * max(0.0, overlap - 0.25) - twice


def outline_schema(premise: Premise, count: int) -> dict[str, Any]:
    """The JSON schema of an outline of ``count`` beats, in which only the story's own people and places may stand."""
    people = [e.name for e in (*premise.cast, *premise.things)]
    beat = {
        "type": "object",
        "properties": {
            "happens": {"type": "string", "minLength": 3, "maxLength": 300},
            "on_stage": {"type": "array", "items": {"enum": people}, "maxItems": 6},
            "place": {"enum": [e.name for e in premise.setting]},
            "change": {"type": "string", "maxLength": 160},
        },
        "required": ["happens", "on_stage", "place", "change"],
        "additionalProperties": False,
    }
    listed = {"type": "array", "items": beat, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {"beats": listed}, "required": ["beats"], "additionalProperties": False}


def _in_one_go(
    engine: Engine, premise: Premise, steps: Sequence[Planned], seed: int, on_beat: OnBeat | None
) -> list[Beat]:
    by_name = {e.name.lower(): e for e in premise.entities}
    beats: list[Beat] = []
    place: str | None = None
    while len(beats) < len(steps):  # every answer brings one beat at least
        for proposal in _next_beats(engine, premise, steps, beats, seed):
            names = (*proposal.on_stage, proposal.place)
            named = [by_name[name.lower()] for name in names if name.lower() in by_name]
            on_stage, place = stage_of(named, premise, place)
            beats.append(_beat(steps[len(beats)], proposal.happens, on_stage, place, proposal.change))
    if on_beat:  # only now is it sure that they stay
        for beat in beats:
            on_beat(beat)
    return beats


def _next_beats(
    engine: Engine, premise: Premise, steps: Sequence[Planned], beats: Sequence[Beat], seed: int
) -> tuple[BeatProposal, ...]:
    """The beats that follow ``beats``: all that are left, unless they are too many or the answer was cut off."""
    count = min(len(steps) - len(beats), _BEATS_AT_ONCE)
    first = max(len(beats) - _BEATS_SHOWN, 0)

    def prompt(in_lines: bool = False) -> Prompt:
        system, text = render(
            "outline/whole", "plain", premise=premise, steps=steps, told=beats[first:], first=first + 1,
            begin=len(beats) + 1, end=len(beats) + count, in_lines=in_lines,
        )  # fmt: skip
        return Prompt(system=system, text=text)

    request = Request(
        prompt=prompt(), sampling=Sampling(temperature=_TEMPERATURE, max_tokens=200 + _BEAT_TOKENS * count),
        seed=seed + len(beats), json_schema=outline_schema(premise, count),
    )  # fmt: skip
    lines = Lines(prompt(in_lines=True), _LINE_KEYS, beats_of)
    return ask(engine, request, OutlineProposal, "outline", lines).beats[:count]


def beats_of(pairs: Pairs) -> dict[str, Any]:
    """What ``OutlineProposal`` validates, from numbered lines, each with its ``on stage``, ``place`` and ``change``."""
    beats: list[dict[str, Any]] = []
    titled = False  # whether the newest beat has a heading, which need not be what happens
    for key, value in pairs:
        if key in {"#", "beat"}:
            beats.append({"happens": value})
            titled = True
        elif key == "happens":
            if titled:
                beats[-1]["happens"] = value
            else:
                beats.append({"happens": value})
            titled = False
        elif key and beats:
            titled = False
            beats[-1][key.replace(" ", "_")] = _names(value) if key == "on stage" else value
    return {"beats": beats}


def _names(value: str) -> list[str]:
    separator = ";" if ";" in value else ","
    return [name.strip(" .") for name in value.split(separator) if name.strip(" .")]
