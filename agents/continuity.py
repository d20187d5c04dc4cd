"""The continuity agent's extractor: from a paragraph to typed facts, by patterns over the names that the state knows.

It needs no model, so it works for every engine; a model check can stand beside it. Every fact carries the words that it
rests on, verbatim. Invariant: what is said in speech, denied, wished or only possible is no fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agents.prose import without_speech
from agents.text import sentences
from planner.state import Entity, EntityKind, Fact, Relation

_UNSURE = re.compile(
    r"\b(not|never|no longer|n't|nobody|if|would|could|might|may|should|as though|as if|almost|nearly|dream\w*|imagin\w*|"
    r"remember\w*|wish\w*|hop(?:ed|es)|want(?:ed|s)|without|pretend\w*|seem\w*|thought|wonder\w*|had been)\b|n't\b",
    re.IGNORECASE,
)
_DIES = r"(?:died|dies|was dead|is dead|lay dead|lies dead|had died|was killed|is killed|drowned|drowns|was murdered|breathed (?:her|his|their) last)"
_COMES = (
    r"(?:was|is|were|stood|stands|sat|sits|waited|waits|stayed|stays|lived|lives|worked|works|slept|sleeps|arrived|arrives|"
    r"lay|lies|hid|hides|came|comes|went|goes|ran|runs|walked|walks|climbed|climbs|returned|returns|hurried|hurries|rode|"
    r"rides|sailed|sails|crept|creeps|drove|flew|stepped|steps|kept watch|keeps watch|went back|came back|walked back)"
)
_INTO = r"(?:\w+ ){0,3}?(?:at|in|into|inside|to|on|onto|up to|down to|back to)"
_TAKES = (
    r"(?:took|takes|picked up|picks up|held|holds|carried|carries|kept|keeps|had|has|lifted|lifts|pocketed|pockets|grabbed|"
    r"grabs|found|finds|stole|steals|caught|catches|bought|buys|received|receives|wore|wears)"
)
_COLOURS = r"(?:green|blue|brown|grey|gray|black|hazel|amber|red|white|silver|golden|blond|fair|dark|violet)"
_LASTING = r"(?:left-handed|right-handed|blind|deaf|mute|lame|bald|bearded|one-eyed|one-armed)"


def extract(text: str, entities: Sequence[Entity], paragraph: int) -> tuple[Fact, ...]:
    """The facts that paragraph number ``paragraph`` (from 0) states about ``entities``, in the order of the text."""
    facts: list[tuple[int, Fact]] = []
    narration = without_speech(text)
    offset = 0
    for sentence in sentences(narration):
        at = narration.find(sentence, offset)
        offset = at + len(sentence)
        for start, end, fact in _facts_of(sentence, entities, paragraph):
            quote = text[at + start : at + end]
            if not _UNSURE.search(_clause(sentence, start, end)):
                facts.append((at + start, fact.model_copy(update={"quote": quote[:500]})))
    facts.sort(key=lambda item: item[0])
    return tuple(dict.fromkeys(fact for _, fact in facts))


def _clause(sentence: str, start: int, end: int) -> str:
    """The part of a sentence that a match stands in, from the last break before it; a denial after it denies it, too."""
    breaks = [sentence.rfind(mark, 0, start) for mark in (",", ";", " but ", " and ", " then ")]
    return sentence[max(breaks) + 1 : end]


def _facts_of(sentence: str, entities: Sequence[Entity], paragraph: int) -> Iterator[tuple[int, int, Fact]]:
    people = [e for e in entities if e.kind in {EntityKind.CHARACTER, EntityKind.BEAST}]
    places = [e for e in entities if e.kind is EntityKind.PLACE]
    things = [e for e in entities if e.kind in {EntityKind.ITEM, EntityKind.NOTE, EntityKind.BEAST}]

    def found(pattern: str, relation: Relation, subject: Entity, value: str | None) -> Iterator[tuple[int, int, Fact]]:
        for match in re.finditer(pattern, sentence):
            named = value if value is not None else match.group("value").lower().strip()
            if value is None and (part := match.groupdict().get("part")):
                named = f"{named} {part}"  # "her eyes were green" says the same as "she had green eyes"
            yield match.start(), match.end(), Fact(
                paragraph=paragraph, subject=subject.id, relation=relation, object=named
            )

    for person in people:
        name = rf"(?<!\w){_any_name(person)}"
        yield from found(rf"{name} (?:\w+ly )?{_DIES}\b", Relation.DEAD, person, "")
        yield from found(rf"\b(?:killed|murdered|buried) {_any_name(person)}\b", Relation.DEAD, person, "")
        yield from found(
            rf"{name}(?:'s (?P<part>eyes|hair) (?:was|were|is|are) | had | has |, with )(?P<value>{_COLOURS}(?: (?:eyes|hair))?)\b",
            Relation.IS, person, None,
        )  # fmt: skip
        yield from found(rf"{name} (?:was|is) (?P<value>{_LASTING})\b", Relation.IS, person, None)
        for place in places:
            there = _any_name(place)
            yield from found(rf"{name} {_COMES} {_INTO} {there}(?!\w)", Relation.AT, person, place.id)
            yield from found(rf"\b(?:At|In|Inside) {there},? {_any_name(person)}\b", Relation.AT, person, place.id)
        for thing in things:
            if thing is person:
                continue
            yield from found(rf"{name} (?:\w+ly )?{_TAKES} {_any_name(thing)}(?!\w)", Relation.HAS, person, thing.id)
            for other in people:
                if other is not person:
                    given = rf"(?:gave|gives|handed|hands|passed|passes) (?:{_any_name(thing)} to {_any_name(other)}|{_any_name(other)} {_any_name(thing)})"
                    yield from found(rf"{name} (?:\w+ly )?{given}(?!\w)", Relation.HAS, other, thing.id)


def _any_name(entity: Entity) -> str:
    """A pattern for the entity's name and aliases; a leading article may be capital."""
    names = sorted({entity.name, *entity.aliases}, key=len, reverse=True)
    patterns = [re.sub(r"^(?:[Tt]he|[Aa]n?)\\ ", lambda m: f"[{m.group()[0].upper()}{m.group()[0].lower()}]{m.group()[1:]}", re.escape(name)) for name in names]
    return f"(?:{'|'.join(patterns)})"

