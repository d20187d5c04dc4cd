"""A story of a corpus as Fabula would have planned it: premise, beats, and what happens in each paragraph.

Genre, names, setting and tense are read off the text; a beat is the sentence that says most of its paragraphs, or a few of
their words. Invariant: nothing is made up. What the text does not say is "any" or empty, and a story in which nobody can
be named gives nothing.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from agents.lexicon import detect_genre, kind_of, words
from finetune.build.textrank import key_sentences
from finetune.data.derive import key_words, purpose_of, tense_of
from finetune.data.names import Named, find_names, find_nouns, lowercase_words
from finetune.data.prose import even_paragraphs, outside_speech
from finetune.readers.base import Chapter, Work
from planner.state import (
    MAX_LINE,
    MAX_LOGLINE,
    ArcPosition,
    Beat,
    Entity,
    EntityKind,
    Outline,
    PointOfView,
    Premise,
    Pronouns,
    Tense,
)

LONGEST: Final = 40
"""Paragraphs of a story; a longer chapter is told as several."""
ANY: Final = "any"
TENSION: Final = {
    "setup": 0.1, "inciting": 0.35, "rising": 0.5, "twist": 0.65, "setback": 0.75, "crisis": 0.85, "climax": 1.0,
    "falling": 0.4, "resolution": 0.15,
}  # fmt: skip
JOTTED: Final = 0.35
"""Share of the beats that the generator sees as a few words, so that it never learns to wait for a sentence to copy."""
_SUBJECT: Final = {"she": "She", "he": "He", "they": "I"}
_TITLES: Final = frozenset("captain doctor professor master father mother sir lady lord aunt uncle".split())
_GOAL: Final = (
    r"\b(?:{}) (?:had )?(?:wanted|wished|longed|hoped|decided|tried|meant|resolved|set out|determined) "
    r"(to (?!be\b)[a-z' ]{{4,60}}?[a-z])(?=[.,;!]| (?:and|but|because|for|so|when|as) )"
)
_VOCABULARY = 100_000


@dataclass(frozen=True)
class Passage:
    """A paragraph with its place, what it says in one sentence, and who is in it (ids)."""

    text: str
    position: ArcPosition
    gist: str
    on_stage: tuple[str, ...]
    jotted: str = ""
    """The beat in a few words, as a person jots one down, where the generator is to learn from that."""


@dataclass(frozen=True)
class Told:
    """``number`` counts the stories of a work from 0; ``whole`` says that it is all of its work."""

    work: Work
    premise: Premise
    outline: Outline
    passages: tuple[Passage, ...]
    number: int
    whole: bool


class Common:
    """Words that the corpus writes small; a bounded number, so that a large corpus does not fill the memory."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, work: Work) -> None:
        self.counts.update({word: 5 * count for word, count in lowercase_words(work.paragraphs).items()})
        if len(self.counts) > 2 * _VOCABULARY:
            self.counts = Counter(dict(self.counts.most_common(_VOCABULARY)))


def stretches(work: Work) -> Iterator[tuple[Chapter, tuple[str, ...]]]:
    """Each chapter in paragraphs of an even length, ``LONGEST`` at a time and no stretch of fewer than two."""
    for chapter in work.chapters:
        even = list(even_paragraphs(chapter.paragraphs))
        pieces = -(-len(even) // LONGEST) or 1
        for piece in range(pieces):
            stretch = tuple(even[piece * len(even) // pieces : (piece + 1) * len(even) // pieces])
            if len(stretch) >= 2:
                yield chapter, stretch


def tell(work: Work, common: Counter[str], seed: str) -> Iterator[Told]:
    """The stories of a work that can be planned; those in which nobody can be named are left out."""
    found = list(stretches(work))
    genre = genre_of(work)
    for number, (chapter, paragraphs) in enumerate(found):
        text = "\n".join(paragraphs)
        first_person = len(re.findall(r"\bI\b", outside_speech(text))) > len(paragraphs)
        cast = _cast(text, common, first_person)
        if not cast:
            continue
        rng = random.Random(f"{seed}/{work.group}/{number}")
        setting, things = _setting(text, common)
        whole = len(found) == 1
        premise = Premise(
            logline=logline_of(work, paragraphs)[:MAX_LOGLINE], title=_title(work, chapter)[:MAX_LINE], genre=genre,
            tone=work.tone or ANY, cast=cast, setting=setting, things=things,
            point_of_view=PointOfView.FIRST if first_person else PointOfView.THIRD, tense=Tense(tense_of(text)),
        )  # fmt: skip
        outline, passages = _planned(paragraphs, premise, rng)
        yield Told(work, premise, outline, passages, number, whole)


def genre_of(work: Work, looked_at: int = 120) -> str:
    """The genre that most paragraphs speak of, by the premise agent's own word lists; "any" where none does."""
    paragraphs = work.paragraphs
    some = paragraphs[:: max(1, len(paragraphs) // looked_at)]
    counts = Counter(genre for text in (work.title, work.prompt, *some) if (genre := detect_genre(text)))
    return counts.most_common(1)[0][0] if counts else ANY


def logline_of(work: Work, paragraphs: tuple[str, ...]) -> str:
    """What the story is about: the prompt or the summary that it came with, else what its beginning says of itself."""
    if said := work.prompt or work.summary:
        return said
    beginning = " ".join(paragraphs[: max(2, len(paragraphs) // 3)])
    return " ".join(key_sentences(beginning, 1))


def _title(work: Work, chapter: Chapter) -> str:
    if work.title and chapter.title and len(work.chapters) > 1:
        return f"{work.title}, {chapter.title}"
    return work.title or chapter.title


def _cast(text: str, common: Counter[str], first_person: bool) -> tuple[Entity, ...]:
    people: list[tuple[str, str]] = [("the narrator", "they")] if first_person else []
    named = [n for n in find_names(text, common) if n.sort in {"she", "he"} and n.count >= 2 and len(n.name) > 2]
    people += [(n.name, n.sort) for n in sorted(named[:4], key=lambda n: n.first)]
    if not people:  # tales speak of "the king" and "the wolf"
        counts = Counter(re.findall(r"\b[Tt]he ([a-z]+)\b", text))
        roles = [
            w
            for w, c in counts.most_common(60)
            if c >= 3 and (w in words("she") or w in words("he") or kind_of(w) == "beast")
        ]
        people = [(f"the {w}", "she" if w in words("she") else "he" if w in words("he") else "they") for w in roles[:4]]
    return tuple(_person(number, name, pronouns, text) for number, (name, pronouns) in enumerate(people[:4], 1))


def _person(number: int, name: str, pronouns: str, text: str) -> Entity:
    """Role, trait and goal as the text itself gives them; the first one without a role is the hero or heroine."""
    spelled = re.escape(name)
    goal = re.search(_GOAL.format(spelled), text)
    if number == 1 and not goal and pronouns in _SUBJECT:  # of the first one a pronoun mostly speaks
        goal = re.search(_GOAL.format(_SUBJECT[pronouns]), text)
    trait = re.search(
        rf"\b{spelled}(?:, [^,.]{{3,40}},)? was (?:very |so |a )?([a-z]{{3,12}})(?=[.,;!]| and\b| girl\b| boy\b| man\b| woman\b)",
        text,
    )
    return Entity(
        id=f"c{number}", kind=EntityKind.CHARACTER, name=name, slot=f"<{pronouns}{number}>", pronouns=Pronouns(pronouns),
        role=_role(name, text) or ("" if number > 1 else {"she": "heroine", "he": "hero"}.get(pronouns, "")),
        traits=(trait[1],) if trait and not trait[1].endswith(("ing", "ed")) else (), goal=goal[1] if goal else "",
    )  # fmt: skip


def _role(name: str, text: str) -> str:
    """What somebody is called beside their name: "the king", "Captain Bram", "Mira, a lamp maker", "the tailor named Hans"."""
    spelled = re.escape(name)
    if name.startswith("the "):
        return name.removeprefix("the ") if name != "the narrator" else "narrator"
    title = name.partition(" ")[0].lower()
    if " " in name and (title in words("she") or title in words("he") or title in _TITLES):
        return title
    role = re.search(rf"\b{spelled}, (?:an?|the) ((?:[a-z]+ )?[a-z]+)(?=[,.])", text) or re.search(
        rf"\b(?:[Tt]he|[Aa]n?) ([a-z]+(?: [a-z]+)?),? (?:called|named|whose name was) {spelled}\b", text
    )
    return role[1] if role else ""


def _setting(text: str, common: Counter[str]) -> tuple[tuple[Entity, ...], tuple[Entity, ...]]:
    nouns = find_nouns(text)
    named: list[Named] = [n for n in find_names(text, common) if n.sort == "place" and n.count >= 2]
    places = list(dict.fromkeys([n.name for n in named[:2]] + [f"the {noun}" for noun in nouns["place"]]))[:3] or [ANY]
    things = [(kind, f"the {noun}") for kind in ("item", "beast") for noun in nouns[kind][:2]][:3]
    return (
        tuple(
            Entity(id=f"p{n}", kind=EntityKind.PLACE, name=name, slot=f"<place{n}>") for n, name in enumerate(places, 1)
        ),
        tuple(
            Entity(id=f"t{n}", kind=EntityKind(kind), name=name, slot=f"<{kind}{n}>")
            for n, (kind, name) in enumerate(things, 1)
        ),
    )


def _planned(paragraphs: tuple[str, ...], premise: Premise, rng: random.Random) -> tuple[Outline, tuple[Passage, ...]]:
    """Beats of one to three paragraphs each, and the paragraphs at their places."""
    sizes: list[int] = []
    while (left := len(paragraphs) - sum(sizes)) > 0:
        sizes.append(min(left, rng.choice((1, 1, 2, 2, 3))))
    beats: list[Beat] = []
    passages: list[Passage] = []
    for number, size in enumerate(sizes):
        group = paragraphs[len(passages) : len(passages) + size]
        told = " ".join(group)
        gists = [" ".join(key_sentences(text)) for text in group]
        happens = " ".join(key_sentences(told))
        there = tuple(e.id for e in premise.cast if _says(told, e.name))
        purpose: Any = purpose_of(number + 1, len(sizes))
        beat = Beat(
            purpose=purpose, label=purpose, happens=(happens or gists[0])[:MAX_LINE], on_stage=there, paragraphs=size,
            change=gists[-1][:MAX_LINE] if size > 1 and gists[-1] != happens else "", tension=TENSION[purpose],
            place=next((e.id for e in premise.setting if _says(told, e.name)), None),
        )  # fmt: skip
        beats.append(beat)
        jotted = key_words(told, rng)[:MAX_LINE] if rng.random() < JOTTED else ""
        for part, text in enumerate(group):
            position = ArcPosition(beat=number, paragraph_in_beat=part, paragraph=len(passages), tension=beat.tension)
            passages.append(Passage(text, position, gists[part], there, jotted))
    return Outline(arc=ANY, beats=tuple(beats)), tuple(passages)


def _says(text: str, name: str) -> bool:
    if name == "the narrator":
        return bool(re.search(r"\b(?:I|me|my)\b", text))
    return bool(re.search(rf"\b{re.escape(name)}\b", text, re.I))
