"""The world is the fold of the facts: however it is reached, it is the same, and it does not grow with the story."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from story_samples import ANNA, INN, KEY, new_story, write

from planner.state import Fact, Relation
from planner.store import Library
from planner.world import MAX_SENTENCES, World, WorldCache, attribute_kind, fold, in_words

SUBJECTS = ["anna", "bram", "cleo"]
OBJECTS = {
    Relation.AT: ["inn", "mill"], Relation.HAS: ["key", "lamp"], Relation.DEAD: [""], Relation.LIKES: SUBJECTS,
    Relation.IS: ["green eyes", "brown eyes", "red hair", "black hair", "left-handed"], Relation.KNOWS: ["the secret"],
}  # fmt: skip
FACTS = st.lists(
    st.sampled_from(sorted(OBJECTS)).flatmap(
        lambda relation: st.builds(
            Fact,
            paragraph=st.integers(0, 50),
            subject=st.sampled_from(SUBJECTS),
            relation=st.just(relation),
            object=st.sampled_from(OBJECTS[relation]),
        )
    ),
    max_size=40,
)


def fact(subject: str, relation: Relation, value: str = "", paragraph: int = 0, pinned: bool = False) -> Fact:
    return Fact(paragraph=paragraph, subject=subject, relation=relation, object=value, pinned=pinned)


def held(world: World) -> set[Fact]:
    return set(world)


@given(FACTS, st.lists(st.integers(0, 40), max_size=6))
def test_advancing_in_any_steps_gives_the_world_of_folding_at_once(facts: list[Fact], cuts: list[int]) -> None:
    world = World()
    for start, end in pairwise(sorted({0, len(facts), *(cut for cut in cuts if cut < len(facts))})):
        world = world.after(facts[start:end])
    assert held(world) == held(fold(facts))


@given(FACTS)
def test_a_world_never_holds_two_places_two_holders_or_two_colours(facts: list[Fact]) -> None:
    now = list(fold(facts))
    for relation in (Relation.AT, Relation.DEAD):
        subjects = [f.subject for f in now if f.relation is relation]
        assert len(subjects) == len(set(subjects))
    things = [f.object for f in now if f.relation is Relation.HAS]
    assert len(things) == len(set(things))
    looks = [(f.subject, attribute_kind(f.object)) for f in now if f.relation is Relation.IS]
    assert len(looks) == len(set(looks))


@given(FACTS)
def test_the_newest_fact_always_holds(facts: list[Fact]) -> None:
    if facts:
        assert facts[-1] in held(fold(facts))


def test_a_world_is_as_large_after_ten_thousand_facts_as_after_a_hundred() -> None:
    def wander(count: int) -> World:
        return fold(fact("anna", Relation.AT, ("inn", "mill")[i % 2], i) for i in range(count))

    assert len(list(wander(10_000))) == len(list(wander(100))) == 1


def test_after_leaves_the_world_before_as_it_was() -> None:
    before = fold([fact("anna", Relation.AT, "inn")])
    before.after([fact("anna", Relation.AT, "mill")])
    assert before.place_of("anna") == "inn"


def test_somebody_is_where_they_went_last() -> None:
    world = fold(
        [fact("anna", Relation.AT, "inn"), fact("bram", Relation.AT, "inn"), fact("anna", Relation.AT, "mill")]
    )
    assert (world.place_of("anna"), world.place_of("bram"), world.place_of("cleo")) == ("mill", "inn", None)


def test_a_thing_is_with_whom_it_was_given_to() -> None:
    world = fold(
        [fact("anna", Relation.HAS, "key"), fact("anna", Relation.HAS, "lamp"), fact("bram", Relation.HAS, "key")]
    )
    assert (world.holder_of("key"), world.holder_of("lamp"), world.holder_of("rope")) == ("bram", "anna", None)
    assert world.about("anna", Relation.HAS) == [fact("anna", Relation.HAS, "lamp")]


def test_the_dead_stay_dead_and_nobody_else_is() -> None:
    world = fold([fact("bram", Relation.DEAD, "", 3), fact("anna", Relation.AT, "inn", 4)])
    assert world.is_dead("bram")
    assert not world.is_dead("anna")
    assert not world.is_dead("cleo")


def test_eyes_change_without_touching_hair() -> None:
    looks = ["green eyes", "red hair", "brown eyes"]
    world = fold(fact("anna", Relation.IS, look, i) for i, look in enumerate(looks))
    assert [f.object for f in world.about("anna")] == ["red hair", "brown eyes"]


def test_the_sentences_are_bounded_and_put_what_a_person_pinned_first() -> None:
    facts = [fact("anna", Relation.LIKES, f"thing {i}", i) for i in range(40)]
    said = fold([fact("anna", Relation.DEAD, "", 0, pinned=True), *facts]).sentences([ANNA])
    assert len(said) == MAX_SENTENCES
    assert said[:2] == ["Anna Lévy is dead", "Anna Lévy likes thing 39"]


def test_facts_are_told_with_names() -> None:
    names = {entity.id: entity.name for entity in (ANNA, INN, KEY)}
    told = [
        in_words(fact("anna", relation, value), names)
        for relation, value in ((Relation.AT, "inn"), (Relation.HAS, "key"), (Relation.IS, "green eyes"), (Relation.IS, "blind"))
    ]  # fmt: skip
    assert told == [
        "Anna Lévy is at the Grey Inn", "Anna Lévy has the iron key", "Anna Lévy has green eyes", "Anna Lévy is blind",
    ]  # fmt: skip


def test_a_kept_world_is_that_of_reading_everything_anew(file_library: Library) -> None:
    story, kept = new_story(file_library), WorldCache()
    file_library.pin(story, fact("anna", Relation.IS, "green eyes"))
    parent: str | None = None
    for number, place in enumerate(["inn", "mill", "inn"]):
        said = (fact("anna", Relation.AT, place, number), fact("anna", Relation.IS, "brown eyes", number))
        (row,) = write(file_library, story, f"Paragraph {number}.", facts=said)
        kept.advance(file_library, story, parent, row.id, said)
        parent = row.id
        anew = WorldCache().at(file_library, story, row.id)
        assert held(kept.at(file_library, story, row.id)) == held(anew)
        assert [f.object for f in anew.about("anna", Relation.IS)] == ["green eyes"]


def test_a_story_that_is_opened_again_is_told_the_same_facts_in_the_same_order(file_library: Library) -> None:
    story, kept = new_story(file_library), WorldCache()
    file_library.pin(story, fact("bram", Relation.IS, "green eyes"))
    said = (fact("anna", Relation.AT, "inn"), fact("bram", Relation.AT, "inn"), fact("cleo", Relation.AT, "inn"))
    kept.at(file_library, story, None)
    (row,) = write(file_library, story, "All are at the inn.", facts=said)
    kept.advance(file_library, story, None, row.id, said)
    anew = WorldCache().at(file_library, story, row.id)
    assert kept.at(file_library, story, row.id).sentences([INN]) == anew.sentences([INN])


def test_a_fact_that_is_pinned_meanwhile_is_seen_once_the_world_is_forgotten(file_library: Library) -> None:
    story, kept = new_story(file_library), WorldCache()
    assert not kept.at(file_library, story, None).is_dead("bram")
    file_library.pin(story, fact("bram", Relation.DEAD))
    kept.forget()
    assert kept.at(file_library, story, None).is_dead("bram")
