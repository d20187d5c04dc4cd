"""Reading what a model wrote without being held to a form: everything that can be read is, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.answers import objects, pairs, whole_part

# Words on one line, as all of Fabula's structured strings are; what is folded or left out is tested by itself.
WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, VALUES, min_size=1, max_size=4)
PROSE = st.text(st.characters(codec="utf-8", exclude_characters="{}[]`<>"), max_size=60)


@given(
    OBJECTS,
    PROSE,
    PROSE,
    st.sampled_from(["{}", "```json\n{}\n```", "```\n{}```", "<think>{{a}}</think>\n{}"]),
    st.booleans(),
)
def test_an_object_in_any_wrapping_comes_back_first(
    value: dict[str, Any], before: str, after: str, fence: str, ascii_only: bool
) -> None:
    body = fence.replace("{{a}}", "{a}").replace("{}", json.dumps(value, ensure_ascii=ascii_only, indent=1))
    assert next(objects(f"{before}\n{body}\n{after}")) == value


@given(OBJECTS, st.text(max_size=40), st.text(max_size=40))
def test_an_object_in_talk_with_brackets_is_among_the_readings(value: dict[str, Any], before: str, after: str) -> None:
    before, after = (text.replace("`", "").replace("</think>", "").replace('"', "") for text in (before, after))
    assert value in objects(f"{before}\n{json.dumps(value)}\n{after}")


@given(st.text(max_size=200) | st.text("{}[]\"':,\\/*#`\n ab1-_.", max_size=80))
def test_no_text_raises(text: str) -> None:
    for value in objects(text):
        assert isinstance(value, dict | list)
        json.dumps(value)
    assert all(len(pair) == 2 for pair in pairs(text, {"a", "b"}))
    assert text.startswith(whole_part(text))


@pytest.mark.parametrize(
    "text",
    [
        "{" * 90_000, "[" * 90_000, '{"a":' * 5000, '{"a":' * 500 + "1" + "}" * 500, "```" * 2000, "{'" * 40_000,
        '{"a": ' + "9" * 6000 + "}", '{"a": NaN}', "\ud800{", '"\\' * 3000,
    ],
)  # fmt: skip
def test_hostile_texts_are_read_as_something_or_nothing(text: str) -> None:
    assert all(isinstance(value, dict | list) for value in objects(text))
    pairs(text, {"a"})
    whole_part(text)


@pytest.mark.parametrize(
    "text",
    [
        "{'a': 'x', 'b': ['y', 'z']}", '{"a": "x", "b": ["y", "z",],}', '{"a": "x", // the first\n "b": ["y", "z"]}',
        '{a: "x", b: ["y", "z"]}', '{"a": "x", "b": ["y", "z"', 'Sure! {"a": "x", "b": ["y", "z"],} Hope {this} helps.',
        'Use {braces}: {"a": "x", "b": ["y", "z"]}', '{"a": "x" /* one */, "b": ["y", "z"]}',
    ],
)  # fmt: skip
def test_json_with_the_usual_faults_is_mended(text: str) -> None:
    assert {"a": "x", "b": ["y", "z"]} in objects(text)


def test_what_was_thought_aloud_is_no_answer() -> None:
    for thought in ('<think>Say {"a": 1}?</think>', '<think>\n{"a": 1}\n</think>\n\n', 'Say {"a": 1}?\n</think>\n'):
        assert all(value == {"a": 2} for value in objects(thought + '{"a": 2}'))
        assert next(objects(thought + '{"a": 2}'))


@pytest.mark.parametrize("text", ["", "no", '"a"', "3", "[]", "{}", "I would rather not.", "[see above]"])
def test_what_is_no_object_gives_nothing(text: str) -> None:
    assert [value for value in objects(text) if isinstance(value, dict)] == []


def test_strings_come_on_one_line_and_printable() -> None:
    text = '{"a": "x\\n\\u0000 y\\ud800", "b": ["\\u001bz "]}'
    assert next(objects(text)) == {"a": "x y", "b": ["z"]}


def test_lines_are_read_with_bullets_numbers_and_emphasis() -> None:
    text = "Here you are:\n**Beat 1:** Mara runs.\n- On_Stage: Mara\n2) Tobias says: no.\n```\nPLACE = the mill\n\nbye"
    assert pairs(text, {"beat", "on stage", "place"}) == [
        ("", "Here you are:"), ("beat", "Mara runs."), ("on stage", "Mara"), ("#", "Tobias says: no."),
        ("place", "the mill"), ("", "bye"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ('{"a": [{"b": 1}, {"b": 2', '{"a": [{"b": 1}'), ('{"a": [{"b": "}', ""), ('{"a": "x{y} \\"} z', ""),
        ('{"a": 1}', '{"a": 1}'), ("1. One.\nPlace: the m", "1. One."), ("One", ""),
    ],
)  # fmt: skip
def test_what_a_cut_left_whole(text: str, whole: str) -> None:
    assert whole_part(text) == whole
