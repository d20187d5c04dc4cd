"""What reaches a file is what a reader could see, and all of it."""

from __future__ import annotations

import unicodedata

import pytest
from export_samples import NAMES, NASTY, TAME
from hypothesis import given
from hypothesis import strategies as st

from planner.export import clean


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (NASTY, TAME),
        (NAMES, NAMES),
        ("Quoi\u00a0? \u200d👩\u200d🚀 e\u0301", "Quoi\u00a0? \u200d👩\u200d🚀 e\u0301"),
        ("\x1b[38;5;196mRed", "Red"),
        ("cut \x1b[31", "cut"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\A \x1bcB", "A B"),
        ("a string \x1b]without an end", "a string without an end"),
        ("tab\tand\r\nline", "tab and line"),
        ("half \ud800 pair, no\ufffe character", "half pair, no character"),
    ],
    ids=ascii,
)
def test_a_line_keeps_its_words_and_loses_its_controls(text: str, left: str) -> None:
    assert clean.line(text) == left


def test_a_blank_line_parts_paragraphs_and_another_line_end_is_a_space() -> None:
    assert clean.paragraphs("One\ntwo.\r\n \r\nThree.\n\n\n\x00\n\nFour.") == ("One two.", "Three.", "Four.")
    assert clean.paragraphs(" \x1b[0m\n\n") == ()


@given(st.text(st.characters(), max_size=60) | st.text("\x1b\x9b\x9d[]0;m\x07\\ a\n", max_size=60))
def test_nothing_that_a_terminal_or_xml_chokes_on_is_left(text: str) -> None:
    left = clean.safe(text)
    assert all(unicodedata.category(char) not in {"Cc", "Cs"} or char in "\n\t" for char in left)
    assert clean.safe(left) == left
    assert left.encode().decode() == left


@given(st.text(st.characters(categories=("L", "N", "P", "M", "Sm", "Sc", "Zs")), max_size=60))
def test_letters_and_punctuation_pass_unchanged(text: str) -> None:
    assert clean.safe(text) == text


def test_a_text_full_of_unfinished_escapes_is_read_once() -> None:
    assert clean.safe("\x1b]" * 200_000 + "\x9d" * 200_000 + "end") == "end"


def test_a_json_value_is_made_safe_in_every_string() -> None:
    assert clean.tree({"a\x00": ["\x1b[1mb", 1, None, True, {"c": "d\ne"}]}) == {
        "a": ["b", 1, None, True, {"c": "d\ne"}]
    }
