"""The outline agent: beats that follow the arc, bring in the premise and repeat nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_samples import CLOCK, HARBOUR, MARA, MILL, PREMISE, TOBIAS, Recorder, SlotsRecorder
from jsonschema import Draft202012Validator, ValidationError

from agents.engines.base import Completion, OnText, Request
from agents.outline import _CANDIDATES, Planned, outline_schema, plan_outline, stage_of
from planner.state import MAX_LINE, Beat, Outline
from prompts.errors import BadOutput
from prompts.slots import slot_tokens

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


def test_the_small_model_is_asked_beat_by_beat_in_slots() -> None:
    lines = {
        10: "<she1> misses <item1> in <place1>.",
        11: "<he2> hides by a river.",
        12: "<she1> and <he2> make peace.",
    }
    engine = SlotsRecorder(lambda request, index: lines[request.seed])
    seen: list[Beat] = []
    outline = planned(engine, on_beat=seen.append)
    assert [beat.happens for beat in outline.beats] == [
        "Mara misses the clock in the mill.", "Tobias hides by a river.", "Mara and Tobias make peace.",
    ]  # fmt: skip
    assert [beat.on_stage for beat in outline.beats] == [("c1", "p1", "t1"), ("c2", "p1"), ("c1", "c2", "p1")]
    assert outline.beats[0].change == "we know who Mara is and what is missing"
    assert list(outline.beats) == seen
    assert engine.requests[0].prompt.text == (
        "<|plan|><|tags|>mystery, wry<|cast|><she1> the <role1>, stubborn and afraid of; <he2> the <role2>, proud"
        "<|stage|><place1> <place2> <item1><|logline|><she1>, a <role1>, must find <item1> before <he2> sells it."
        "<|done|><|beat|>setup 1/3:"
    )
    assert engine.requests[2].prompt.text.endswith(
        "<|done|><she1> misses <item1> in <place1>. <he2> hides by a river.<|beat|>resolution 3/3:"
    )


def test_only_the_premises_own_may_be_drawn() -> None:
    engine = SlotsRecorder(lambda request, index: f"<she1> waits {request.seed}.")
    planned(engine)
    own = {e.slot for e in PREMISE.entities} | {"<role1>", "<role2>"}
    for request in engine.requests:
        assert set(slot_tokens()) - set(request.ban) == own


def test_a_beat_that_brings_in_what_the_premise_names_is_chosen() -> None:
    def script(request: Request, index: int) -> str:
        return "<she1> follows <item1> to <place1>." if index == 5 else f"<he2> counts {index} birds {request.seed}."

    outline = planned(SlotsRecorder(script))
    assert outline.beats[0].happens == "Mara follows the clock to the mill."
    assert outline.beats[1].happens.startswith("Tobias counts 0")


def test_a_beat_that_was_told_is_not_told_again() -> None:
    def script(request: Request, index: int) -> str:
        return "<she1> opens a heavy door." if index < 7 else f"<he2> burns letters number{request.seed}."

    outline = planned(SlotsRecorder(script))
    assert [beat.happens for beat in outline.beats][:2] == [
        "Mara opens a heavy door.",
        "Tobias burns letters number11.",
    ]


def test_a_cut_off_beat_is_the_last_choice_and_loses_its_unfinished_sentence() -> None:
    candidates = ["<she1> sleeps. Then <she1> wakes and", *["<she1> sings."] * (_CANDIDATES - 1)]
    step = STEPS[:1]
    assert planned(SlotsRecorder(candidates, cut=[0]), step).beats[0].happens == "Mara sings."
    assert (
        planned(SlotsRecorder(candidates[:1] * _CANDIDATES, cut=range(_CANDIDATES)), step).beats[0].happens
        == "Mara sleeps."
    )


def test_a_model_that_says_nothing_still_gives_a_beat() -> None:
    beats = planned(SlotsRecorder(lambda *_: " ")).beats
    assert [beat.happens for beat in beats] == [
        "Mara lives with what is missing.", "Mara goes on, and it gets harder.",
        "Mara begins a life in which this has happened.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "again",
    [
        "<she1> opens the heavy door to <place1>.", "<he2> opens the heavy door to <place2>!",
        "<she1> opens the heavy old door to <place1>.",
    ],
)  # fmt: skip
def test_the_same_beat_is_not_taken_twice_however_likely_it_is(again: str) -> None:
    def script(request: Request, index: int) -> str:
        if request.seed == 10:
            return "<she1> opens the heavy door to <place1>."
        return (
            again
            if index
            else f"<he2> tells nobody about letters, storms, debts and year {request.seed} of a long war."
        )

    beats = planned(SlotsRecorder(script), STEPS[:2]).beats
    assert beats[1].happens.startswith("Tobias tells nobody")


def test_a_thing_does_nothing_to_itself() -> None:
    lines = ["<she1> unlocks <item1> with <item1>.", *["<she1> unlocks <item1> with a borrowed key."] * 15]
    assert planned(SlotsRecorder(lines), STEPS[:1]).beats[0].happens == "Mara unlocks the clock with a borrowed key."


def test_a_model_that_repeats_itself_is_asked_again_with_other_seeds_and_more_heat() -> None:
    def script(request: Request, index: int) -> str:
        return "<he2> burns every letter." if request.seed > 100_000 else "<she1> opens a heavy door."

    engine = SlotsRecorder(script)
    outline = planned(engine, STEPS[:2])
    assert [beat.happens for beat in outline.beats] == ["Mara opens a heavy door.", "Tobias burns every letter."]
    _, second, third = engine.requests
    assert second.seed != third.seed
    assert second.sampling.temperature < third.sampling.temperature
    assert outline == planned(SlotsRecorder(script), STEPS[:2])


def test_where_the_model_has_nothing_new_every_purpose_keeps_a_beat_and_no_paragraph_is_lost() -> None:
    rising = STEPS[1]
    steps = (STEPS[0], rising, rising, rising, STEPS[2])
    seen: list[Beat] = []
    outline = planned(SlotsRecorder(lambda *_: "<she1> opens a heavy door."), steps, seen.append)
    assert [(beat.purpose, beat.paragraphs) for beat in outline.beats] == [
        ("setup", 2),
        ("rising", 9),
        ("resolution", 1),
    ]
    assert len({beat.happens for beat in outline.beats}) == len(seen) == 3


@pytest.mark.parametrize("name", ["Maximilian " * 30 + "Orth", "x" * 460, "Jo " * 150])
def test_a_beat_is_cut_after_a_word_when_long_names_are_written_in(name: str) -> None:
    mara = MARA.model_copy(update={"name": name.strip()})
    premise = PREMISE.model_copy(update={"cast": (mara, TOBIAS)})
    engine = SlotsRecorder(lambda *_: "<she1> tells <he2> where <item1> is, and <she1> follows <he2> to <place1>.")
    (beat,) = plan_outline(engine, premise, "three-act", STEPS[:1], 9).beats
    whole = f"{mara.name} tells Tobias where the clock is, and {mara.name} follows Tobias to the mill."
    assert len(beat.happens) <= MAX_LINE
    assert len(beat.change) <= MAX_LINE
    assert f"{whole} ".lower().startswith(f"{beat.happens} ".lower())


def test_a_name_longer_than_a_beat_is_cut_in_itself() -> None:
    mara = MARA.model_copy(update={"name": "x" * MAX_LINE})
    premise = PREMISE.model_copy(update={"cast": (mara, TOBIAS)})
    (beat,) = plan_outline(SlotsRecorder(lambda *_: "<she1>y sings."), premise, "three-act", STEPS[:1], 9).beats
    assert beat.happens.lower() == "x" * MAX_LINE


def test_a_long_arc_keeps_the_prompt_bounded() -> None:
    engine = SlotsRecorder(lambda request, index: f"<she1> finds sign number{request.seed}.")
    planned(engine, (STEPS[0],) * 40)
    sizes = [len(request.prompt.text.split()) for request in engine.requests]
    assert sizes[-1] == sizes[8] == max(sizes)
    told = engine.requests[-1].prompt.text.partition("<|done|>")[2]
    assert "number10." in told
    assert "number48." in told
    assert "number30." not in told


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
