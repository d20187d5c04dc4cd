"""Names and slots: both ways, whatever the names are."""

from __future__ import annotations

import pytest
from agent_samples import CLOCK, HARBOUR, MARA, MILL, PREMISE, TOBIAS
from hypothesis import example, given
from hypothesis import strategies as st

from agents.naming import Naming, article, cast_lines, title_case
from planner.state import Entity, EntityKind
from prompts.control import CONTROL, END, clean
from prompts.slots import slot_tokens

NAMING = Naming(PREMISE.entities)
SLOTS = ("<she1>", "<he2>", "<they3>", "<place1>", "<item1>", "<beast2>")
KINDS = (*[EntityKind.CHARACTER] * 3, EntityKind.PLACE, EntityKind.ITEM, EntityKind.BEAST)
word = st.text(st.characters(categories=["Lu", "Ll", "Lo"]), min_size=1, max_size=6)
name = st.builds(
    lambda words, mark: mark.join(words), st.lists(word, min_size=1, max_size=3), st.sampled_from([" ", "-", "'", ". "])
)
names = st.lists(name, min_size=6, max_size=6, unique_by=lambda text: text.upper().casefold())
pieces = st.lists(
    st.tuples(st.sampled_from(SLOTS), st.sampled_from([" 1 ", ", 2 ", '. 3 "', "'7 8 ", "! ", "; "])), max_size=8
)


@given(names, pieces)
@example(["İstanbul", "Işık", "Νίκος", "ßa", "ſam", "µ"], [(slot, ". ") for slot in SLOTS])
def test_a_filled_text_slotted_again_names_the_same_entities(names: list[str], pieces: list[tuple[str, str]]) -> None:
    entities = [
        Entity(id=f"e{n}", kind=kind, name=text, slot=slot)
        for n, (slot, kind, text) in enumerate(zip(SLOTS, KINDS, names, strict=True))
    ]
    naming = Naming(entities)
    text = "0 " + "".join(slot + mark for slot, mark in pieces)
    again = naming.slotted(naming.fill(text))
    assert naming.named(again) == naming.named(text)
    assert again.split() == text.split()


def test_letters_that_only_a_pattern_takes_as_equal_are_slotted() -> None:
    naming = Naming([MARA.model_copy(update={"name": "Işık", "role": ""}), TOBIAS.model_copy(update={"name": "Sam"})])
    assert naming.slotted("Işık saw ışık and ſam.") == "<she1> saw <she1> and <he2>."


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("<she1> saw a <role2>.", "Mara saw an engineer."),
        ("An <role1> came.", "A baker came."),
        ("A <role2> came.", "An engineer came."),
        ("<place1> stood still.", "The mill stood still."),
        ("It rained. <place1> leaked.", "It rained. The mill leaked."),
        ('She said: "<place1> leaks."', 'She said: "The mill leaks."'),
        ('She said, "<item1> stopped."', 'She said, "The clock stopped."'),
        ('"Go!" <role2> Tobias cried.', '"Go!" Engineer Tobias cried.'),
        ("Behind <place1>, <item1>.", "Behind the mill, the clock."),
        ("<she1> met <he4> there.", "Mara met there."),
        ("<she1> met <he4>.", "Mara met."),
        ("", ""),
    ],
)
def test_filling_fits_articles_and_capitals_and_leaves_out_strangers(text: str, filled: str) -> None:
    assert NAMING.fill(text) == filled


@pytest.mark.parametrize(
    ("text", "slotted"),
    [
        ("Mara's clock", "<she1>'s clock"),
        ("MARA took Her Clock to The Mill.", "<she1> took <item1> to <place1>."),
        ("Maran and the millstone", "Maran and the millstone"),
        ("the baker met an engineer", "the <role1> met an <role2>"),
        ("<she1> and <|end|> and <he9> Mara", "and and <she1>"),
        ("a\n b\t c", "a b c"),
    ],
)
def test_slotting_takes_whole_names_in_any_case_and_no_typed_tokens(text: str, slotted: str) -> None:
    assert NAMING.slotted(text) == slotted


def test_the_longest_name_wins() -> None:
    naming = Naming([MILL, HARBOUR.model_copy(update={"name": "the mill pond"})])
    assert naming.slotted("By the mill pond, the mill.") == "By <place2>, <place1>."


def test_a_role_that_is_also_a_name_means_the_one_who_bears_it() -> None:
    naming = Naming([MARA.model_copy(update={"role": "tobias"}), TOBIAS])
    assert naming.slotted("Tobias") == "<he2>"


def test_a_story_without_names_keeps_its_text() -> None:
    assert Naming([]).slotted("Mara ran.") == "Mara ran."
    assert Naming([]).fill("She ran.") == "She ran."


@given(st.text(alphabet="<|>shepacend1 ", max_size=40), st.sampled_from((*CONTROL, *slot_tokens())))
def test_no_token_survives_in_what_a_person_typed(text: str, token: str) -> None:
    for typed in (f"{text}{token}{text}", f"{token[:2]}{token}{token[2:]}", token):
        left = clean(typed)
        assert not any(known in left for known in (*CONTROL, *slot_tokens()))
        assert clean(left) == left


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("baker", "a"), ("engineer", "an"), ("Old man", "an"), ("unicorn", "a"), ("uninvited guest", "an"), ("one-eyed cat", "a"),
        ("user", "a"), ("usher", "an"), ("hour", "an"), ("heiress", "an"), ("honest thief", "an"), ("horse", "a"),
        ("European", "a"), ("", "a"),
    ],
)  # fmt: skip
def test_the_article_follows_the_sound(noun: str, expected: str) -> None:
    assert article(noun) == expected


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("the <role2> and <item1>", "The Engineer and the Clock"),
        ('"<she1> of <place1>."', "Mara of the Mill"),
        ("what are we waiting for", "What Are We Waiting For"),
        ("", ""),
    ],
)
def test_a_title_has_title_capitals(text: str, title: str) -> None:
    assert NAMING.fill_title(text) == title


def test_title_capitals_leave_other_capitals_alone() -> None:
    assert title_case("the USS McRae AND a boat") == "The USS McRae and a Boat"


def test_named_lists_each_entity_once_in_the_order_of_the_text() -> None:
    assert NAMING.named("<item1> <she1> <item1> <role2> <he4>") == (CLOCK, MARA)


def test_only_what_is_on_stage_may_be_drawn() -> None:
    banned = NAMING.banned([MARA, MILL])
    assert set(slot_tokens()) - set(banned) == {"<she1>", "<role1>", "<place1>"}
    assert list(banned) == [token for token in (*CONTROL, *slot_tokens()) if token in banned]
    assert set(CONTROL) - set(banned) == {END}  # a paragraph ends; it never begins another prompt


def test_a_role_that_is_not_known_may_not_be_drawn() -> None:
    assert "<role1>" in NAMING.banned([MARA.model_copy(update={"role": ""})])


def test_the_cast_is_put_as_slot_and_few_words() -> None:
    assert cast_lines(PREMISE) == [
        {"slot": "<she1>", "trait": "stubborn and afraid of"},
        {"slot": "<he2>", "trait": "proud"},
    ]
    nobody = PREMISE.model_copy(update={"cast": (MARA.model_copy(update={"traits": ()}),)})
    assert cast_lines(nobody)[0]["trait"] == "plain"
