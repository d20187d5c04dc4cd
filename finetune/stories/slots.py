"""Our own stories as the small model learns them: names, places, things and roles become slots.

Invariant: the result has the type of a story of ``finetune.worlds.teller``, so one row builder serves both; no name of the
cast, no place and no thing of the premise is left in any text of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from finetune.stories.model import WrittenPremise, WrittenStory
from finetune.stories.plan import Telling
from finetune.worlds.teller import Member, Paragraph, Story

_SLOT: Final = re.compile(r"<(?:she|he|they|place|item|site|beast|note)\d>")
_AN: Final = re.compile(r"\b([Aa])n (?=<role\d>)")


class Slots:
    """The slots of one premise: people by their place in the cast, places and things by theirs in the lists."""

    def __init__(self, premise: WrittenPremise) -> None:
        planned = premise.planned.cast
        self.members: dict[str, Member] = {}
        values: dict[str, str] = {}
        for number, (key, person, said) in enumerate(zip("ABCD", planned, premise.cast, strict=False), 1):
            slot = f"<{person.pronoun}{number}>"
            self.members[key] = Member(slot, person.role, said.trait, said.goal)
            values |= {person.role: f"<role{number}>", person.name: slot}
        for number, (key, place) in enumerate(zip("PQR", premise.places, strict=False), 1):
            self.members[key] = Member(f"<place{number}>", place)
            values[place] = f"<place{number}>"
        for number, (key, thing) in enumerate(zip("TUV", premise.things, strict=False), 1):
            self.members[key] = Member(f"<{thing.kind}{number}>", thing.name)
            values[thing.name] = f"<{thing.kind}{number}>"
        self._values = {name.lower(): slot for name, slot in values.items()}
        longest = sorted(values, key=lambda name: (-len(name), name))
        self._pattern = re.compile(rf"(?<![\w<])(?:{'|'.join(map(re.escape, longest))})(?![\w>])", re.IGNORECASE)

    def put(self, text: str) -> str:
        """``text`` with slots in place of what the premise names; "an" before a role is "a", as everywhere in slots."""
        text = self._pattern.sub(lambda match: self._values[match.group().lower()], " ".join(text.split()))
        return _AN.sub(r"\1 ", text)


def slotted(premise: WrittenPremise) -> Iterator[Story]:
    """Each story of ``premise`` in slots, with the theme that its premise is."""
    slots = Slots(premise)
    for written, telling in zip(premise.stories, premise.planned.tellings, strict=True):
        yield _story(premise, slots, written, telling)


def slotted_all(premises: Iterable[WrittenPremise]) -> Iterator[Story]:
    return (story for premise in premises for story in slotted(premise))


def _story(premise: WrittenPremise, slots: Slots, written: WrittenStory, telling: Telling) -> Story:
    paragraphs = []
    for one in written.paragraphs:
        text, beat = slots.put(one.text), slots.put(one.beat)
        stage = tuple(dict.fromkeys(_SLOT.findall(f"{beat} {text}")))
        facts = tuple(slots.put(fact) for fact in one.facts)
        paragraphs.append(Paragraph(one.purpose, beat, 1, 1, text, stage, facts, slots.put(one.note)))
    genre = premise.planned.genre
    return Story(
        f"our own {genre} stories", genre, telling.tone, telling.pov, telling.tense, slots.put(written.title),
        slots.put(premise.logline), slots.members, tuple(paragraphs),
    )  # fmt: skip
