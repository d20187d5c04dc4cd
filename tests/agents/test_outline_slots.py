"""The outline of the small model: beat by beat in slots, bringing in the premise, telling nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from agent_samples import MARA, PREMISE, TOBIAS, SlotsRecorder

from agents.beats import CANDIDATES as _CANDIDATES
from agents.engines.base import Request
from agents.outline import plan_outline
from agents.steps import Planned
from planner.state import MAX_LINE, Beat, Outline
from prompts.slots import slot_tokens

STEPS = (
    Planned(label="Loss", purpose="setup", tension=0.1, paragraphs=2),
    Planned(label="Search", purpose="rising", tension=0.5, paragraphs=3),
    Planned(label="End", purpose="resolution", tension=0.2, paragraphs=1),
)


def planned(engine: SlotsRecorder, steps: tuple[Planned, ...] = STEPS, on_beat: Any = None) -> Outline:
    return plan_outline(engine, PREMISE, "three-act", steps, 9, on_beat)


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
    assert outline.beats[1].happens.startswith("Tobias counts ")


def test_the_seed_decides_between_beats_that_are_as_good() -> None:
    def first(seed: int) -> str:
        engine = SlotsRecorder(lambda request, index: f"<he2> counts {index} birds by the old mill.")
        return plan_outline(engine, PREMISE, "three-act", STEPS[:1], seed, None).beats[0].happens

    assert [first(seed) for seed in range(6)] == [first(seed) for seed in range(6)]
    assert len({first(seed) for seed in range(6)}) > 2


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


def test_an_outline_whose_beats_hang_together_wins_over_a_likelier_first_beat() -> None:
    """The first beat that is likelier leads where the model has nothing sure to say; the other goes on surely."""

    def script(request: Request, index: int) -> tuple[str, float]:
        if request.seed == 10:
            return ("<he2> burns letters.", -0.1) if index % 2 else ("<she1> mends a broken sail.", -0.3)
        if "burns" in request.prompt.text:
            return f"<he2> eats cloud number{request.seed} under stairs.", -3.0
        return {11: "<she1> crosses deep water alone.", 12: "<he2> opens his door again."}[request.seed], -0.1

    engine = SlotsRecorder(lambda request, index: script(request, index)[0])
    complete = engine.complete

    def weighed(request: Request, on_text: Any = None) -> Any:
        done = complete(request, on_text)
        return [
            completion.model_copy(update={"logprob": script(request, index)[1] * completion.tokens})
            for index, completion in enumerate(done)
        ]

    engine.complete = weighed  # type: ignore[method-assign]
    beats = planned(engine).beats
    assert beats[0].happens == "Mara mends a broken sail."
    assert [beat.happens for beat in beats[1:]] == [
        "Mara crosses deep water alone.", "Tobias opens his door again.",
    ]  # fmt: skip


def test_where_the_model_is_unsure_the_beat_before_takes_the_paragraphs() -> None:
    def weighed(engine: SlotsRecorder) -> SlotsRecorder:
        complete = engine.complete

        def unsure(request: Request, on_text: Any = None) -> Any:
            nats = 4.0 if "<|beat|>rising" in request.prompt.text else 0.1
            return [done.model_copy(update={"logprob": -nats * done.tokens}) for done in complete(request, on_text)]

        engine.complete = unsure  # type: ignore[method-assign]
        return engine

    steps = tuple(step.model_copy(update={"paragraphs": 1}) for step in STEPS)
    lines = {
        10: "<she1> misses <item1> in <place1>.",
        11: "<he2> hides by a river.",
        12: "<she1> and <he2> make peace.",
    }
    seen: list[Beat] = []
    outline = planned(weighed(SlotsRecorder(lambda request, index: lines[request.seed])), steps, seen.append)
    assert [(beat.purpose, beat.paragraphs) for beat in outline.beats] == [("setup", 2), ("resolution", 1)]
    assert seen == list(outline.beats)
