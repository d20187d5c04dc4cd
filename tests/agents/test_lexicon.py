"""The word lists and the questions asked of them."""

from __future__ import annotations

import random

import pytest

from agents import lexicon


@pytest.mark.parametrize(
    ("text", "genre"),
    [
        ("A wizard loses a spell", "fantasy"),
        ("Two robots on a spaceship", "science fiction"),
        ("A detective looks into a murder", "mystery"),
        ("A wizard and a detective with a clue and a secret", "mystery"),
        ("Nothing that a list would know", None),
        ("", None),
    ],
)
def test_the_genre_is_the_one_whose_words_occur_most(text: str, genre: str | None) -> None:
    assert lexicon.detect_genre(text) == genre


@pytest.mark.parametrize(
    ("said", "known"),
    [("horror", "horror"), ("a spaceship tale", "science fiction"), ("solarpunk", "adventure"), ("", "adventure")],
)
def test_a_genre_of_ones_own_becomes_the_nearest_known_one(said: str, known: str) -> None:
    assert lexicon.known_genre(said) == known


def test_every_genre_has_tones_and_an_unknown_one_gets_the_plain_ones() -> None:
    for genre in lexicon.genres():
        assert len(lexicon.tones(genre)) >= 3
    assert lexicon.tones("solarpunk") == ("plain", "warm", "quiet")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("dragon", "beast"), ("Foxes", "beast"), ("letters", "note"), ("door", "site"), ("village", "place"),
        ("compass", "item"), ("", "item"),
    ],
)  # fmt: skip
def test_a_head_noun_tells_the_sort_of_thing(head: str, kind: str) -> None:
    assert lexicon.kind_of(head) == kind


@pytest.mark.parametrize(
    ("role", "pronoun"), [("old Queen", "she"), ("court wizard", "he"), ("baker", None), ("", None)]
)
def test_a_role_may_tell_the_pronoun(role: str, pronoun: str | None) -> None:
    assert lexicon.pronoun_of(role) == pronoun


@pytest.mark.parametrize(
    ("name", "pronoun"), [("Mara", "she"), ("Tobias", "he"), ("Anna Karenina", "she"), ("john", "he"), ("Xqz", None)]
)
def test_a_given_name_may_tell_the_pronoun(name: str, pronoun: str | None) -> None:
    assert lexicon.pronoun_of_name(name) == pronoun


@pytest.mark.parametrize("pronoun", ["she", "he", "they"])
def test_a_drawn_name_is_new_and_begins_with_a_letter_of_its_own(pronoun: str) -> None:
    taken: set[str] = set()
    for seed in range(8):
        name = lexicon.pick_name(pronoun, random.Random(seed), frozenset(taken))
        assert name[0] not in {other[0] for other in taken}
        taken.add(name)


def test_a_name_is_found_even_when_every_initial_is_taken() -> None:
    alphabet = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert lexicon.pick_name("she", random.Random(1), alphabet) not in alphabet
    assert lexicon.pick_name("she", random.Random(1), alphabet) == lexicon.pick_name("she", random.Random(1), alphabet)
