"""Reading a premise by grammar: what is found, and where."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.reading import is_person, read_premise, workplace

PREMISES: list[tuple[str, list[tuple[str, str, str]]]] = [
    ("A lighthouse keeper finds a door under the sea.",
     [("character", "", "lighthouse keeper"), ("site", "the door under the sea", "")]),
    ("Mara, a baker, must find her stolen clock.", [("character", "Mara", "baker"), ("site", "the stolen clock", "")]),
    ("A dragon guards a bridge in the mountains.",
     [("character", "", "dragon"), ("site", "the bridge", ""), ("place", "the mountains", "")]),
    ("Two sisters inherit a haunted house.", [("character", "", "sisters"), ("site", "the haunted house", "")]),
    ("Tom and Anna sail to the island.", [("character", "Tom", ""), ("character", "Anna", ""), ("site", "the island", "")]),
    ("The old detective wakes up in a strange city with no memory.",
     [("character", "", "old detective"), ("place", "the strange city", "")]),
    ("A robot learns to paint.", [("character", "", "robot")]),
    ("In a small village, a boy finds a letter.",
     [("place", "the small village", ""), ("character", "", "boy"), ("note", "the letter", "")]),
    ("Elena Vargas steals a ship from the harbour.",
     [("character", "Elena Vargas", ""), ("site", "the ship", ""), ("place", "the harbour", "")]),
    ("When the clocks stop, a watchmaker searches for her daughter.",
     [("site", "the clocks", ""), ("character", "", "watchmaker"), ("character", "", "daughter")]),
    ("A librarian discovers a book of maps in the cellar.",
     [("character", "", "librarian"), ("note", "the book", ""), ("place", "the cellar", "")]),
    ("Jonas loses his grandfather's compass.", [("character", "Jonas", ""), ("item", "the compass", "")]),
    ("A knight who fears horses must ride to the castle.", [("character", "", "knight"), ("site", "the castle", "")]),
    ("Ida works in the bakery.", [("character", "Ida", ""), ("place", "the bakery", "")]),
    ("An astronaut hears music on the moon.", [("character", "", "astronaut"), ("place", "the moon", "")]),
    ("A child finds a map to the old mill.",
     [("character", "", "child"), ("note", "the map", ""), ("place", "the old mill", "")]),
    ("Three thieves steal a painting from the museum.",
     [("character", "", "thieves"), ("note", "the painting", ""), ("place", "the museum", "")]),
    ("A painter finds a machine that grants wishes.", [("character", "", "painter"), ("site", "the machine", "")]),
    ("A pilot lands in Reykjavik.", [("character", "", "pilot"), ("place", "Reykjavik", "")]),
    ("A smuggler from Lisbon befriends a whale.",
     [("character", "", "smuggler"), ("place", "Lisbon", ""), ("beast", "the whale", "")]),
    ("A letter arrives.", [("note", "the letter", "")]),
    ("A retired boxer smuggles refugees across a frozen lake.",
     [("character", "", "retired boxer"), ("place", "the frozen lake", "")]),
    ("A locksmith unlocks rooms that nobody built.", [("character", "", "locksmith")]),
    ("A baker whittled toys for a deaf boy.", [("character", "", "baker"), ("character", "", "deaf boy")]),
    ("Two brothers quarrel over a vineyard.", [("character", "", "brothers"), ("place", "the vineyard", "")]),
    ("Three thieves outwit the queen.", [("character", "", "thieves"), ("character", "", "queen")]),
    ("A city sinks, and a diver maps it.", [("site", "the city", ""), ("character", "", "diver")]),
    ("Mara blackmails strangers in a drowned town.", [("character", "Mara", ""), ("place", "the drowned town", "")]),
    ("Three robber barons share a castle.", [("character", "", "robber barons share"), ("site", "the castle", "")]),
    ("A smuggler meets the baker brothers in the mill.",
     [("character", "", "smuggler"), ("item", "the baker brothers", ""), ("place", "the mill", "")]),
    ("A painter fears the darkness and solves a murder.",
     [("character", "", "painter"), ("item", "the darkness", ""), ("item", "the murder", "")]),
    ('A nurse finds a note that says "Help Me" in the attic.',
     [("character", "", "nurse"), ("note", "the note", ""), ("place", "the attic", "")]),
    ("A detective who hates “Mondays” follows the Duke.", [("character", "", "detective"), ("character", "", "Duke")]),
    ('The ghost whispers "Anna, come home" at the well.', [("character", "", "ghost"), ("place", "the well", "")]),
    ('A "smart" lamp stalks its inventor.', [("character", "", '"smart" lamp'), ("character", "", "inventor")]),
    ('A "ghost" rents a room.', [("character", "", "ghost"), ("site", "the room", "")]),
    ('A boy called "Sparrow" robs the harbour.', [("character", "Sparrow", "boy"), ("place", "the harbour", "")]),
    ("A nun named Ana Ruiz boards a ship called the Hope.", [("character", "Ana Ruiz", "nun"), ("site", "the Hope", "")]),
    ("A dog called Rex guards a village called Thornby.", [("character", "Rex", "dog"), ("place", "Thornby", "")]),
    ("Zoë inherits a bakery from Jos\u00e9’s aunt.",
     [("character", "Zoë", ""), ("place", "the bakery", ""), ("place", "José", "")]),
    ("I find a key.", [("item", "the key", "")]),
    ("He wants to go home.", []),
    ("Love conquers all.", []),
    ("!?.,", []),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("premise", "mentions"), PREMISES, ids=[premise for premise, _ in PREMISES])
def test_a_premise_gives_its_people_places_and_things(premise: str, mentions: list[tuple[str, str, str]]) -> None:
    assert [(m.kind, m.name, m.role) for m in read_premise(premise)] == mentions


WORDS = st.sampled_from(
    "a the her two that Mara Tom Anna's baker girl dragon door letter village sea finds must steals and of in from under with "
    'when I , . ! ? " ; “ – é 7 I\'m o\'clock called "Sam" ‘old’ “Oh Anna” smuggles bakers Zoë’s'.split()
)


@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=14).map(" ".join)))
@example("Tom")
@example("the")
def test_spans_give_back_their_words_in_order_and_never_overlap(text: str) -> None:
    end = 0
    for mention in read_premise(text):
        assert end <= mention.start < mention.end <= len(text)
        words = text[mention.start : mention.end]
        assert words == words.strip()
        if mention.kind == "character":
            assert mention.name in words
            assert mention.role in words
        else:
            assert words.rsplit(maxsplit=1)[-1].strip("\"“”‘’'") == mention.name.rsplit(maxsplit=1)[-1].strip("\"“”‘’'")
        end = mention.end


def test_a_run_of_words_too_long_for_a_name_is_none() -> None:
    assert read_premise(f"A baker finds the {'very ' * 20}old key.") == read_premise("A baker finds it.")


@pytest.mark.parametrize(
    ("head", "person"),
    [("baker", True), ("Queen", True), ("thief", True), ("librarian", True), ("tower", False), ("letter", False), ("key", False)],
)  # fmt: skip
def test_a_person_is_known_by_list_or_ending(head: str, person: bool) -> None:
    assert is_person(head) is person


@pytest.mark.parametrize(
    ("premise", "roles"),
    [
        ("A night guard in a small museum hides a false stamp.", ["night guard"]),
        ("In the last year of a generation ship a weather programmer needs a spare heart.", ["weather programmer"]),
        ("On the opening day of a hotel a goat keeper loses a wedding dress.", ["goat keeper"]),
        ("A choir leader on a cruise ship hides a trophy before a constable finds it.", ["choir leader", "constable"]),
        ("A translator brings a bouquet meant for somebody else to a lawn mower.", ["translator"]),
        ("A repair technician in a junkyard finds a black recorder.", ["repair technician"]),
        ("A cave guide aboard a ship wants to bring everyone ashore.", ["cave guide"]),
    ],
)
def test_who_acts_is_read_and_what_only_ends_like_a_person_is_not(premise: str, roles: list[str]) -> None:
    assert [m.role for m in read_premise(premise) if m.kind == "character"] == roles


def test_of_our_own_premises_nine_in_ten_have_their_hero_read() -> None:
    from agents.brief import make_brief
    from agents.casting import read_brief
    from finetune.stories.model import written

    premises = list(written())
    read = [read_brief(make_brief(logline=premise.logline)).cast for premise in premises]
    right = sum(bool(cast) and cast[0].role == p.planned.cast[0].role for cast, p in zip(read, premises, strict=True))
    assert right >= 0.9 * len(premises)


@pytest.mark.parametrize(
    ("role", "place"),
    [("lighthouse keeper", "the lighthouse"), ("Village school teacher", "the school"), ("baker", ""), ("", "")],
)
def test_a_role_may_tell_the_workplace(role: str, place: str) -> None:
    assert workplace(role) == place
