"""Told worlds with prompts as they come in use: what is learnt stays whole, what surrounds it varies."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.build import varied_stories, world_stories
from finetune.data.rows import Shares, premise_json, rows
from finetune.data.varied import NEAR, Noise, fewer_slots
from finetune.worlds.teller import Story
from planner.arc import load_shape, steps_for
from prompts.slots import MAX_CHARACTERS, MAX_PLACES, MAX_THINGS, slot_tokens

STORIES = list(world_stories(None, 2, False))
SLOT = re.compile(r"<[a-z]+\d>")
EVERYTHING = Shares(1.0, 1.0, 1.0, 1.0, 1.0)
seeds = st.integers(0, 10**6)


def count(text: str) -> int:
    return len(text.split())


@given(st.sampled_from(STORIES), seeds)
def test_what_lost_its_slot_is_told_by_name_and_the_rest_is_numbered_without_a_gap(whole: Story, seed: int) -> None:
    story = fewer_slots(whole, ["kind"], random.Random(seed))
    slots = {member.slot for member in story.members.values()}
    used = set(SLOT.findall(" ".join(f"{p.text} {p.beat} {p.summary} {' '.join(p.stage)}" for p in story.paragraphs)))
    roles = {f"<role{n}>" for n in range(1, sum(key in "ABCD" for key in story.members) + 1)}
    assert used <= slots | roles <= set(slot_tokens())
    for keys, most in (("ABCD", MAX_CHARACTERS), ("PQR", MAX_PLACES), ("TUV", MAX_THINGS)):
        numbers = sorted(int(m.slot[-2]) for key, m in story.members.items() if key in keys)
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) <= most
    named = [[slot for slot in SLOT.findall(one.logline) if "role" not in slot] for one in (whole, story)]
    assert len(named[0]) == len(named[1])
    assert {"A", "B", "P"} <= set(story.members)


@given(st.sampled_from(STORIES), seeds)
def test_paragraphs_stay_well_formed(whole: Story, seed: int) -> None:
    story = fewer_slots(whole, ["kind"], random.Random(seed))
    for paragraph in story.paragraphs:
        for text in (paragraph.text, paragraph.beat, paragraph.summary):
            assert not re.search(r"\b(the \w+(?: \w+)?),? \1\b", text, re.IGNORECASE), text
            assert not re.match(r'"?[a-z]', text), text
        assert paragraph.text.count('"') % 2 == 0
    said = [" ".join(p.text.split()) for p in whole.paragraphs]
    assert sum(p.part == 1 for p in story.paragraphs) == sum(p.part == 1 for p in whole.paragraphs) <= len(said)


@given(st.sampled_from(STORIES), seeds)
def test_a_row_answers_as_the_world_does_however_it_is_asked(whole: Story, seed: int) -> None:
    rng = random.Random(seed)
    story = fewer_slots(whole, ["kind"], rng)
    noise = Noise(story, whole, rng, ("An odd beat.",))
    told = {p.text for p in story.paragraphs}
    beats = {p.beat for p in story.paragraphs}
    found = list(rows(story, EVERYTHING, rng, count, noise))
    assert {row.completion for row in found if row.task == "generator"} == told
    assert {row.completion for row in found if row.task == "outline"} == beats
    assert {row.completion for row in found if row.task == "premise"} == {
        premise_json(whole)
    }  # all that its world needs
    for row in found:
        if match := re.search(r"<\|beat\|>(\w+) (\d+)/(\d+)", row.prompt):
            assert match[1] in NEAR
            assert 1 <= int(match[2]) <= int(match[3]) <= 14


@given(seeds, st.integers(2, 12), st.data())
def test_the_first_beat_stays_first_and_the_last_last(seed: int, total: int, data: st.DataObject) -> None:
    noise = Noise(STORIES[0], STORIES[0], random.Random(seed))
    number = data.draw(st.integers(1, total))
    at, of = noise.place(number, total)
    assert 1 <= at <= of
    assert (at == 1) == (number == 1)
    assert (at == of) == (number == total)


def test_every_purpose_of_an_arc_is_one_that_a_world_may_be_asked_for() -> None:
    asked = {
        step.purpose for arc in ("three-act", "freytag", "heros-journey") for step in steps_for(load_shape(arc), 12)
    }
    assert asked <= {near for purposes in NEAR.values() for near in purposes} | set(NEAR)
    assert all(purpose not in near for purpose, near in NEAR.items())


def test_noise_errs_in_some_stories_and_leaves_others_as_they_are() -> None:
    erring = [Noise(STORIES[0], STORIES[0], random.Random(seed)).errs for seed in range(40)]
    assert 8 < sum(erring) < 32
    straight = next(Noise(STORIES[0], STORIES[0], random.Random(seed)) for seed, errs in enumerate(erring) if not errs)
    assert all(straight.note(paragraph) == paragraph.summary for paragraph in STORIES[0].paragraphs)


@pytest.mark.parametrize("held", [True, False])
def test_the_same_stories_come_with_the_same_noise(held: bool) -> None:
    def told() -> list[str]:
        return [
            row.prompt + row.completion
            for story, rng, noise in islice(varied_stories(None, 1, held), 6)
            for row in rows(story, EVERYTHING, rng, count, noise)
        ]

    first = told()
    assert first == told()
    assert len(first) > 60
