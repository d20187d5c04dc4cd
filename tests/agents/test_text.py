"""Small questions about prose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text import repetition, sentences, stems, whole_sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("One.", ["One."]),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('"Go!" she said. He went.', ['"Go!" she said.', "He went."]),
        ('"Go." He went.', ['"Go."', "He went."]),
        ("It cost 3.50 in all. He paid.", ["It cost 3.50 in all.", "He paid."]),
        ("Mr. Smith met Mrs. Jones. Dr. Who came from St. Ives.", ["Mr. Smith met Mrs. Jones.", "Dr. Who came from St. Ives."]),
        ("It rained. <she1> left.", ["It rained.", "<she1> left."]),
        ("No end mark", ["No end mark"]),
    ],
)  # fmt: skip
def test_prose_is_split_at_sentence_ends(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@given(st.text(alphabet="aB .!?\"'”“\n", max_size=80))
def test_splitting_loses_no_words(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("She went home. Then she", "She went home."),
        ("She went", "She went"),
        ('"Stay here. I will', '"Stay here."'),
        ('He said "no." And', 'He said "no."'),
        ("Done!", "Done!"),
    ],
)
def test_an_unfinished_sentence_is_dropped_and_its_quote_closed(text: str, whole: str) -> None:
    assert whole_sentences(text) == whole


def test_forms_of_a_word_share_a_stem() -> None:
    assert stems("She opened the doors slowly") == stems("opens door slow")
    assert stems("it was the and of") == frozenset()


@pytest.mark.parametrize(
    ("text", "before", "share"),
    [
        ("too short", "too short", 0.0),
        ("a quick fox ran off", "", 0.0),
        ("a quick fox ran off", "Then a quick fox ran off again.", 1.0),
        ("one two three four one two three four", "", 0.2),
    ],
)
def test_repetition_is_the_share_of_four_words_that_were_said_before(text: str, before: str, share: float) -> None:
    assert repetition(text, before) == pytest.approx(share)


@given(st.text(alphabet="ab c", max_size=60), st.text(alphabet="ab c", max_size=60))
def test_repetition_is_a_share(text: str, before: str) -> None:
    assert 0 <= repetition(text, before) <= 1
