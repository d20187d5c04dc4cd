"""Tell a story in a world: walk its events with a seed and write every paragraph, keeping the truth beside it.

Invariant: the same world and seed give the same story; the text holds slot tokens only, never a name.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from finetune.worlds.model import CHARACTERS, MARKER, PLACES, THINGS, Event, Way, World
from prompts.slots import PRONOUNS

_PLURAL = {"was": "were", "wasn't": "weren't", "has": "have", "hasn't": "haven't", "is": "are", "isn't": "aren't",
           "doesn't": "don't", "does": "do"}  # fmt: skip
_THEY_VERB = re.compile(r"\b([Tt]hey) (" + "|".join(sorted(_PLURAL, key=len, reverse=True)) + r")\b")
_SMALL = frozenset({"a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "by", "for", "with", "from"})


@dataclass(frozen=True)
class Member:
    """Who or what plays a part of the world in one story."""

    slot: str
    name: str
    trait: str = ""
    goal: str = ""


@dataclass(frozen=True)
class Paragraph:
    """One told paragraph and the truth about it, all in slots."""

    purpose: str
    beat: str
    part: int
    parts: int
    text: str
    stage: tuple[str, ...]
    facts: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Story:
    world: str
    genre: str
    tone: str
    pov: str
    tense: str
    title: str
    logline: str
    members: dict[str, Member]
    paragraphs: tuple[Paragraph, ...]
    theme: str = ""
    """The world's name in words; a corpus story has none."""


@dataclass
class _Telling:
    world: World
    rng: random.Random
    members: dict[str, Member]
    details: dict[str, str]
    last_choice: dict[str, int] = field(default_factory=dict)

    def fill(self, text: str, headline: bool = False) -> str:
        """Markers become slot tokens, pronouns and details; capitals and verbs are mended, a headline's details too."""

        def one(match: re.Match[str]) -> str:
            key, form = match.group(1), match.group(2)
            if key in self.details:
                return _capitalised(self.details[key]) if headline else self.details[key]
            slot = self.members[key].slot
            if not form:
                return slot
            if form == "role":
                return f"<role{slot[-2]}>"
            pronoun = PRONOUNS[slot[1:-2]][form.lower()]
            return pronoun.capitalize() if form[0].isupper() else pronoun

        text = _THEY_VERB.sub(lambda m: f"{m.group(1)} {_PLURAL[m.group(2)]}", MARKER.sub(one, text))
        return re.sub(r"(^\"?|[.!?] +\"?)([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)

    def lines(self, text: str) -> str:
        """One telling: a sentence position a line, alternatives parted by `` / ``, ``? `` before an optional line."""
        sentences = []
        for line in filter(None, (raw.strip() for raw in text.splitlines())):
            if line.startswith("? ") and self.rng.random() < 0.45:
                continue
            options = line.removeprefix("? ").split(" / ")
            sentences.append(self.rng.choice([option.strip() for option in options]))
        return self.fill(" ".join(sentences))


def _capitalised(detail: str) -> str:
    """A detail as a title spells it: "the first snow" is "the First Snow"."""
    return " ".join(word if word in _SMALL else word[:1].upper() + word[1:] for word in detail.split(" "))


def _cast(world: World, rng: random.Random) -> dict[str, Member]:
    members: dict[str, Member] = {}
    for number, key in enumerate(CHARACTERS[: len(world.cast)], 1):
        role = world.cast[key]
        kind = rng.choices(("she", "he", "they"), (48, 48, 4 if world.tense == "past" else 0))[0]
        members[key] = Member(f"<{kind}{number}>", rng.choice(role.roles), rng.choice(role.traits), role.goal)
    for number, key in enumerate(PLACES[: len(world.places)], 1):
        members[key] = Member(f"<place{number}>", rng.choice(world.places[key]))
    for number, key in enumerate(THINGS[: len(world.things)], 1):
        thing = world.things[key]
        members[key] = Member(f"<{thing.kind}{number}>", rng.choice(thing.names))
    return members


def theme_of(world: World) -> str:
    """What the tags call a world: its name in words."""
    return world.name.replace("-", " ")


def walk(world: World, rng: random.Random) -> list[tuple[Event, Way]]:
    """One path through the events, from a start to a resolution; ``ValueError`` where the flags leave no way open."""
    flags: set[str] = set()
    path: list[tuple[Event, Way]] = []
    following = world.start
    while following:
        options = [
            (event, way)
            for name in following
            for event in (world.events[name],)
            for way in event.ways
            if all((need[4:] not in flags) if need.startswith("not ") else (need in flags) for need in way.needs)
        ]
        if not options:
            raise ValueError(f"{world.name}: no way is open after {path[-1][1].beat!r} with the flags {sorted(flags)}")
        event, way = rng.choice(options)
        flags.update(way.sets)
        path.append((event, way))
        following = way.next
    return path


def tell(world: World, seed: int, more: float = 0.25) -> Story:
    """Tell one story of ``world``. ``more`` is the chance that a beat which can take two paragraphs gets two.

    Raises ``ValueError`` when the world's flags leave no way open.
    """
    rng = random.Random(f"{world.name}/{seed}")
    members = _cast(world, rng)
    telling = _Telling(world, rng, members, {k: rng.choice(v) for k, v in world.details.items()})
    paragraphs: list[Paragraph] = []
    for event, way in walk(world, rng):
        stage = tuple(members[key].slot for key in event.stage)
        texts = [telling.lines(rng.choice(way.tell))]
        if way.more and rng.random() < more:
            texts.append(telling.lines(rng.choice(way.more)))
        beat, summary = (telling.lines(t) for t in (way.beat, way.summary))
        facts = tuple(telling.fill(fact) for fact in way.facts)
        for part, text in enumerate(texts, 1):
            paragraphs.append(
                Paragraph(event.purpose, beat, part, len(texts), text, stage, facts if part == 1 else (),
                          summary if part == 1 else "")
            )  # fmt: skip
    tone, title = rng.choice(world.tones), telling.fill(rng.choice(world.titles), headline=True)
    return Story(
        world.name, world.genre, tone, world.pov, world.tense, title, telling.fill(rng.choice(world.loglines)), members,
        tuple(paragraphs), theme_of(world),
    )  # fmt: skip
