"""Who and what a story has before a model is asked: the brief and the premise's own words, made into entities with slots.

Invariant: whatever a person named is in the cast, the setting or the things, marked ``given``, and keeps its name.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from agents.brief import Brief, CharacterWish, read_character
from agents.lexicon import kind_of, pick_name, pronoun_of, pronoun_of_name
from agents.reading import Mention, read_premise, workplace
from planner.state import Entity, EntityKind, Pronouns
from prompts.slots import MAX_PLACES, MAX_THINGS

_TEXT_PRONOUNS = {"she": Pronouns.SHE, "her": Pronouns.SHE, "he": Pronouns.HE, "his": Pronouns.HE, "him": Pronouns.HE}


@dataclass
class Casting:
    """The known part of a premise. ``logline`` is the premise's text with slots in place of what it names."""

    cast: list[CharacterWish] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    things: list[tuple[EntityKind, str]] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    """How the premise itself puts the name of a place or a thing: "a door" where the story says "the door"."""


def read_brief(brief: Brief) -> Casting:
    """Take every entity out of the flags first, then out of the premise's words."""
    casting = Casting(cast=[read_character(text) for text in brief.characters])
    if brief.setting:
        casting.places.append(brief.setting)
    unclaimed = list(range(len(casting.cast)))  # characters by flag, waiting for a role that the premise speaks of
    for mention in read_premise(brief.logline):
        if mention.kind == "character":
            _add_character(casting, mention, brief.logline[mention.start : mention.end], unclaimed)
            continue
        casting.said.setdefault(mention.name, brief.logline[mention.start : mention.end])
        if mention.kind == "place":
            if mention.name not in casting.places and len(casting.places) < MAX_PLACES:
                casting.places.append(mention.name)
            _mark(casting, mention, "place", casting.places)
            continue
        thing = (EntityKind(mention.kind), mention.name)
        if thing not in casting.things and len(casting.things) < MAX_THINGS:
            casting.things.append(thing)
        if thing in casting.things:
            casting.spans.append((mention.start, mention.end, f"<{thing[0]}{casting.things.index(thing) + 1}>"))
    for wish in casting.cast:
        place = workplace(wish.role)
        if place and not casting.places:
            casting.places.append(place)
    return casting


def _mark(casting: Casting, mention: Mention, kind: str, names: list[str]) -> None:
    if mention.name in names:
        casting.spans.append((mention.start, mention.end, f"<{kind}{names.index(mention.name) + 1}>"))


def _claim(casting: Casting, mention: Mention, definite: bool, unclaimed: list[int]) -> int | None:
    """Which of the cast an unnamed mention means: who has its role ("a girl ... The girl"), else who waits for one."""
    free = {i for i in range(len(casting.cast)) if definite} | set(unclaimed)
    same = [i for i in sorted(free) if casting.cast[i].role.lower() == mention.role.lower()]
    without_role = [i for i in unclaimed if not casting.cast[i].role]
    return next(iter((*same, *without_role, *unclaimed)), None)


def _add_character(casting: Casting, mention: Mention, words: str, unclaimed: list[int]) -> None:
    index = next((i for i, wish in enumerate(casting.cast) if mention.name and wish.name == mention.name), None)
    the = words.partition(" ")[0]
    if index is None and not mention.name:
        index = _claim(casting, mention, the.lower() == "the", unclaimed)
    again = index is not None and index not in unclaimed
    if index is None:
        if len(casting.cast) >= 4:
            return
        casting.cast.append(CharacterWish(name=mention.name))
        index = len(casting.cast) - 1
    elif index in unclaimed:
        unclaimed.remove(index)
    wish = casting.cast[index]
    casting.cast[index] = wish.model_copy(update={"role": wish.role or mention.role})
    # "A <role1> finds ..." where the premise gives only the role; "<c1> finds ..." where it gives the name.
    token = f"<c{index + 1}>" if mention.name else f"{the if again else 'a'} <role{index + 1}>"
    casting.spans.append((mention.start, mention.end, token))


def pronouns_for(wish: CharacterWish, logline: str, first: bool, rng: random.Random) -> Pronouns:
    """The pronouns of a character: as given, by role, by name, by the premise's own pronouns, else drawn."""
    if wish.pronouns:
        return wish.pronouns
    if known := pronoun_of(wish.role) or (pronoun_of_name(wish.name) if wish.name else None):
        return Pronouns(known)
    if first and (word := next((w for w in re.findall(r"[a-z]+", logline.lower()) if w in _TEXT_PRONOUNS), None)):
        return _TEXT_PRONOUNS[word]
    if wish.name:
        return Pronouns.THEY  # a name that no list knows: better no guess than a wrong one
    return rng.choice((Pronouns.SHE, Pronouns.HE))


def cast_entities(wishes: list[CharacterWish], logline: str, rng: random.Random, given: int) -> tuple[Entity, ...]:
    """Give every character pronouns, a name and a slot. The first ``given`` were named or described by a person."""
    entities: list[Entity] = []
    for number, wish in enumerate(wishes, 1):
        pronouns = pronouns_for(wish, logline, number == 1, rng)
        taken = frozenset(w.name for w in wishes if w.name) | {e.name for e in entities}
        twice = number > given and wish.name in {e.name for e in entities}
        name = pick_name(pronouns, rng, taken) if twice or not wish.name else wish.name
        entities.append(
            Entity(
                id=f"c{number}", kind=EntityKind.CHARACTER, name=name, slot=f"<{pronouns}{number}>", pronouns=pronouns,
                role=wish.role, traits=wish.traits, goal=wish.goal, given=number <= given,
            )
        )  # fmt: skip
    return tuple(entities)


def place_entities(names: list[str], said: dict[str, str], given: int) -> tuple[Entity, ...]:
    return tuple(
        Entity(
            id=f"p{n}",
            kind=EntityKind.PLACE,
            name=name,
            slot=f"<place{n}>",
            given=n <= given,
            aliases=_alias(name, said),
        )
        for n, name in enumerate(names[:MAX_PLACES], 1)
    )


def thing_entities(things: list[tuple[EntityKind, str]], said: dict[str, str], given: int) -> tuple[Entity, ...]:
    return tuple(
        Entity(id=f"t{n}", kind=kind, name=name, slot=f"<{kind}{n}>", given=n <= given, aliases=_alias(name, said))
        for n, (kind, name) in enumerate(things[:MAX_THINGS], 1)
    )


def _alias(name: str, said: dict[str, str]) -> tuple[str, ...]:
    words = said.get(name, name)
    return (words,) if words.lower() != name.lower() else ()


def thing_kind(name: str) -> EntityKind:
    """The sort of a thing by its head noun; what could be a place counts as a site."""
    kind = kind_of(name.rsplit(maxsplit=1)[-1])
    return EntityKind.SITE if kind == "place" else EntityKind(kind)


def slotted_logline(logline: str, casting: Casting, cast: tuple[Entity, ...]) -> str:
    """The premise's text with every mention replaced by its slot."""
    text, end = "", 0
    for start, stop, token in sorted(casting.spans):
        if start < end:
            continue
        slot = next((entity.slot for entity in cast if token == f"<{entity.id}>"), token)
        text += logline[end:start] + (slot.capitalize() if start == 0 and slot[0] == "a" else slot)
        end = stop
    text += logline[end:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
