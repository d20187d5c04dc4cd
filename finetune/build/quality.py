"""How good a paragraph of the bundled model is, by code alone; and what its slots are called when it is read.

The quality of a text for its prompt is 0 to 10, the weighted mean of seven parts, each 0 to 1:

    part    weight
    named   2       share of the beat's people and things that the text names (of those on stage where it has none)
    stage   1       share of the named people and things that are on stage
    beat    2       share of the beat's content words (stemmed) that the text takes up
    fresh   2       1 - the share of its 4-grams that it says twice, or that summary or last paragraph said
    form    1       ended, 18 to 160 words, quotes closed, no "I" in the narration of a third-person story
    words   1       no words that are none: a third less for each
    sense   3       1 - nats a token / 3, by a judge that is none of the models compared with each other

Invariant: it looks at one text and its prompt, never at the other texts of a prompt, so no text is better for being unlike
the others; every text is read under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.choose import form_faults
from agents.spelling import strange_words
from agents.text import repetition, stems, whole_sentences
from finetune.embeddings import Embedder, Vectors

_SECTION: Final = re.compile(r"<\|([a-z]+)\|>")
_SLOT: Final = re.compile(r"<([a-z]+)(\d)>")
_BEGINS: Final = re.compile(r"(?:^|[.!?][\"”]?\s+|^\"|\s\")$")
_ROLE: Final = "role"
PEOPLE: Final = frozenset({"she", "he", "they"})
NAMES: Final = {
    "she": ("Anna", "Clara", "Edith", "Greta"), "he": ("Adam", "Conrad", "Edgar", "Gilbert"),
    "they": ("Robin", "Sasha", "Jules", "Kim"), _ROLE: ("keeper", "baker", "sailor", "teacher"),
    "place": ("the old mill", "the harbour", "the hill"), "item": ("the brass key", "the lantern", "the silver bell"),
    "site": ("the red door", "the well", "the bridge"), "beast": ("the dog", "the owl", "the grey horse"),
    "note": ("the letter", "the map", "the diary"),
}  # fmt: skip
WEIGHTS: Final = {"named": 2.0, "stage": 1.0, "beat": 2.0, "fresh": 2.0, "form": 1.0, "words": 1.0, "sense": 3.0}
MOST: Final = 10.0
_NATS: Final = 3.0  # a token at which nothing of the sense is left


@dataclass(frozen=True)
class Asked:
    """What a prompt of the generator asks for; ``wanted`` and ``stage`` are slots such as "she1"."""

    wanted: frozenset[str]
    stage: frozenset[str]
    beat: frozenset[str]  # stems
    before: str
    first_person: bool


def asked(prompt: str) -> Asked:
    """Read a prompt of ``generator/paragraph`` in the slots style."""
    parts = _SECTION.split(prompt)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    beat, first = found.get("beat", "").partition(": ")[2], " first person" in found.get("tags", "")
    stage = slots(found.get("stage", "")) | slots(beat)
    teller = {slot for slot in stage if slot[-1] == "1" and slot[:-1] in PEOPLE} if first else set()
    return Asked(
        wanted=(slots(beat) or stage) - teller, stage=stage, beat=stems(_SLOT.sub(" ", beat)),
        before=f"{found.get('summary', '')} {found.get('last', '')}", first_person=first,
    )  # fmt: skip


def slots(text: str) -> frozenset[str]:
    """The people, places and things of a slotted text; a role is no slot of its own."""
    return frozenset(kind + number for kind, number in _SLOT.findall(text) if kind in NAMES and kind != _ROLE)


def parts_of(prompt: str, text: str, nats: float) -> dict[str, float]:
    """The seven parts, each 0 to 1. ``nats`` is the judge's mean negative log-probability of a token of ``text``."""
    wish, found, read = asked(prompt), slots(text), filled(text)
    faults = form_faults(read, cut=False, first_person=wish.first_person)
    given = [name for names in NAMES.values() for name in names]
    return {
        "named": _share(wish.wanted & found, wish.wanted), "stage": _share(found & wish.stage, found),
        "beat": _share(wish.beat & stems(read), wish.beat), "fresh": 1 - repetition(text, wish.before),
        "form": max(0.0, 1 - faults), "words": max(0.0, 1 - len(strange_words(read, given)) / 3),
        "sense": min(1.0, max(0.0, 1 - nats / _NATS)),
    }  # fmt: skip


def quality(prompt: str, text: str, nats: float) -> float:
    """0 to 10; 0 for a text without a word."""
    if not text.strip():
        return 0.0
    parts = parts_of(prompt, text, nats)
    return MOST * sum(WEIGHTS[name] * value for name, value in parts.items()) / sum(WEIGHTS.values())


def tidy(text: str) -> str:
    """A drawn text as it is judged and learnt from: on one line, without the sentence that a limit cut off."""
    return whole_sentences(" ".join(text.split()))


def filled(text: str) -> str:
    """``text`` with a name in place of every slot, with a capital where a sentence begins."""
    done, end = "", 0
    for match in _SLOT.finditer(text):
        done += text[end : match.start()]
        end = match.end()
        names = NAMES.get(match[1], ())
        name = names[(int(match[2]) - 1) % len(names)] if names else ""
        done += name[:1].upper() + name[1:] if _BEGINS.search(done[-4:]) else name
    return done + text[end:]


@dataclass(frozen=True)
class Reading:
    """An embedder that reads slotted texts as a reader does, names filled in."""

    inner: Embedder

    @property
    def name(self) -> str:
        return f"{self.inner.name}, names filled in"

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self.inner.embed([filled(tidy(text)) for text in texts])


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part) / len(whole) if whole else 1.0
