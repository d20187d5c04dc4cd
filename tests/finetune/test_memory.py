"""The running summary is bounded and keeps what it promises to keep, whatever is added in whatever order."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from agents.memory import SUMMARY_TOKENS, append_summary


def count(text: str) -> int:
    return len(text.split())


words = st.text(st.sampled_from("abc "), max_size=60)
notes = st.lists(words, max_size=40)


def kept(sentences: list[str], budget: int) -> tuple[str, ...]:
    summary: tuple[str, ...] = ()
    for sentence in sentences:
        summary = append_summary(summary, sentence, count, budget)
    return summary


@given(notes, st.integers(1, 60))
def test_the_first_and_the_newest_sentence_stay_where_they_fit(sentences: list[str], budget: int) -> None:
    said = [" ".join(s.split()) for s in sentences if s.split()]
    assume(budget >= 2 * max(map(count, said), default=0))
    summary = kept(sentences, budget)
    assert summary[:1] == tuple(said[:1])
    assert summary[-1:] == tuple(said[-1:])


@given(notes, st.integers(2, 60))
def test_of_the_first_and_the_newest_something_always_stays(sentences: list[str], budget: int) -> None:
    said = [" ".join(s.split()) for s in sentences if s.split()]
    summary = kept(sentences, budget)
    assert len(summary) >= min(len(said), 2)
    assert not said or (said[0].startswith(summary[0]) and said[-1].startswith(summary[-1]))


@given(notes, st.integers(1, 60))
def test_it_stays_in_its_budget(sentences: list[str], budget: int) -> None:
    assert sum(map(count, kept(sentences, budget))) <= budget


@given(notes, st.integers(0, 60))
def test_it_stays_in_its_budget_when_a_word_is_many_tokens(sentences: list[str], budget: int) -> None:
    summary: tuple[str, ...] = ()
    for sentence in sentences:
        summary = append_summary(summary, sentence, len, budget)
        assert sum(map(len, summary)) <= budget


@given(notes, st.integers(1, 60))
def test_the_rest_is_the_newest_in_order(sentences: list[str], budget: int) -> None:
    said = [" ".join(s.split()) for s in sentences if s.split()]
    assume(budget >= 2 * max(map(count, said), default=0))
    rest = kept(sentences, budget)[1:]
    assert list(rest) == said[len(said) - len(rest) :]


@given(notes)
def test_nothing_is_dropped_that_fits(sentences: list[str]) -> None:
    said = tuple(" ".join(s.split()) for s in sentences if s.split())
    assert kept(sentences, sum(map(count, said)) + 1) == said


@given(notes, st.integers(1, 60))
def test_an_empty_sentence_adds_nothing(sentences: list[str], budget: int) -> None:
    summary = kept(sentences, budget)
    assert append_summary(summary, "  \n ", count, budget) == summary


def test_the_cost_at_ten_thousand_is_that_at_ten() -> None:
    summary: tuple[str, ...] = ()
    sizes = []
    for number in range(10_000):
        summary = append_summary(summary, f"In the night the keeper heard knock number {number}.", count)
        sizes.append(sum(map(count, summary)))
    assert max(sizes) <= SUMMARY_TOKENS
    assert len(set(sizes[50:])) == 1
