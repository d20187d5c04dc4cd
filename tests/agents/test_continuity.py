"""The extractor of facts: each pattern, and what is no fact."""

from __future__ import annotations

import pytest
from agent_samples import CLOCK, HARBOUR, MARA, MILL, TOBIAS
from hypothesis import given
from hypothesis import strategies as st

from agents.continuity import extract
from planner.state import Entity, EntityKind, Pronouns, Relation

DOG = Entity(id="t2", kind=EntityKind.BEAST, name="the dog", slot="<beast2>")
MAP = Entity(id="t3", kind=EntityKind.NOTE, name="a map", slot="<note3>")
ALL = (MARA, TOBIAS, MILL, HARBOUR, CLOCK, DOG, MAP)


def facts(text: str) -> list[tuple[str, str, str]]:
    return [(fact.subject, str(fact.relation), fact.object) for fact in extract(text, ALL, 3)]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Mara died.", ("c1", "dead", "")),
        ("Mara quietly drowned.", ("c1", "dead", "")),
        ("Mara drowned in the river.", ("c1", "dead", "")),
        ("By then Tobias had died.", ("c2", "dead", "")),
        ("Mara died inside the wall.", ("c1", "dead", "")),
        ("Tobias died right there, of hunger.", ("c2", "dead", "")),
        ("Tobias lay dead on the floor.", ("c2", "dead", "")),
        ("They said nothing, and Mara died.", ("c1", "dead", "")),
        ("Mara sat waiting in the mill.", ("c1", "at", "p1")),
        ("Tobias went that evening to the mill.", ("c2", "at", "p1")),
        ("Fearless Mara stood in the mill.", ("c1", "at", "p1")),
        ("They found that Tobias was dead.", ("c2", "dead", "")),
        ("The storm killed Tobias.", ("c2", "dead", "")),
        ("The dog breathed his last.", ("t2", "dead", "")),
        ("Mara had green eyes.", ("c1", "is", "green eyes")),
        ("Mara's eyes were green.", ("c1", "is", "green eyes")),
        ("Tobias, with red hair, sang.", ("c2", "is", "red hair")),
        ("Tobias was left-handed.", ("c2", "is", "left-handed")),
        ("Mara stood in the mill.", ("c1", "at", "p1")),
        ("Mara walked slowly down to the harbour.", ("c1", "at", "p2")),
        ("At the harbour, Tobias sang.", ("c2", "at", "p2")),
        ("Inside the mill Mara sang.", ("c1", "at", "p1")),
        ("The dog slept at the mill.", ("t2", "at", "p1")),
        ("Mara picked up the clock.", ("c1", "has", "t1")),
        ("Tobias gently lifted her clock.", ("c2", "has", "t1")),
        ("Mara found a map.", ("c1", "has", "t3")),
        ("Mara gave the clock to Tobias.", ("c2", "has", "t1")),
        ("Mara handed Tobias the clock.", ("c2", "has", "t1")),
        ("Tobias carried the dog.", ("c2", "has", "t2")),
    ],
)
def test_what_the_narration_states_is_a_fact(text: str, fact: tuple[str, str, str]) -> None:
    assert facts(text) == [fact]


@pytest.mark.parametrize(
    "text",
    [
        '"Mara died," he said.',
        "“Mara stood in the mill.” So he said.",
        "Mara never stood in the mill.",
        "It was not true that Tobias died.",
        "Nobody believed that Mara died.",
        "If Mara took the clock, all was lost.",
        "He wished Mara stood in the mill.",
        "He dreamed that Mara drowned.",
        "It seemed Tobias was dead.",
        "He thought Mara was at the harbour.",
        "It was as if Tobias held the clock.",
        "He didn't know whether Mara took the clock.",
        "Unless Mara took the clock there was no hope.",
        "They waited until Mara died.",
        "Before Mara took the clock it was quiet.",
        "Tobias said Mara was at the harbour.",
        "People told each other that Tobias drowned.",
        "They believed Tobias died.",
        "It was a rumour that Mara died.",
        "Who knew that Mara died?",
        "Mara was dead tired.",
        "Tobias nearly fell and Mara died laughing.",
        "Tobias died of shame.",
        "Mara died a little inside.",
        "Mara died inside, and smiled.",
        "Tobias drowned the kitten.",
        "Tobias drowned out the music.",
        "Mara lived in the mill.",
        "Tobias worked at the harbour.",
        "Mara was looking at the mill.",
        "Tobias was born in the mill.",
        "Mara was on the way to the harbour.",
        "Mara stood close to the mill.",
        "Tobias came from far away to the harbour.",
        "Mara was the best cook in the mill.",
        "Mara stood in the mill's shadow.",
        "Mara took the clock's key.",
        "Mara caught the clock-maker.",
        "The storm killed Tobias's goat.",
        "Mara looked at the mill.",
        "Tamara stood in the mill.",
        "Mara stood in the millrace.",
        "Mara sang.",
        "",
    ],
)
def test_speech_denials_wishes_and_other_words_are_no_facts(text: str) -> None:
    assert facts(text) == []


def test_a_denial_reaches_no_further_than_its_clause() -> None:
    assert facts("He did not sing, Mara stood in the mill.") == [("c1", "at", "p1")]
    assert facts("Tobias never came, but Mara took the clock.") == [("c1", "has", "t1")]


def test_facts_keep_the_order_of_the_text_and_come_once() -> None:
    text = "Mara took the clock. At the mill, Tobias waited. Then Mara died. Mara died."
    assert facts(text) == [("c1", "has", "t1"), ("c2", "at", "p1"), ("c1", "dead", "")]


def test_a_fact_knows_its_paragraph_and_its_words() -> None:
    (fact,) = extract('"No," she said. Mara stood in the mill and sang.', ALL, 7)
    assert (fact.paragraph, fact.relation, fact.quote) == (7, Relation.AT, "Mara stood in the mill")
    assert fact.valid_to is None
    assert not fact.pinned


def test_the_capital_of_an_article_does_not_matter() -> None:
    assert facts("The clock stopped. Mara carried The clock.") == [("c1", "has", "t1")]


def test_a_name_with_signs_is_no_pattern() -> None:
    odd = Entity(id="c9", kind=EntityKind.CHARACTER, name="J. (Jo) B+", slot="<they1>", pronouns=Pronouns.THEY)
    assert [fact.subject for fact in extract("J. (Jo) B+ died.", (odd, MILL), 0)] == ["c9"]
    assert extract("Jay Jo BB died.", (odd, MILL), 0) == ()


phrases = st.sampled_from(
    'Mara|Tobias|the mill|The dog|the clock|a map|stood in|took|gave|to|died|at|At|had green eyes|never|. |." |"|, |and|if'.split(
        "|"
    )
)


@given(st.lists(phrases, max_size=20).map(" ".join))
def test_every_quote_stands_in_the_text_word_for_word(text: str) -> None:
    for fact in extract(text, ALL, 0):
        assert fact.quote
        assert fact.quote in text
