"""The world as of a paragraph: the fold of the facts before it, as a networkx graph.

Nodes are entity ids and words, edges are facts that hold now. Invariant: a world is bounded by the number of entities and
relations, not by the length of the story, and folding a story's facts from the start gives the same world as advancing it
paragraph by paragraph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import networkx as nx

from planner.state import Entity, Fact, Relation

if TYPE_CHECKING:
    from planner.store import Library

# What can hold only once at a time: one place a body, one holder a thing, one value of an attribute's kind.
_ONE_OBJECT = {Relation.AT, Relation.DEAD}
MAX_SENTENCES = 12


def attribute_kind(value: str) -> str:
    """The sort of an attribute: its last word for "green eyes", else the value itself ("left-handed")."""
    words = value.lower().split()
    return words[-1] if len(words) > 1 else words[0] if words else ""


class World:
    """An immutable view of what holds now. ``graph`` is a ``MultiDiGraph`` whose edges carry ``fact``."""

    def __init__(self, graph: nx.MultiDiGraph[str] | None = None) -> None:
        self.graph: nx.MultiDiGraph[str] = graph if graph is not None else nx.MultiDiGraph()

    def __iter__(self) -> Iterator[Fact]:
        return (data["fact"] for _, _, data in self.graph.edges(data=True))

    def after(self, facts: Iterable[Fact]) -> World:
        """The world once ``facts`` have happened, in order."""
        graph = self.graph.copy()
        for fact in facts:
            for subject, value, key, data in list(graph.edges(keys=True, data=True)):
                if _ends(data["fact"], fact):
                    graph.remove_edge(subject, value, key=key)
            graph.add_edge(fact.subject, fact.object or str(fact.relation), key=str(fact.relation), fact=fact)
        return World(graph)

    def about(self, subject: str, relation: Relation | None = None) -> list[Fact]:
        """What holds of ``subject``, oldest first."""
        if subject not in self.graph:
            return []
        facts = [data["fact"] for _, _, data in self.graph.out_edges(subject, data=True)]
        return sorted((f for f in facts if relation in (None, f.relation)), key=lambda f: f.paragraph)

    def place_of(self, subject: str) -> str | None:
        where = self.about(subject, Relation.AT)
        return where[-1].object if where else None

    def holder_of(self, thing: str) -> str | None:
        if thing not in self.graph:
            return None
        holders = (data["fact"] for _, _, data in self.graph.in_edges(thing, data=True))
        return next((fact.subject for fact in holders if fact.relation is Relation.HAS), None)

    def is_dead(self, subject: str) -> bool:
        return bool(self.about(subject, Relation.DEAD))

    def sentences(self, entities: Sequence[Entity]) -> list[str]:
        """What holds now in plain words, the newest facts first, a bounded number of them."""
        names = {entity.id: entity.name for entity in entities}
        # The whole fact decides among equals, so that a story that is opened again says the same.
        order = sorted(self, key=lambda fact: (fact.subject, fact.relation, fact.object, fact.quote))
        newest = sorted(order, key=lambda fact: (not fact.pinned, -fact.paragraph))[:MAX_SENTENCES]
        return [in_words(fact, names) for fact in newest]


def in_words(fact: Fact, names: dict[str, str]) -> str:
    """A fact as a short clause."""
    subject, value = names.get(fact.subject, fact.subject), names.get(fact.object, fact.object)
    if fact.relation is Relation.DEAD:
        return f"{subject} is dead"
    if fact.relation is Relation.IS and len(value.split()) > 1 and value.split()[-1] in {"eyes", "hair"}:
        return f"{subject} has {value}"
    return f"{subject} {fact.relation if fact.relation is not Relation.AT else 'is at'} {value}"


def _ends(old: Fact, new: Fact) -> bool:
    """Whether ``old`` no longer holds once ``new`` does."""
    if old.relation is not new.relation:
        return False
    if new.relation is Relation.HAS:
        return old.object == new.object
    if old.subject != new.subject:
        return False
    if new.relation in _ONE_OBJECT:
        return True
    if new.relation is Relation.IS:
        return attribute_kind(old.object) == attribute_kind(new.object)
    return old.object == new.object


def fold(facts: Iterable[Fact]) -> World:
    """The world after all of ``facts``."""
    return World().after(facts)


class WorldCache:
    """The world at the head in work, kept between paragraphs so that a long story is folded once a run, not once a step."""

    def __init__(self) -> None:
        self._head: tuple[str, str | None] | None = None
        self._world = World()
        self.pinned: tuple[Fact, ...] = ()

    def at(self, library: Library, story: str, head: str | None) -> World:
        """The world after paragraph ``head`` (None: before the first), with the facts that a person pinned."""
        if self._head != (story, head):
            self.pinned = tuple(library.pinned(story))
            self._head = (story, head)
            self._world = fold((*(library.facts(head) if head else ()), *self.pinned))
        return self._world

    def advance(self, library: Library, story: str, parent: str | None, head: str, facts: Sequence[Fact]) -> None:
        """Move from ``parent`` to its new child ``head``; a person's pinned facts stand against what a paragraph says."""
        world = self.at(library, story, parent)
        self._head, self._world = (story, head), world.after((*facts, *self.pinned)) if facts else world

    def forget(self) -> None:
        """Read everything anew the next time: a fact was pinned, or the head was moved by a person."""
        self._head = None
