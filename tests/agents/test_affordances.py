"""What no thing can do: found where it is sure, and passed over where it may be."""

from __future__ import annotations

import pytest

from agents.affordances import misused
from finetune.data.build import world_stories


@pytest.mark.parametrize(
    "text",
    [
        'In front of the wall <he2> took out <site1>, and his hand was not steady.', '"It was my mother\'s," said <site1>.',
        "<she1> sat by the fire with <site1> in her lap.", "They opened <site1> with <site1>.", "<he1> gave <she2> <place1>.",
        'The lamp went out. <item2> nodded and went home.', "<she1> laid <site1> on the table between the cups.",
        "In front of <item1> <he2> took out <item1> again.", "Nobody carried <place2> so far.",
    ],
)  # fmt: skip
def test_what_no_thing_of_its_kind_can_do_is_found(text: str) -> None:
    assert misused(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<he2> took out <item1>, and his hand was not steady.", '"I was cold," said <she1>.', '"Moo," said <beast1>.',
        "<note1> said that all was well.", "They opened <site1> with <item2>.", "<he1> carried <site1>'s key home.",
        "<she1> put <item1> in her pocket and stood before <site1>.", "<he1> gave <she2> <item1> at <place1>.",
        "<she1> stood in front of <site1> and took out <item2>.", "<he1> held <place1> dear.",
    ],
)  # fmt: skip
def test_what_may_be_passes(text: str) -> None:
    assert misused(text) == 0


def test_the_worlds_seldom_use_a_thing_as_it_cannot_be() -> None:
    told = [p.text for story in world_stories(None, 2, False) for p in story.paragraphs if p.text]
    assert sum(map(misused, told)) / len(told) < 0.01
