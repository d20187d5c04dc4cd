"""The theme of a premise: by its words first, by its genre where they say little, and always the same for the same seed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.themes import Theme, nearest

LAMP = Theme(
    "lamp on the rock", "mystery", ("quiet",), "third", "past", {"lighthouse": 0.6, "keeper": 0.5, "lamp": 0.6}
)
LETTER = Theme("the stolen letter", "mystery", ("tense",), "third", "past", {"letter": 0.8, "thief": 0.6})
DRAGON = Theme("hot water", "fantasy", ("dry",), "third", "past", {"dragon": 0.9, "bath": 0.4})
ALL = (LAMP, LETTER, DRAGON)


def choose(text: str, asked: str = "", detected: str | None = None, seed: int = 1) -> Theme | None:
    return nearest(text, asked, detected, random.Random(seed), ALL)


@pytest.mark.parametrize(
    ("text", "detected", "theme"),
    [
        ("A lighthouse keeper finds a door.", "fantasy", LAMP),  # the words say more than the genre
        ("Someone finds a door.", "fantasy", DRAGON),  # the genre is all there is to go by
        ("A dragon runs a bath house.", None, DRAGON),
    ],
)
def test_the_nearest_theme_is_chosen(text: str, detected: str | None, theme: Theme) -> None:
    assert choose(text, detected=detected) is theme


def test_a_genre_that_was_asked_for_decides() -> None:
    assert choose("A dragon steals a letter.", asked="mystery") is LETTER


def test_where_nothing_fits_seeds_differ_and_keep_to_the_asked_genre() -> None:
    for asked, themes in (("", ALL), ("mystery", (LAMP, LETTER))):
        drawn = [choose("Zorblax quux.", asked, seed=seed) for seed in range(30)]
        assert all(theme in drawn for theme in themes)
        assert all(theme in themes for theme in drawn)


def test_without_themes_there_is_none() -> None:
    assert nearest("A door.", "", None, random.Random(1), ()) is None


@given(st.text(max_size=60), st.sampled_from(["", "mystery", "fantasy", "opera"]), st.integers(0, 99))
def test_equal_questions_get_equal_answers(text: str, asked: str, seed: int) -> None:
    assert choose(text, asked, "fantasy", seed) is choose(text, asked, "fantasy", seed)
