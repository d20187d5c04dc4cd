"""The generator: what its prompt holds, which candidate it keeps, and that its cost has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from agent_samples import BEATS, CLOCK, MARA, MILL, OUTLINE, PREMISE, Recorder, SlotsRecorder
from pydantic import ValidationError

from agents.engines.base import Completion, OnText, Request
from agents.generator import GeneratorSettings, Task, Written, task_for, write
from planner.state import ArcPosition, Finding, PointOfView, Severity
from prompts.errors import EngineError
from prompts.slots import slot_tokens

FIRST = ArcPosition(beat=0, paragraph_in_beat=1, paragraph=1, tension=0.2)
LAST = ArcPosition(beat=1, paragraph_in_beat=0, paragraph=2, tension=0.9)
LONG = "Mara went to the mill with Tobias to look for the clock, and nobody had seen it. " * 400
GOOD = (
    "Mara looked for the clock in the mill, behind every door and under every sack of flour, but she only missed it more and "
    "more as the evening came."
)


def clean(_: str) -> Sequence[Finding]:
    return ()


def task(position: ArcPosition = FIRST, **rest: Any) -> Task:
    return task_for(PREMISE, OUTLINE, position, **rest)


def written(
    engine: Recorder, asked: Task, n: int = 1, check: Any = clean, on_text: OnText | None = None, seed: int = 5
) -> Written:
    return write(engine, asked, GeneratorSettings(n=n), seed, check, on_text)


def prompts(asked: Task) -> tuple[Request, Request]:
    """The requests in plain and in slots style."""
    plain, slots = Recorder([GOOD]), SlotsRecorder([GOOD])
    written(plain, asked)
    written(slots, asked)
    return plain.requests[0], slots.requests[0]


def test_the_plain_prompt_holds_what_the_paragraph_needs() -> None:
    plain, _ = prompts(
        task(
            summary="Mara owns a mill.", last="It rained all night.", facts=("Mara is at the mill",), objections=("Two clocks",)
        )
    )  # fmt: skip
    system, text = plain.prompt.system, plain.prompt.text
    for part in (
        "The Clock",
        "mystery",
        "wry",
        PREMISE.logline,
        "Mara (she): baker",
        "the harbour",
        "past",
        "Never use: blood",
    ):
        assert part in system
    for part in (
        "Story so far: Mara owns a mill.", "True now: Mara is at the mill", "Last paragraph: It rained all night.",
        "setup (beat 1 of 2, paragraph 2 of 2, tension 0.2): Mara misses the clock.", "By its end: the clock is gone",
        "On stage: Mara, the mill, the clock. Nobody else acts.", "An earlier draft was wrong: Two clocks",
    ):  # fmt: skip
        assert part in text
    assert "bring the story to its end" not in text


def test_the_slots_prompt_holds_the_same_in_slots() -> None:
    _, slots = prompts(task(summary="Mara owns the mill.", last="Tobias, an engineer, sang."))
    assert slots.prompt.system == ""
    assert slots.prompt.text == (
        "<|write|><|tags|>mystery, wry, third person, past"
        "<|cast|><she1> the <role1>, stubborn and afraid of; <he2> the <role2>, proud"
        "<|summary|><she1> owns <place1>.<|last|><he2>, an <role2>, sang."
        "<|beat|>setup 1/2 part 2/2: <she1> misses <item1>.<|stage|><she1> <place1> <item1><|text|>"
    )


def test_the_first_and_the_last_paragraph_say_so() -> None:
    assert "Story so far: (it begins here)" in prompts(task())[0].prompt.text
    assert "Last paragraph: (none yet)" in prompts(task())[0].prompt.text
    plain, slots = prompts(task(LAST))
    assert "bring the story to its end" in plain.prompt.text
    assert "<|beat|>climax 2/2: <she1> follows <he2> to <place2>." in slots.prompt.text


def test_what_never_changes_in_a_story_stands_in_the_system_message() -> None:
    one, _ = prompts(task(summary="One.", last="Two."))
    other, _ = prompts(task(LAST, summary="Three.", last="Four.", objections=("Wrong.",)))
    assert one.prompt.system == other.prompt.system
    assert one.prompt.text != other.prompt.text


def test_a_task_takes_no_whole_story() -> None:
    with pytest.raises(ValidationError, match="story"):
        task(story="Everything that was ever written.")


def test_the_small_models_prompt_has_a_bound_whatever_was_typed() -> None:
    long_beat = BEATS[0].model_copy(update={"happens": "Mara misses the clock again. " * 17})
    premise = PREMISE.model_copy(update={"cast": (MARA.model_copy(update={"traits": ("very " * 99,)}),)})
    outline = OUTLINE.model_copy(update={"beats": (long_beat, BEATS[1])})
    engine = SlotsRecorder([GOOD])
    written(engine, task_for(premise, outline, FIRST, summary=LONG + "End of summary.", last=LONG + "End of last."))
    text = engine.requests[0].prompt.text
    assert len(text.split()) < 96 + 120 + 44 + 30
    assert "End of summary.<|last|>" in text
    assert "End of last.<|beat|>" in text


def test_only_who_is_on_stage_may_be_drawn_by_the_small_model() -> None:
    plain, slots = prompts(task())
    assert plain.ban == ()
    assert set(slot_tokens()) - set(slots.ban) == {"<she1>", "<role1>", "<place1>", "<item1>"}


def test_first_person_is_told_and_the_teller_is_not_missed() -> None:
    told = PREMISE.model_copy(update={"point_of_view": PointOfView.FIRST})
    plain = Recorder([GOOD.replace("Mara", "I")])
    kept = written(plain, task_for(told, OUTLINE, FIRST.model_copy(update={"paragraph_in_beat": 0})))
    assert 'Mara tells the story as "I".' in plain.requests[0].prompt.system
    assert kept.scores[0].names == 1.0


def test_a_beat_may_name_on_stage_somebody_who_is_gone() -> None:
    beat = BEATS[0].model_copy(update={"on_stage": ("c1", "c9")})
    outline = OUTLINE.model_copy(update={"beats": (beat,)})
    assert [e.id for e in task_for(PREMISE, outline, FIRST).on_stage] == ["c1"]


@pytest.mark.parametrize("kind", [Recorder, SlotsRecorder])
def test_the_best_of_the_candidates_is_kept(kind: type[Recorder]) -> None:
    candidates = ["Too short.", GOOD.replace("the clock", "a hat"), GOOD, GOOD.replace("Mara", "She")]
    kept = written(kind(candidates), task(FIRST.model_copy(update={"paragraph_in_beat": 0})), n=4)
    assert (kept.chosen, kept.text) == (2, GOOD)
    assert len(kept.scores) == 4
    assert kept.scores[2].total == max(score.total for score in kept.scores)


@pytest.mark.parametrize("kind", [Recorder, SlotsRecorder])
@pytest.mark.parametrize("nothing", ["", " \n ", "<he4>"])
def test_a_model_that_answers_with_nothing_is_asked_again_with_another_seed(kind: type[Recorder], nothing: str) -> None:
    engine = kind(lambda request, index: nothing if request.seed < 7 else GOOD)
    assert written(engine, task(), n=2).text == GOOD
    assert [request.seed for request in engine.requests] == [5, 6, 7]


@pytest.mark.parametrize("kind", [Recorder, SlotsRecorder])
def test_a_model_that_never_answers_is_an_error_and_no_paragraph(kind: type[Recorder]) -> None:
    engine = kind(lambda *_: " ")
    with pytest.raises(EngineError, match="answered 3 times with nothing; write with another model or seed"):
        written(engine, task(), n=2)
    assert len(engine.requests) == 3


def test_an_empty_candidate_is_never_kept() -> None:
    def check(text: str) -> Sequence[Finding]:
        return [Finding(rule="r", severity=Severity.ERROR, message="m")] * (9 if text else 0)

    kept = written(Recorder([" ", GOOD]), task(), n=2, check=check)
    assert (kept.chosen, kept.text) == (1, GOOD)
    assert kept.scores[0].total > kept.scores[1].total


def test_of_equals_the_earlier_is_kept() -> None:
    assert written(Recorder([GOOD, GOOD]), task(), n=2).chosen == 0


def test_a_finding_against_a_candidate_counts() -> None:
    def check(text: str) -> Sequence[Finding]:
        return [Finding(rule="r", severity=Severity.ERROR, message="m")] if "flour" in text else ()

    kept = written(Recorder([GOOD, GOOD.replace("flour", "grain")]), task(), n=2, check=check)
    assert kept.chosen == 1


def test_what_was_said_before_is_not_said_again() -> None:
    other = "Mara asked for the clock at the mill and heard from all the workers that a stranger had carried it off."
    assert written(Recorder([GOOD, other]), task(last=GOOD), n=2).chosen == 1
    assert written(Recorder([GOOD, other]), task(summary=GOOD), n=2).chosen == 1


def test_a_cut_off_candidate_loses_its_unfinished_sentence() -> None:
    long = f"{GOOD} {GOOD.replace('Mara', 'Tobias')}"
    kept = written(Recorder([f'{long} "Where is it? I want'], cut=[0]), task())
    assert kept.text == f'{long} "Where is it?"'
    assert kept.scores[0].form == 1.0


def test_a_paragraph_is_one_line_with_names_filled_in() -> None:
    engine = SlotsRecorder(["<she1> looked for\n\n <item1>.  A <role2> <he4> came.\n"])
    assert written(engine, task()).text == "Mara looked for the clock. An engineer came."


def test_the_request_carries_the_settings_over_what_suits_the_engine() -> None:
    engine = Recorder(lambda *_: GOOD)
    settings = GeneratorSettings(n=3, sampling={"temperature": 0.1, "max_tokens": 50})
    write(engine, task(), settings, 77, clean)
    (request,) = engine.requests
    _, usual = GeneratorSettings().resolved("plain")
    assert (request.n, request.seed) == (3, 77)
    assert request.sampling == usual.model_copy(update={"temperature": 0.1, "max_tokens": 50})


def test_a_small_model_draws_more_candidates_than_a_large_one_and_fits_its_context() -> None:
    plain, slots = Recorder(lambda *_: GOOD), SlotsRecorder(lambda *_: GOOD)
    written(plain, task(), n=0)
    written(slots, task(), n=0)
    assert 1 <= plain.requests[0].n < slots.requests[0].n
    assert slots.requests[0].sampling.max_tokens <= 168


@pytest.mark.parametrize("name", ["server", "offline"])
def test_an_engine_that_counts_the_prompt_gets_no_repetition_penalty_but_a_persons_own(name: str) -> None:
    here, away = SlotsRecorder(lambda *_: GOOD), SlotsRecorder(lambda *_: GOOD)
    away.name = name
    written(here, task())
    written(away, task())
    write(away, task(), GeneratorSettings(sampling={"repetition_penalty": 1.2}), 7, clean)
    penalties = [request.sampling.repetition_penalty for request in (*here.requests, *away.requests)]
    assert penalties == [1.05, 1.0, 1.2]


def test_an_i_in_a_third_person_narration_loses() -> None:
    other = GOOD.replace("she only missed", "I only missed")
    assert written(Recorder([other, GOOD]), task(), n=2).chosen == 1
    told = PREMISE.model_copy(update={"point_of_view": PointOfView.FIRST})
    assert written(Recorder([other, GOOD]), task_for(told, OUTLINE, FIRST), n=2).scores[0].form == 0.0


class Dripping(SlotsRecorder):
    """Gives its text letter by letter, so that every slot comes in pieces."""

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        completions = super().complete(request)
        for letter in completions[0].text if on_text else "":
            on_text(letter)
        return completions


@pytest.mark.parametrize(
    "text",
    [
        "<she1> sees <place1>, and <he2> sees <item1>.",
        "An <role1> and a <role2> met a <role1>. A <role2> left.",
        "<he4> <she1> , she said.",
        "Is 3 < 4? Yes.",
    ],
)
def test_the_stream_shows_names_and_never_a_slot(text: str) -> None:
    shown: list[str] = []
    kept = written(Dripping([text]), task(), on_text=shown.append)
    assert "".join(shown) == kept.text
    assert all("<she" not in piece and "<he" not in piece for piece in shown)


def test_the_sample_stands_where_the_beat_says() -> None:
    assert task().on_stage == (MARA, MILL, CLOCK)
