"""The summarizer: what it asks, what it keeps, and that the summary never outgrows its budget."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from agent_samples import MARA, MILL, PREMISE, Recorder, SlotsRecorder
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.memory import append_summary, shorten
from agents.summarizer import update_summary
from planner.state import Summary
from prompts.slots import slot_tokens

BEFORE = Summary(sentences=("Mara is a baker.", "She lost the clock."))
PARAGRAPH = "Mara met Tobias at the mill. He said nothing."


def updated(
    engine: Recorder, summary: Summary = BEFORE, paragraph: str = PARAGRAPH, budget: int | None = None
) -> Summary:
    return update_summary(engine, PREMISE, summary, paragraph, (MARA, MILL), 3, budget, pinned=("Mara is left-handed",))


def count(text: str) -> int:
    return len(text.split())


def test_the_plain_prompt_holds_summary_paragraph_and_pinned_facts() -> None:
    engine = Recorder(["All new. All true."])
    assert updated(engine, budget=100).sentences == ("All new.", "All true.")
    (request,) = engine.requests
    assert PREMISE.logline in request.prompt.system
    for part in (
        "Summary so far: Mara is a baker. She lost the clock.", "Always keep: Mara is left-handed",
        f"New paragraph: {PARAGRAPH}", "at most 60 words",
    ):  # fmt: skip
        assert part in request.prompt.text
    assert (request.sampling.max_tokens, request.seed, request.ban) == (100, 3, ())


def test_a_plain_summary_is_cut_to_its_budget_and_keeps_its_first_sentence() -> None:
    text = "Mara is a baker. " + "".join(f"Something number {n} happened. " for n in range(50))
    kept = updated(Recorder([text]), budget=30)
    assert kept.sentences[0] == "Mara is a baker."
    assert kept.sentences[-1] == "Something number 49 happened."
    assert sum(map(count, kept.sentences)) <= 30


@pytest.mark.parametrize("nothing", ["", "  \n"])
def test_when_a_plain_model_says_nothing_the_old_summary_stays(nothing: str) -> None:
    assert updated(Recorder([nothing])) == BEFORE


def test_an_unfinished_last_sentence_is_not_remembered() -> None:
    assert updated(Recorder(["Mara is a baker. She went to"], cut=[0])).sentences == ("Mara is a baker.",)


def test_the_small_model_is_asked_in_slots_for_one_note() -> None:
    engine = SlotsRecorder(lambda *_: "<she1> met  <he2>.")
    assert updated(engine).sentences == (*BEFORE.sentences, "Mara met Tobias.")
    (request,) = engine.requests
    assert request.prompt.text == (
        "<|summarize|><|summary|><she1> is a <role1>. She lost <item1>."
        "<|text|><she1> met <he2> at <place1>. He said nothing.<|note|>"
    )
    assert set(slot_tokens()) - set(request.ban) == {"<she1>", "<role1>", "<place1>"}


def noted(*notes: str, cut: Sequence[int] = (), summary: Summary = BEFORE, paragraph: str = PARAGRAPH) -> Summary:
    """The summary after a paragraph of which the small model, asked for eight notes, gives these and none besides."""
    missing = range(len(notes), 8)
    engine = SlotsRecorder([*notes, *["<she1> and" for _ in missing]], cut=[*cut, *missing])
    return updated(engine, summary, paragraph)


def test_only_whole_notes_are_kept() -> None:
    assert noted("<she1> went and", "<she1> met <he2>.", cut=[0]).sentences[-1] == "Mara met Tobias."


def test_the_note_that_keeps_most_to_the_text_is_taken() -> None:
    assert noted("<she1> sold a horse to <he2>.", "<she1> met <he2>.").sentences[-1] == "Mara met Tobias."


@pytest.mark.parametrize(
    "note", ["<she1> sold a horse to a sailor.", "<she1> met 1.", "<she1> met }.", "<she1> flumbed <he2>."]
)
def test_where_no_note_is_true_the_paragraph_speaks_for_itself(note: str) -> None:
    assert noted(note).sentences[-1] == "Mara met Tobias at the mill."


@pytest.mark.parametrize(
    "note",
    [
        "<she1> met <he2> at <place2>.",  # nobody has been at the harbour yet
        "<she1>, the stubborn and kind <role1>, hoped to go home.",  # her card says so, no text does
    ],
)
def test_a_note_knows_what_was_told_and_no_more(note: str) -> None:
    assert noted(note).sentences[-1] == "Mara met Tobias at the mill."


def test_what_somebody_says_is_never_taken_for_what_happened() -> None:
    told = noted(paragraph='"Mara burnt the mill down at night," he said. He said nothing of Mara more.')
    assert told.sentences[-1] == "He said nothing of Mara more."
    assert noted(paragraph='"Mara burnt the mill."') == BEFORE


def test_an_empty_note_adds_nothing() -> None:
    assert noted("") == BEFORE


def test_a_first_summary_is_never_empty() -> None:
    assert noted("", summary=Summary()).sentences == ("Mara met Tobias at the mill.",)
    assert noted("", summary=Summary(), paragraph="").sentences == ()


def test_a_long_story_keeps_the_summary_within_its_budget() -> None:
    ways = ("cut", "mended", "sold", "found", "washed", "hid")
    engine = SlotsRecorder(lambda request, index: f"Then <she1> {ways[request.seed % 6]} bread and went on.")
    summary = BEFORE
    sizes = []
    for n in range(60):
        summary = update_summary(engine, PREMISE, summary, f"Mara {ways[n % 6]} bread and went.", (MARA,), n)
        sizes.append(sum(map(count, summary.sentences)))
    assert max(sizes) <= 96
    assert summary.sentences[0] == "Mara is a baker."
    assert ways[59 % 6] in summary.sentences[-1]


def test_the_small_models_prompt_has_a_bound_whatever_was_typed() -> None:
    engine = SlotsRecorder(lambda *_: "Note.")
    updated(engine, Summary(sentences=("word " * 900 + "end.", "again " * 900 + "end.")), "text " * 5_000)
    assert count(engine.requests[0].prompt.text) <= 128 + 300 + 2


words = st.lists(st.sampled_from(["a", "bee", "sees", "Dee.", "E!"]), max_size=15).map(" ".join)


@given(st.lists(words.filter(bool), max_size=8), words, st.integers(1, 40))
def test_the_summary_keeps_first_and_newest_within_the_budget(old: list[str], new: str, budget: int) -> None:
    kept = append_summary(tuple(old), new, count, budget)
    all_of_them = [*old, new] if new else old
    assert sum(map(count, kept)) <= budget
    assume(budget >= 2 * max(map(count, all_of_them), default=0))
    if all_of_them:
        assert (kept[0], kept[-1]) == (all_of_them[0], all_of_them[-1])
    assert len(kept) == len(all_of_them) or len(kept) >= 2
    rest = iter(all_of_them)
    assert all(sentence in rest for sentence in kept)


@given(words, st.integers(1, 20), st.booleans())
def test_shortening_keeps_one_end_and_the_budget(text: str, budget: int, keep_end: bool) -> None:
    short = shorten(text, count, budget, keep_end=keep_end)
    assert count(short) <= budget
    assert text.endswith(short) if keep_end else text.startswith(short)
    if count(text) <= budget:
        assert short == text
    elif text:
        assert short
