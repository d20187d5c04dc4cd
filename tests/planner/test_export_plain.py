"""Markdown shows every paragraph as it was written, text holds it as it is, JSON holds everything."""

from __future__ import annotations

import itertools
import json

import yaml
from export_samples import NAMES, NASTY, TAME, book, long_book
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from planner.export import clean
from planner.export.book import Wanted
from planner.export.plain import escaped, to_json, to_markdown, to_text


def shown(markdown: str) -> list[tuple[str, str]]:
    """The blocks that a Markdown reader shows: the element around each, and its text."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    found = []
    for before, token in itertools.pairwise(tokens):
        if token.type == "inline":
            assert {child.type for child in token.children or ()} <= {"text", "text_special", "em_open", "em_close"}
            found.append((before.tag, "".join(child.content for child in token.children or ())))
        elif token.type == "hr":
            found.append(("hr", ""))
    return found


@given(st.text(st.characters(), max_size=40) | st.text("#>-+=*_`[]()<>&;!|~\\: \t1.2)a\n", max_size=40))
@example("1. one").via("a list")
@example("- said Anna").via("a dialogue dash")
@example("&amp; <b>x</b> [a](b) https://x.y **b** ~~s~~ `c` # # ***").via("inline")
@example("--- ===").via("rules")
@example("10) &#35; |-| \\").via("numbers")
def test_a_paragraph_looks_in_markdown_as_it_was_written(text: str) -> None:
    for line in clean.paragraphs(text):
        assert shown(f"Before.\n\n{escaped(line)}\n\nAfter.") == [("p", "Before."), ("p", line), ("p", "After.")]


def test_markdown_has_front_matter_title_chapters_and_appendices() -> None:
    made = long_book(title="The *Key*: #1")
    _, front, body = to_markdown(made).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "title": "The *Key*: #1", "subject": "mystery, wry", "lang": "en", "date": "2026-03-04T05:06:07+00:00",
        "modified": "2026-03-05T06:07:08+00:00", "identifier": made.origin.identifier,
        "generator": f"Fabula {made.origin.fabula}", "model": "small@1", "seed": 7,
    }  # fmt: skip
    blocks = shown(body)
    assert blocks[:3] == [("h1", "The *Key*: #1"), ("p", "mystery, wry"), ("h2", "1. Step 1")]
    assert [text for tag, text in blocks if tag == "h2"] == ["1. Step 1", "2. Step 2", "Outline", "Summary", "Facts"]


def test_section_breaks_and_an_open_end_are_seen() -> None:
    made = book(["One.", "Two."], ["Three.", "Four."], done=False)
    blocks = shown(to_markdown(made).split("---\n", 2)[2])
    assert blocks[2:8] == [
        ("p", "One."),
        ("p", "Two."),
        ("hr", ""),
        ("p", "Three."),
        ("p", "Four."),
        ("p", "(unfinished)"),
    ]
    assert "Two.\n\n* * *\n\nThree.\n\nFour.\n\n(unfinished)\n\nOutline\n-------\n\n1. Step 1" in to_text(made)


def test_text_is_every_paragraph_as_it_is() -> None:
    lines = to_text(book(NAMES, NASTY, "# 1. *not* markup")).splitlines()
    assert {NAMES, TAME, "# 1. *not* markup"} <= set(lines)
    assert lines[:2] == ["The Key", "======="]
    assert lines[-1].startswith("Written with Fabula ")


def test_json_goes_there_and_back() -> None:
    made = book(NAMES, NASTY)
    value = json.loads(to_json(made))
    assert value == made.everything
    assert [paragraph["text"] for paragraph in value["paragraphs"]] == [NAMES, clean.safe(NASTY)]
    assert (value["title"], value["seed"], value["fabula"]["model"]) == ("The Key", 7, "small@1")
    assert value["premise"]["cast"][0]["name"] == "Anna Lévy"
    assert (value["summary"], value["facts"][0]["object"]) == ("Anna is a baker. She found a key.", "inn")
    assert to_json(book(NAMES, NASTY, wanted=Wanted())) == to_json(made), "appendices are for the other formats"
