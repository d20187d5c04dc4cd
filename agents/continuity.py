"""The continuity agent's extractor: from a paragraph to typed facts, by patterns over the names that the state knows.

It needs no model, so it works for every engine; a model check can stand beside it. Every fact carries the words that it
rests on, verbatim. Invariant: what is said in speech, asked, denied, wished, believed or only possible is no fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agents.prose import without_speech
from agents.text import sentences
from planner.state import Entity, EntityKind, Fact, Relation

_UNSURE = re.compile(
    r"\b(not|never|no longer|n't|nobody|if|would|could|might|may|should|as though|as if|almost|nearly|dream\w*|imagin\w*|"
    r"remember\w*|wish\w*|hop(?:ed|es)|want(?:ed|s)|without|pretend\w*|seem\w*|thought|wonder\w*|had been|unless|until|"
    r"before|whether|said|says|told|tells|believ\w*|suppos\w*|claim(?:ed|s)|fear(?:ed|s)|expect\w*|rumou?r\w*)\b|n't\b",
    re.IGNORECASE,
)
# A death that is only a way of speaking, and a body that is only tired.
_ALIVE = (
    r"(?! (?:laughing\b|of (?:laughter|shame|boredom|embarrassment|curiosity)\b|a (?:little|thousand)\b|"
    r"(?:inside|with kindness|by boredom)(?=\W*$|[,;])))"
)
_DEAD = r"dead(?! (?:tired|set|certain|sure|serious|calm|silent|quiet|asleep|against|right|wrong|on time|on (?:her|his|their))\b)"
_DIES = (
    rf"(?:(?:(?:had )?died|dies|was killed|is killed|was murdered)\b{_ALIVE}|(?:was|is|lay|lies) {_DEAD}\b|"
    r"drown(?:ed|s)\b(?! (?:her|his|their|the|an?|it|out)\b)|breathed (?:her|his|their) last\b)"
)
_COMES = (
    r"(?:was|is|were|stood|stands|sat|sits|waited|waits|stayed|stays|slept|sleeps|arrived|arrives|"
    r"lay|lies|hid|hides|came|comes|went|goes|ran|runs|walked|walks|climbed|climbs|returned|returns|hurried|hurries|rode|"
    r"rides|sailed|sails|crept|creeps|drove|flew|stepped|steps|kept watch|keeps watch|went back|came back|walked back)"
)
# Words between who and where after which they need not be there: looking at it, born in it, on the way to it, from it.
_NOT_THERE = (
    r"(?!(?:waiting|sleeping|sitting|standing|working|hiding|resting|lying|morning|evening) )\w+ing|born|raised|known|famous|"
    r"interested|needed|wanted|expected|missed|lost|late|due|way|from|away|near|close|next|to"
)
# Whoever climbs a wall or drives a cart need not be where the wall or the cart is.
_OBJECT = r"(?!(?:the|an?|her|his|their|it|them|him) )"
_INTO = rf"{_OBJECT}(?:(?!(?:{_NOT_THERE}) )\w+ ){{0,3}}?(?:at|in|into|inside|to|on|onto|up to|down to|back to)"
# The end of a name: not of one that goes on (the clock-maker), nor of an owner's (the clock's key).
_END = r"(?![\w-]|['’]s\b)"
_TAKES = (
    r"(?:took|takes|picked up|picks up|held|holds|carried|carries|kept|keeps|had|has|lifted|lifts|pocketed|pockets|grabbed|"
    r"grabs|found|finds|stole|steals|caught|catches|bought|buys|received|receives|wore|wears)"
)
_GIVES = r"(?:gave|gives|handed|hands|passed|passes)"
_COLOURS = r"(?:green|blue|brown|grey|gray|black|hazel|amber|red|white|silver|golden|blond|fair|dark|violet)"
_LASTING = r"(?:left-handed|right-handed|blind|deaf|mute|lame|bald|bearded|one-eyed|one-armed)"


def extract(text: str, entities: Sequence[Entity], paragraph: int) -> tuple[Fact, ...]:
    """The facts that paragraph number ``paragraph`` (from 0) states about ``entities``, in the order of the text."""
    facts: list[tuple[int, Fact]] = []
    narration = without_speech(text)
    grammar = _grammar(tuple(entities))
    offset = 0
    for sentence in sentences(narration):
        at = narration.find(sentence, offset)
        offset = at + len(sentence)
        if sentence.endswith("?"):
            continue
        for pattern in grammar.for_sentence(sentence):
            for match in pattern.regex.finditer(sentence):
                if _UNSURE.search(_clause(sentence, match.start(), match.end())):
                    continue
                fact = Fact(
                    paragraph=paragraph, subject=pattern.subject, relation=pattern.relation,
                    object=pattern.value if pattern.value is not None else _value(match),
                    quote=text[at + match.start() : at + match.end()][:500],
                )  # fmt: skip
                facts.append((at + match.start(), fact))
    facts.sort(key=lambda item: item[0])
    return tuple(dict.fromkeys(fact for _, fact in facts))


def _clause(sentence: str, start: int, end: int) -> str:
    """The part of a sentence that a match stands in, from the last break before it; a denial before it denies it, too."""
    breaks = [sentence.rfind(mark, 0, start) for mark in (",", ";", " but ", " and ", " then ")]
    return sentence[max(breaks) + 1 : end]


def _value(match: re.Match[str]) -> str:
    """An attribute's words; "her eyes were green" says the same as "she had green eyes"."""
    part = match.groupdict().get("part")
    value = match.group("value").lower().strip()
    return f"{value} {part}" if part else value


@dataclass(frozen=True)
class _Pattern:
    """``needs`` are the entities that a sentence must name before the pattern is tried on it."""

    needs: frozenset[str]
    regex: re.Pattern[str]
    relation: Relation
    subject: str
    value: str | None = None


class _Grammar:
    """Every pattern for a story's entities, and the words that tell that an entity is named."""

    def __init__(self, words: Iterable[tuple[str, str]], patterns: Iterable[_Pattern]) -> None:
        self._words, self._patterns = tuple(words), tuple(patterns)
        self._by_named: dict[frozenset[str], tuple[_Pattern, ...]] = {}

    def for_sentence(self, sentence: str) -> tuple[_Pattern, ...]:
        """The patterns that are worth trying: all that they need is named."""
        named = frozenset(key for word, key in self._words if word in sentence)
        if named not in self._by_named:
            self._by_named[named] = tuple(pattern for pattern in self._patterns if pattern.needs <= named)
        return self._by_named[named]


@lru_cache(maxsize=256)
def _grammar(entities: tuple[Entity, ...]) -> _Grammar:
    """The patterns for these entities."""
    people = [e for e in entities if e.kind in {EntityKind.CHARACTER, EntityKind.BEAST}]
    places = [e for e in entities if e.kind is EntityKind.PLACE]
    things = [e for e in entities if e.kind in {EntityKind.ITEM, EntityKind.NOTE, EntityKind.BEAST}]
    made: list[_Pattern] = []

    def add(named: Sequence[Entity], regex: str, relation: Relation, subject: Entity, value: str | None = None) -> None:
        needs = frozenset(entity.id for entity in named)
        made.append(_Pattern(needs, re.compile(regex), relation, subject.id, value))

    for person in people:
        bare = _any_name(person)
        name = rf"(?<!\w){bare}"
        add([person], rf"{name} (?:\w+ly )?{_DIES}", Relation.DEAD, person, "")
        add([person], rf"\b(?:killed|murdered|buried) {bare}{_END}", Relation.DEAD, person, "")
        add([person], rf"{name}'s (?P<part>eyes|hair) (?:was|were|is|are) (?P<value>{_COLOURS})\b", Relation.IS, person)
        add([person], rf"{name}(?: had| has|, with) (?P<value>{_COLOURS} (?:eyes|hair))\b", Relation.IS, person)
        add([person], rf"{name} (?:was|is) (?P<value>{_LASTING})\b", Relation.IS, person)
        for place in places:
            there = _any_name(place)
            add([person, place], rf"{name} {_COMES} {_INTO} {there}{_END}", Relation.AT, person, place.id)
            add([person, place], rf"\b(?:At|In|Inside) {there},? {bare}\b", Relation.AT, person, place.id)
        for thing in things:
            if thing is person:
                continue
            held = _any_name(thing)
            add([person, thing], rf"{name} (?:\w+ly )?{_TAKES} {held}{_END}", Relation.HAS, person, thing.id)
            for other in people:
                if other is not person and other is not thing:
                    to = _any_name(other)
                    gives = rf"{name} (?:\w+ly )?{_GIVES} (?:{held} to {to}|{to} {held}){_END}"
                    add([person, thing, other], gives, Relation.HAS, other, thing.id)
    return _Grammar(((re.sub(r"^(?:the|an?) ", "", name), e.id) for e in entities for name in _names(e)), made)


def _names(entity: Entity) -> list[str]:
    return sorted({entity.name, *entity.aliases}, key=len, reverse=True)


def _any_name(entity: Entity) -> str:
    """A pattern for the entity's name and aliases; a leading article may be capital."""

    def either(match: re.Match[str]) -> str:
        word = match.group()
        return f"[{word[0].upper()}{word[0].lower()}]{word[1:]}"

    return f"(?:{'|'.join(re.sub(r'^(?:[Tt]he|[Aa]n?)(?= |.? )', either, re.escape(name)) for name in _names(entity))})"
