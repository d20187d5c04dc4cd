"""From a brief to entities: what a person named is there and keeps its name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.brief import CharacterWish, make_brief
from agents.casting import (
    cast_entities,
    place_entities,
    pronouns_for,
    read_brief,
    slotted_logline,
    thing_entities,
    thing_kind,
)
from planner.state import EntityKind, Pronouns


def slotted(**wishes: object) -> str:
    brief = make_brief(**wishes)
    casting = read_brief(brief)
    cast = cast_entities(casting.cast, brief.logline, random.Random(1), len(casting.cast))
    return slotted_logline(brief.logline, casting, cast)


@pytest.mark.parametrize(
    ("wishes", "text"),
    [
        ({"logline": "A baker finds a door in the village"}, r"A <role1> finds <site1> in <place1>."),
        ({"logline": "Mara steals a letter!"}, r"<she1> steals <note1>!"),
        ({"logline": "Ida, a baker, meets Tobias."}, r"<she1> meets <he2>."),
        ({"logline": "A baker finds a key.", "characters": ["Tobias"]}, r"A <role1> finds <item1>."),
        ({"logline": "Tobias finds a key.", "characters": ["Ida", "Tobias"]}, r"<he2> finds <item1>."),
        ({"logline": "A baker finds a door. The door opens."}, r"A <role1> finds <site1>. <site1> opens."),
        (
            {"logline": "A girl finds a key. The girl loses the key."},
            r"A <role1> finds <item1>. The <role1> loses <item1>.",
        ),
        (
            {"logline": "Mara, a baker, weeps until the baker meets a baker."},
            r"<she1> weeps until the <role1> meets a <role2>.",
        ),
        ({"logline": "It rains"}, "It rains."),
    ],
)
def test_the_premise_is_put_in_slots(wishes: dict[str, object], text: str) -> None:
    assert slotted(**wishes) == text


def test_a_flag_character_takes_the_role_that_the_premise_gives() -> None:
    casting = read_brief(make_brief(logline="A lighthouse keeper waits.", characters=["Ida: brave"]))
    assert casting.cast == [CharacterWish(name="Ida", role="lighthouse keeper", traits=("brave",))]
    assert casting.places == ["the lighthouse"]


@pytest.mark.parametrize(
    ("characters", "roles"),
    [
        (["Ida: a baker", "Mara: a detective"], ["baker", "detective"]),
        (["Ida: a baker", "Mara"], ["baker", "detective"]),
        (["Ida: a baker"], ["baker"]),
    ],
)
def test_the_character_whose_role_fits_is_meant(characters: list[str], roles: list[str]) -> None:
    brief = make_brief(logline="A detective finds a body.", characters=characters)
    casting = read_brief(brief)
    assert [wish.role for wish in casting.cast] == roles
    assert casting.spans[0][2] == f"a <role{len(roles)}>"


def test_the_same_thing_named_twice_is_one_thing() -> None:
    casting = read_brief(make_brief(logline="A baker finds a key and loses the key."))
    assert casting.things == [(EntityKind.ITEM, "the key")]
    assert [token for _, _, token in casting.spans] == ["a <role1>", "<item1>", "<item1>"]
    assert thing_entities(casting.things, casting.said, 1)[0].aliases == ("a key",)


def test_a_setting_by_flag_comes_first() -> None:
    casting = read_brief(make_brief(logline="A baker sings in the market.", setting="Lisbon"))
    assert casting.places == ["Lisbon", "the market"]


def test_no_more_entities_than_slots() -> None:
    logline = "Ann, Bea, Cid, Dov, Eve and Fay find a key, a ring, a cup, a coin and a lamp."
    casting = read_brief(make_brief(logline=logline, characters=["A", "B", "C", "D"]))
    assert [wish.name for wish in casting.cast] == ["A", "B", "C", "D"]
    assert len(casting.things) == 3


def test_entities_say_how_the_premise_put_them() -> None:
    brief = make_brief(logline="A baker finds a key in a village.")
    casting = read_brief(brief)
    (key,) = thing_entities(casting.things, casting.said, 1)
    (village,) = place_entities(casting.places, casting.said, 0)
    assert (key.name, key.aliases, key.slot, key.given) == ("the key", ("a key",), "<item1>", True)
    assert (village.name, village.aliases, village.slot, village.given) == (
        "the village", ("a village",), "<place1>", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "logline", "first", "pronouns"),
    [
        (CharacterWish(name="Mara", pronouns=Pronouns.HE), "", True, {"he"}),
        (CharacterWish(name="Zyx", role="queen"), "he", True, {"she"}),
        (CharacterWish(name="Tobias", role="baker"), "she", True, {"he"}),
        (CharacterWish(name="Zyx"), "Zyx finds his key", True, {"he"}),
        (CharacterWish(name="Zyx"), "Zyx finds his key", False, {"they"}),
        (CharacterWish(name="", role="baker"), "A baker", True, {"she", "he"}),
    ],
)
def test_pronouns_come_from_the_surest_source(
    wish: CharacterWish, logline: str, first: bool, pronouns: set[str]
) -> None:
    assert {str(pronouns_for(wish, logline, first, random.Random(seed))) for seed in range(20)} == pronouns


@given(st.integers(0, 10_000))
def test_nobody_who_was_not_named_by_a_person_shares_a_name(seed: int) -> None:
    wishes = [CharacterWish(name=name, role="baker") for name in ("Mara", "", "Mara", "")]
    cast = cast_entities(wishes, "", random.Random(seed), 1)
    assert cast[0].name == "Mara"
    assert len({entity.name for entity in cast}) == 4
    assert [entity.given for entity in cast] == [True, False, False, False]
    assert all(entity.slot == f"<{entity.pronouns}{n}>" for n, entity in enumerate(cast, 1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("the old dog", "beast"),
        ("a village", "site"),
        ("the letter", "note"),
        ("the key", "item"),
        ("the door", "site"),
    ],
)
def test_a_thing_is_never_a_place(name: str, kind: str) -> None:
    assert thing_kind(name) == kind
