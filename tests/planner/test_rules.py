"""Each rule finds what is wrong in plain prose, and says nothing of prose that is right: false alarms cost the most."""

from __future__ import annotations

import pytest

from agents.continuity import extract
from planner.rules import Case, check_all
from planner.state import Beat, Entity, EntityKind, Fact, Finding, Premise, Relation, Severity
from planner.world import fold

ANNA = Entity(id="anna", kind=EntityKind.CHARACTER, name="Anna")
BRAM = Entity(id="bram", kind=EntityKind.CHARACTER, name="Bram")
INN = Entity(id="inn", kind=EntityKind.PLACE, name="the Grey Inn")
MILL = Entity(id="mill", kind=EntityKind.PLACE, name="the mill")
PREMISE = Premise(logline="Two and a mill.", genre="mystery", tone="dry", cast=(ANNA, BRAM), setting=(INN, MILL))
BEAT = Beat(purpose="rising", label="x", happens="x")


def findings(text: str, *before: str) -> tuple[Finding, ...]:
    """What the rules say of ``text`` after the paragraphs ``before``, whose facts are extracted as in a story."""
    known = [fact for number, said in enumerate(before) for fact in extract(said, PREMISE.entities, number)]
    number = len(before)
    facts = extract(text, PREMISE.entities, number)
    return check_all(Case(text=text, facts=facts, world=fold(known), premise=PREMISE, beat=BEAT, paragraph=number))


def rules(text: str, *before: str) -> list[str]:
    return [finding.rule for finding in findings(text, *before)]


DEATH = "Bram died in the night."


@pytest.mark.parametrize(
    "text",
    [
        "Bram laughed at the window.",
        "Bram slowly opened the door.",
        '"I am here," Bram said.',
        "The rain stopped. Then Bram took the lamp and Anna followed.",
        "Anna looked away. Bram smiles and holds the rope.",
        "In the morning Bram walked to the mill.",
        "The next morning Bram walked to the mill.",
        "At the end of the street Bram turned.",
        "The rain stopped and Bram took the lamp.",
    ],
)  # fmt: skip
def test_the_dead_do_not_act(text: str) -> None:
    (finding,) = findings(text, DEATH)
    assert finding.rule == "dead_acts"
    assert finding.severity is Severity.ERROR
    assert "dead since paragraph 1" in finding.message
    assert finding.fact is not None
    assert finding.fact.relation is Relation.DEAD
    assert all(quote in text for quote in finding.quotes)


@pytest.mark.parametrize(
    "text",
    [
        "Anna laughed at the window.",
        "Anna thought of Bram.",
        "Bram lay under the snow.",
        "They buried Bram behind the mill.",
        "Anna remembered how Bram laughed.",
        "Bram had laughed in this room.",
        "Once Bram opened this door for her.",
        '"Bram said it was safe," Anna whispered.',
        "In her dream Bram opened the door.",
        "The ghost of Bram stood there, and Bram smiled.",
        "Bram's brother opened the door.",
        "Abram opened the door.",
        "It was as if Bram walked beside her.",
        "If Bram came now, she would not open.",
        "She imagined that Bram sat by the fire.",
        "She wished Bram came home.",
        "Years ago Bram sat in this chair.",
        "In the days when Bram ran the inn, it was full.",
        "Before Bram went to sea, he gave her the ring.",
        "Bram used to say little.",
        "Never again would Bram walk here.",
        "The portrait of Bram looked at her.",
        "She read the book that Bram wrote.",
        "The rope Bram held was still there.",
        "Anna sat in the chair where Bram sat.",
        "This was all Bram gave her.",
        "She knew the old song Bram began every night with.",
        "She did what Bram said.",
    ],
)  # fmt: skip
def test_the_dead_may_be_spoken_and_thought_of(text: str) -> None:
    assert rules(text, DEATH) == []


@pytest.mark.parametrize(
    "before",
    [
        "Bram walked to the mill.",
        "Bram nearly died in the night.",
        "Bram had not died.",
        '"Bram died in the night," Anna said.',
        "Anna feared that Bram might be dead.",
        "Anna died in the night.",
    ],
)
def test_who_is_not_known_to_be_dead_acts_freely(before: str) -> None:
    assert "dead_acts" not in rules("Bram laughed at the window.", before)


def test_someone_may_act_and_then_die_in_one_paragraph() -> None:
    assert rules("Bram climbed the tower. At the top Bram died.") == []


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("Anna stood in the mill. Anna sat at the Grey Inn.", ""),
        ("Anna waited at the Grey Inn. The rain fell. Anna slept in the mill.", ""),
        ("Anna sat alone in the mill, and Anna stood at the Grey Inn.", ""),
        ("At the same time, Anna sat in the mill.", "Anna stood at the Grey Inn."),
        ("Meanwhile Anna waited in the mill.", "Anna sat at the Grey Inn."),
        ("Just then Bram stood in the mill.", "Bram slept at the Grey Inn."),
    ],
)
def test_one_body_is_in_one_place(text: str, before: str) -> None:
    (finding,) = findings(text, *filter(None, [before]))
    assert finding.rule == "two_places"
    assert "the mill" in finding.message
    assert "the Grey Inn" in finding.message
    assert all(quote in text for quote in finding.quotes)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("Anna stood in the mill.", "Anna sat at the Grey Inn."),
        ("Anna stood in the mill. Anna slept in the mill.", ""),
        ("Anna stood in the mill. Bram sat at the Grey Inn.", ""),
        ("Anna stood in the mill. She walked for an hour. Anna sat at the Grey Inn.", ""),
        ("Anna stood in the mill. Later Anna sat at the Grey Inn.", ""),
        ("Anna stood in the mill. By night Anna slept at the Grey Inn.", ""),
        ("Anna stood in the mill until Anna went to the Grey Inn.", ""),
        ("Anna stood in the mill. The road was long. Anna sat at the Grey Inn.", ""),
        ('Anna stood in the mill. "Anna sat at the Grey Inn," said Bram.', ""),
        ("Anna stood in the mill. Anna was not at the Grey Inn.", ""),
        ("Anna stood in the mill. Bram wished that Anna was at the Grey Inn.", ""),
        ("Anna stood in the mill. Perhaps Anna would be at the Grey Inn tomorrow.", ""),
        ("Anna went to the mill. Anna returned to the Grey Inn.", ""),
        ("Meanwhile Bram waited in the mill.", "Anna sat at the Grey Inn."),
        ("Meanwhile Anna waited at the Grey Inn.", "Anna sat at the Grey Inn."),
        ("Meanwhile Anna waited in the mill.", "It rained."),
        ("Anna waited in the mill. Meanwhile the rain stopped.", "Anna sat at the Grey Inn."),
        ("Meanwhile it rained on the mill.", "Anna sat at the Grey Inn."),
    ],
)
def test_who_moves_or_is_someone_else_is_left_alone(text: str, before: str) -> None:
    assert rules(text, *filter(None, [before])) == []


GREEN = "Anna had green eyes."


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("Anna's eyes were brown.", GREEN),
        ("The miller saw that Anna had blue eyes.", GREEN),
        ("Anna, with grey eyes, looked at him.", GREEN),
        ("Anna's hair was black in the lamplight.", "Anna's hair was red."),
        ("Anna has white hair.", "Anna had brown hair."),
        ("Bram was right-handed.", "Bram was left-handed."),
    ],
)
def test_a_look_does_not_change_by_itself(text: str, before: str) -> None:
    (finding,) = findings(text, before)
    assert finding.rule == "attribute_changed"
    assert finding.fact is not None
    assert finding.fact.object in finding.message
    assert all(quote in text for quote in finding.quotes)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("Anna had green eyes.", GREEN),
        ("Anna's eyes were green.", GREEN),
        ("Bram had brown eyes.", GREEN),
        ("Anna had brown hair.", GREEN),
        ("Anna had brown eyes.", "It rained."),
        ("Anna had dyed it all, and now Anna had black hair.", "Anna had red hair."),
        ("The curse had worked: Anna had black eyes.", GREEN),
        ("Anna's eyes were not brown.", GREEN),
        ('"Anna had brown eyes," said the liar.', GREEN),
        ("Bram dreamed that Anna had brown eyes.", GREEN),
        ("Anna wore a wig, so that Anna had black hair.", "Anna had red hair."),
        ("Anna was blind.", GREEN),
        ("Anna had brown bread and green cheese.", GREEN),
        ("Anna's eyes were red from the smoke.", GREEN),
        ("Anna's eyes were dark with anger.", GREEN),
        ("Anna had gray eyes.", "Anna had grey eyes."),
        ("Anna's hair was dark.", "Anna had brown hair."),
        ("Anna had golden hair.", "Anna had fair hair."),
        ("Bram was left-handed.", "Bram was blind."),
    ],
)
def test_a_look_that_is_the_same_or_has_a_cause_is_left_alone(text: str, before: str) -> None:
    assert rules(text, before) == []


CLEAN = (
    "Anna climbed the stairs of the mill with the lamp in her hand. The boards were wet.",
    'Anna waited at the Grey Inn until the clock struck four. "He will come," she said.',
    "Bram came out of the rain and closed the door. He put the letter on the table and sat by the fire.",
    "Then Anna and Bram walked to the mill together, and neither of them spoke before the bridge.",
    "At the mill Bram held the rope. Anna went down first, her green eyes on the water below.",
    "When it was over they returned to the Grey Inn, and Anna slept until noon.",
)


def test_a_clean_story_is_clean_at_every_paragraph() -> None:
    for number, text in enumerate(CLEAN):
        assert rules(text, *CLEAN[:number]) == [], text


def test_a_finding_whose_words_are_not_in_the_draft_is_dropped() -> None:
    known = fold([Fact(paragraph=0, subject="anna", relation=Relation.IS, object="green eyes")])
    claimed = Fact(paragraph=1, subject="anna", relation=Relation.IS, object="brown eyes", quote="Anna had brown eyes")
    text = "Anna looked up."
    assert check_all(Case(text=text, facts=(claimed,), world=known, premise=PREMISE, beat=BEAT, paragraph=1)) == ()
