"""The outline agent: from a premise and an arc to beats that say what happens, to whom, where, and what must change.

The small model is asked beat by beat (agents/beats.py). A large model writes the whole outline as one JSON object, or as much
of it as there is room for, and then the rest. Invariant: every step of the arc has a beat, or a part of the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.beats import by_beam
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.steps import OnBeat, Planned, beat_of, stage_of
from agents.structured import Lines, Pairs, ask
from planner.state import Beat, Outline, Premise
from prompts.load import render

_TEMPERATURE = 0.8
# Room for a beat as long as the schema lets it be. A server has a few thousand tokens for prompt and answer together.
_BEAT_TOKENS, _MOST_TOKENS = 170, 3_400
_BEATS_AT_ONCE = _MOST_TOKENS // _BEAT_TOKENS
_BEATS_SHOWN = 12
_LINE_KEYS = frozenset({"beat", "happens", "on stage", "place", "change"})


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
    beats = (by_beam if engine.style == "slots" else _in_one_go)(engine, premise, steps, seed, on_beat)
    return Outline(arc=arc, beats=tuple(beats))


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
            beats.append(beat_of(steps[len(beats)], proposal.happens, on_stage, place, proposal.change))
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
