"""A paragraph put together from sentences of several alternatives."""

from __future__ import annotations

import pytest

from planner.merging import Place, merged, split
from prompts.errors import InputError

TEXTS = ("It rained. She left. He stayed.", "She left. Dr. Reed sang!")


def test_sentences_stand_in_the_order_of_the_asking_and_the_same_one_is_said_once() -> None:
    assert split(TEXTS)[1] == ["She left.", "Dr. Reed sang!"]
    assert merged(TEXTS, [(1, 1), (0, 1), (1, 0), (0, 0)]) == "Dr. Reed sang! She left. It rained."
    assert merged(TEXTS, []) == ""


@pytest.mark.parametrize(
    ("place", "says"), [((2, 0), "no alternative 3; there are 2"), ((0, 3), "it has 3"), ((1, -1), "it has 2")]
)
def test_what_is_not_there_is_one_sentence(place: Place, says: str) -> None:
    with pytest.raises(InputError, match=says):
        merged(TEXTS, [place])
