"""The outline agent: beats that follow the arc, bring in the premise and repeat nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_samples import CLOCK, HARBOUR, MARA, MILL, PREMISE, TOBIAS, Recorder
from jsonschema import Draft202012Validator, ValidationError

from agents.engines.base import Completion, OnText, Request
from agents.outline import outline_schema, plan_outline
from agents.steps import Planned, stage_of
from planner.state import Beat, Outline
from prompts.errors import BadOutput

STEPS = (
    Planned(label="Loss", purpose="setup", tension=0.1, paragraphs=2),
    Planned(label="Search", purpose="rising", tension=0.5, paragraphs=3),
    Planned(label="End", purpose="resolution", tension=0.2, paragraphs=1),
)
WRITTEN: list[dict[str, Any]] = [
    {
        "happens": "Mara loses the clock.",
        "on_stage": ["Mara", "the clock"],
        "place": "the mill",
        "change": "it is gone",
    },
    {"happens": "Tobias runs.", "on_stage": ["tobias", "Zed"], "place": "nowhere", "change": ""},
    {"happens": "All is well.", "on_stage": [], "place": "the harbour", "change": "peace"},
]


def planned(engine: Recorder, steps: tuple[Planned, ...] = STEPS, on_beat: Any = None) -> Outline:
    return plan_outline(engine, PREMISE, "three-act", steps, 9, on_beat)


class CutAtFirst(Recorder):
    """Runs out of tokens in its first answer."""

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        self.cut = range(1) if not self.requests else ()
        return super().complete(request, on_text)


def as_json(beats: Any) -> str:
    return json.dumps({"beats": beats})


def test_the_plain_prompt_holds_people_places_steps_and_wishes() -> None:
    engine = Recorder([as_json(WRITTEN)])
    planned(engine)
    (request,) = engine.requests
    for part in (
        "Title: The Clock. Genre: mystery. Tone: wry.", PREMISE.logline, "- Tobias (he), engineer; proud; wants to be believed",
        "Places: the mill; the harbour", "Things: the clock", "The writer wishes: a storm at the end", "Never use: blood",
        "these 3 steps", "2. Search (rising, tension 0.5, 3 paragraphs)",
    ):  # fmt: skip
        assert part in request.prompt.text
    assert request.json_schema == outline_schema(PREMISE, 3)


def test_a_plain_outline_follows_steps_and_knows_only_the_storys_own() -> None:
    seen: list[Beat] = []
    outline = planned(Recorder([as_json(WRITTEN)]), on_beat=seen.append)
    assert outline.arc == "three-act"
    assert list(outline.beats) == seen
    assert [(b.label, b.purpose, b.paragraphs, b.tension) for b in seen] == [
        ("Loss", "setup", 2, 0.1), ("Search", "rising", 3, 0.5), ("End", "resolution", 1, 0.2),
    ]  # fmt: skip
    assert [(b.on_stage, b.place) for b in seen] == [
        (("c1", "p1", "t1"), "p1"), (("c2", "p1"), "p1"), (("c1", "p2"), "p2"),
    ]  # fmt: skip
    assert [b.change for b in seen] == ["it is gone", "", "peace"]


def test_a_model_that_repeats_names_or_writes_too_many_beats_does_no_harm() -> None:
    beats = [WRITTEN[0] | {"on_stage": ["Mara"] * 30}] * 5
    outline = planned(Recorder([as_json(beats)]))
    assert [beat.on_stage for beat in outline.beats] == [("c1", "p1")] * 3


@pytest.mark.parametrize(
    "raw",
    [
        "no", "[]", "{}", '{"beats": 3}', '{"beats": {"happens": "x"}}', as_json([{"happens": ""}] * 3),
        as_json([{"happens": "x" * 501}] * 3), as_json([]),
    ],
)  # fmt: skip
def test_an_outline_that_is_not_as_asked_is_kept_in_the_error(raw: str) -> None:
    seen: list[Beat] = []
    with pytest.raises(BadOutput, match="outline is not the JSON") as raised:
        planned(Recorder([raw, raw]), on_beat=seen.append)
    assert raised.value.raw == raw
    assert seen == []


@pytest.mark.parametrize(
    "raw",
    [
        as_json(WRITTEN)[:-2], json.dumps(WRITTEN), f"Here it is:\n```json\n{as_json(WRITTEN)}\n```\nEnjoy!",
        as_json(WRITTEN).replace("}, {", "},\n// the next\n{").replace("]}", "],}"),
    ],
)  # fmt: skip
def test_an_outline_in_another_wrapping_is_read(raw: str) -> None:
    assert planned(Recorder([raw])) == planned(Recorder([as_json(WRITTEN)]))


@pytest.mark.parametrize(
    "raw",
    [
        "1. Mara loses the clock.\nOn stage: Mara; the clock\nPlace: the mill\nChange: it is gone\n\n2. Tobias runs.\n3. All "
        "is well.\nPlace: the harbour\nChange: peace",
        "Here are the beats.\n**Beat 1: Loss**\n- Happens: Mara loses the clock.\n- On stage: Mara, the clock\n- Place: the mill"
        "\n- Change: it is gone\n**Beat 2**\nHappens: Tobias runs.\nBeat 3: All is well.\nplace: the harbour\nchange: peace",
    ],
)
def test_an_outline_in_lines_is_read(raw: str) -> None:
    outline = planned(Recorder([raw]))
    assert [(b.happens, b.change) for b in outline.beats] == [
        ("Mara loses the clock.", "it is gone"), ("Tobias runs.", ""), ("All is well.", "peace"),
    ]  # fmt: skip
    assert outline.beats[0].on_stage == ("c1", "p1", "t1")
    assert outline.beats[2].place == "p2"


def test_what_a_short_outline_lacks_is_asked_for() -> None:
    engine = Recorder([as_json(WRITTEN[:2]), as_json(WRITTEN[2:])])
    assert planned(engine) == planned(Recorder([as_json(WRITTEN)]))
    rest = engine.requests[1]
    assert rest.json_schema == outline_schema(PREMISE, 1)
    assert "2. Tobias runs." in rest.prompt.text
    assert "only the beats of the steps 3 to 3" in rest.prompt.text


FORTY = [WRITTEN[0] | {"happens": f"Mara counts to {number}."} for number in range(1, 41)]


def test_a_large_outline_that_is_cut_off_is_gone_on_with() -> None:
    cut = as_json(FORTY[:20])[:-150]
    left = [*FORTY[18:38], *FORTY[38:]]
    engine = CutAtFirst([cut, as_json(left[:20]), as_json(left[20:])])
    outline = planned(engine, (STEPS[0],) * 40)
    assert [beat.happens for beat in outline.beats] == [beat["happens"] for beat in FORTY]
    assert "only the first 20 of them" in engine.requests[0].prompt.text
    assert "only the beats of the steps 19 to 38" in engine.requests[1].prompt.text


def test_half_a_beat_at_the_cut_is_no_beat() -> None:
    cut = as_json(WRITTEN)[: as_json(WRITTEN).index("All is") + 4]
    engine = CutAtFirst([cut, as_json(WRITTEN[2:])])
    assert planned(engine).beats[2].happens == "All is well."


def test_room_grows_with_the_beats_and_has_a_bound() -> None:
    sizes = []
    for count in (1, 3, 10, 20, 40):
        engine = Recorder()
        planned(engine, (STEPS[0],) * count)
        sizes.append(engine.requests[0].sampling.max_tokens)
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3] == sizes[4] < 4000


def test_the_prompt_of_a_very_long_outline_is_bounded() -> None:
    engine = Recorder()
    outline = planned(engine, (STEPS[0],) * 200)
    assert len(outline.beats) == 200
    sizes = [len(request.prompt.text) for request in engine.requests]
    assert max(sizes[1:]) - min(sizes[1:]) < 200


def test_the_schema_allows_the_storys_own_and_nobody_else() -> None:
    validator = Draft202012Validator(outline_schema(PREMISE, 1))
    validator.validate({"beats": [WRITTEN[0]]})
    for wrong in ({"on_stage": ["Zed"]}, {"place": "nowhere"}, {"happens": ""}, {"more": 1}):
        with pytest.raises(ValidationError):
            validator.validate({"beats": [WRITTEN[0] | wrong]})
    with pytest.raises(ValidationError):
        validator.validate({"beats": [WRITTEN[0]] * 2})


@pytest.mark.parametrize(
    ("named", "place", "on_stage"),
    [
        ((), None, (("c1", "p1"), "p1")),
        ((), "p2", (("c1", "p2"), "p2")),
        ((HARBOUR,), "p1", (("c1", "p2"), "p2")),
        ((CLOCK, TOBIAS, HARBOUR, MILL), None, (("c2", "p2", "p1", "t1"), "p2")),
        ((MARA, MARA, CLOCK, CLOCK), "p2", (("c1", "p2", "t1"), "p2")),
    ],
)
def test_on_stage_is_who_is_named_and_always_somebody_somewhere(
    named: tuple[Any, ...], place: str | None, on_stage: object
) -> None:
    assert stage_of(named, PREMISE, place) == on_stage
