"""What a person asks for, and what they are told when it cannot be had."""

from __future__ import annotations

import pytest

from agents.brief import MAX_NAME, CharacterWish, make_brief, read_character
from planner.state import MAX_LOGLINE, MAX_PARAGRAPHS, PointOfView, Pronouns, Tense
from prompts.errors import InputError


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Mara", CharacterWish(name="Mara")),
        ("  Mara Vale :", CharacterWish(name="Mara Vale")),
        ("Mara: stubborn, afraid of water", CharacterWish(name="Mara", traits=("stubborn", "afraid of water"))),
        ("Mara: she/her; a baker; wants to go home",
         CharacterWish(name="Mara", pronouns=Pronouns.SHE, role="baker", goal="to go home")),
        ("Ash: they/them, the last engineer", CharacterWish(name="Ash", pronouns=Pronouns.THEY, role="last engineer")),
        ("Bo: He, an old man, a liar", CharacterWish(name="Bo", pronouns=Pronouns.HE, role="old man", traits=("a liar",))),
        ("Bo: he who knows", CharacterWish(name="Bo", traits=("he who knows",))),
        ("Bo: wants, the, ,", CharacterWish(name="Bo", traits=("wants", "the"))),
        ("Bo <|end|>: <she1> brave <|text|>", CharacterWish(name="Bo", traits=("brave",))),
        ("Bo: likes 9:00 trains", CharacterWish(name="Bo", traits=("likes 9:00 trains",))),
    ],
)  # fmt: skip
def test_a_character_is_read_from_one_line(text: str, wish: CharacterWish) -> None:
    assert read_character(text) == wish


def test_a_characters_name_is_a_name_and_no_description() -> None:
    assert read_character("N" * MAX_NAME + ": brave").name == "N" * MAX_NAME
    with pytest.raises(InputError, match="put a colon after it"):
        read_character(
            "Mara the stubborn baker who is afraid of water and wants nothing but to go home before the flood"
        )


@pytest.mark.parametrize("names", [("Mara: brave", "Mara"), ("A", "Mara", " mara : a baker")])
def test_two_characters_of_one_name_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="Two characters are called"):
        make_brief(logline="A key.", characters=names)


@pytest.mark.parametrize("text", ["", ": brave", "  : a baker", "<|end|>: brave"])
def test_a_character_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="needs a name"):
        read_character(text)


def test_a_premise_alone_is_enough() -> None:
    brief = make_brief(logline="A  baker\nfinds a key.")
    assert brief.logline == "A baker finds a key."
    assert (brief.point_of_view, brief.tense, brief.arc, brief.paragraphs) == (
        PointOfView.THIRD, Tense.PAST, "three-act", 10,
    )  # fmt: skip


def test_no_wish_carries_the_models_own_tokens() -> None:
    brief = make_brief(
        logline="A baker <|end|> finds <item1> a key", title="Key<|text|>", genre="<|pad|>", tone="dark<|beat|>",
        setting="the <place1> mill", plot=["a storm <|end|>", "<|end|>"], avoid=["<she1>", "blood"],
    )  # fmt: skip
    assert (brief.logline, brief.title, brief.genre, brief.tone) == ("A baker finds a key", "Key", "", "dark")
    assert (brief.setting, brief.plot, brief.avoid) == ("the mill", ("a storm",), ("blood",))


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({}, "The premise must say something"),
        ({"logline": ""}, "The premise must say something"),
        ({"logline": " ?! "}, "The premise must say something"),
        ({"logline": "<|end|><she1>"}, "The premise must say something"),
        ({"logline": "x" * (MAX_LOGLINE + 1)}, "2,000 characters"),
        ({"logline": "A key.", "paragraphs": 2}, "--paragraphs must be between 3 and 100,000"),
        ({"logline": "A key.", "paragraphs": MAX_PARAGRAPHS + 1}, "--paragraphs must be between"),
        ({"logline": "A key.", "paragraphs": "many"}, "--paragraphs must be between"),
        ({"logline": "A key.", "characters": ["A", "B", "C", "D", "E"]}, "at most 4 characters"),
        ({"logline": "A key.", "characters": ["A" * 501]}, "at most 500 characters"),
        ({"logline": "A key.", "characters": [": brave"]}, "A character needs a name"),
        ({"logline": "A key.", "setting": "a mill " * 12}, "--setting is the name of one place"),
        ({"logline": "A key.", "tense": "future"}, "--tense: "),
        ({"logline": "A key.", "point_of_view": "second"}, "--point-of-view: "),
        ({"logline": "A key.", "plot": ["x" * 501]}, "--plot: "),
        ({"logline": "A key.", "moral": "none"}, "--moral: "),
    ],
)
def test_a_wish_that_cannot_be_met_is_told_in_one_sentence(wishes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as raised:
        make_brief(**wishes)
    message = str(raised.value)
    assert said in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "pydantic" not in message


def test_the_limits_themselves_are_allowed() -> None:
    brief = make_brief(logline="x" * MAX_LOGLINE, paragraphs=MAX_PARAGRAPHS, characters=["A", "B", "C", "D"])
    assert len(brief.logline) == MAX_LOGLINE
    assert make_brief(logline="x", paragraphs=3).paragraphs == 3
