"""A paragraph that its token limit cut off: what is left is enough, or its sentence is ended by a further call."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from agent_samples import OUTLINE, PREMISE, Recorder, SlotsRecorder

from agents.continuing import MARK, joined, too_short, whole
from agents.engines.base import Completion, OnText, Request
from agents.generator import GeneratorSettings, Written, task_for, write
from planner.state import ArcPosition, Finding

BEGUN = "Mara looked for the clock behind every door of the mill, and under the flour she fou"
END = "nothing but the key that Tobias had lost a year ago."
WHOLE = f"{BEGUN.removesuffix(' fou')} found {END}"


class Cut(Recorder):
    """Answers with each of its texts in turn; those that do not end a sentence ran out of tokens."""

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        answers = super().complete(request, on_text)
        return tuple(
            answer if answer.text.endswith(".") else answer.model_copy(update={"finish": "length"})
            for answer in answers
        )


def written(engine: Recorder, n: int = 1, findings: Sequence[Finding] = ()) -> Written:
    task = task_for(PREMISE, OUTLINE, ArcPosition(beat=0, paragraph_in_beat=0, paragraph=0, tension=0.2))
    return write(engine, task, GeneratorSettings(n=n), 5, lambda text: findings)


def test_a_sentence_that_was_cut_is_ended_by_a_further_call() -> None:
    engine = Cut([BEGUN, f"found {END}"])
    kept = written(engine)
    assert kept.text == WHOLE
    assert kept.scores[0].form == 0
    first, more = engine.requests
    assert more.prompt.system == first.prompt.system  # so that a server finds it in its cache
    assert more.prompt.text.startswith(first.prompt.text)
    assert f"{MARK}\n{BEGUN.removesuffix(' fou')}\n" in more.prompt.text
    assert more.seed != first.seed
    assert (more.n, more.sampling.max_tokens) == (1, 64)
    assert more.sampling.temperature == first.sampling.temperature


def test_what_a_journal_holds_of_the_further_call_is_the_whole_paragraph_again() -> None:
    engine = Cut([BEGUN, f"found {END}"])
    written(engine)
    first, more = engine.requests
    rest = Completion(text=f"found {END}", tokens=9)
    assert [one.text for one in whole(more.prompt.text, [rest])] == [WHOLE]
    assert whole(first.prompt.text, [rest]) == [rest]


def test_a_second_call_is_made_when_the_first_one_reaches_no_end_and_no_third() -> None:
    engine = Cut([BEGUN, "found nothing but the key th", "that was lost."])
    assert written(engine).text.endswith("she found nothing but the key that was lost.")
    engine = Cut(["It rained. She went on and o", "on and on and on wi", "without an en"])
    assert written(engine).text == "It rained."
    assert len(engine.requests) == 3


def test_only_the_candidate_that_is_kept_is_gone_on_with() -> None:
    good = " ".join(["Mara missed the clock in the mill and looked for it behind every sack of flour all night."] * 2)
    engine = Cut([BEGUN, good])
    assert written(engine, n=2).text == good
    assert len(engine.requests) == 1


def test_an_end_that_makes_it_worse_is_not_taken() -> None:
    engine = Cut(
        [
            "It was late. Mara looked for the clock in the mill and under every sack of flour in vain. Then sh",
            "she. " * 90 + ".",
        ]
    )
    kept = written(engine)
    assert kept.text.endswith("of flour in vain.")
    assert kept.chosen == 0


@pytest.mark.parametrize(
    ("text", "short"),
    [("One two three. And fo", True), ("word " * 60 + "end. And fo", False), ("word " * 60, True), ("One two.", False)],
)
def test_enough_is_a_paragraph_of_whole_sentences(text: str, short: bool) -> None:
    assert too_short(text) is short


def test_the_small_model_is_not_asked_to_go_on() -> None:
    engine = SlotsRecorder(["<she1> looked for <item1>. Then sh"], cut=[0])
    assert written(engine).text == "Mara looked for the clock."
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    ("begun", "more", "text"),
    [
        ("She opened the", "door.", "She opened the door."),
        ("She opened the", "... door.", "She opened the door."),
        ("She opened the old", "the old door.", "She opened the old door."),
        ("She opened the old red door", "She opened the old red door and left.", "She opened the old red door and left."),
        ("She had", "had it.", "She had had it."),
        ("She opened", "", "She opened"),
    ],
)  # fmt: skip
def test_what_a_model_says_twice_stands_once(begun: str, more: str, text: str) -> None:
    assert joined(begun, more) == text
