"""The word lists of ``lexicon.yaml``, loaded once, and the two questions most asked of them.

Invariant: reading a premise this way is deterministic; the same words give the same answer.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

Kind = Literal["place", "item", "site", "beast", "note"]


@cache
def _lists() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("lexicon.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def words(name: str) -> frozenset[str]:
    """The words of a flat list: ``verbs``, ``places``, ``site``, ``beast``, ``note``, ``she``, ``he``."""
    return frozenset(_lists()[name].split())


def genres() -> tuple[str, ...]:
    return tuple(_lists()["genres"])


def tones(genre: str) -> tuple[str, ...]:
    """Tones that suit a genre; a genre of the writer's own gets the plain ones."""
    return tuple(_lists()["tones"].get(genre, ("plain", "warm", "quiet")))


def detect_genre(text: str) -> str | None:
    """The genre whose words occur most often in ``text``, earlier genres first when equal; None when no word is known."""
    found = re.findall(r"[a-z'-]+", text.lower())
    singular = {word.removesuffix("s") for word in found} | set(found)
    scores = {genre: len(singular & set(listed.split())) for genre, listed in _lists()["genres"].items()}
    best = max(scores, key=lambda genre: scores[genre])
    return best if scores[best] else None


def known_genre(genre: str) -> str:
    """The genre of the lists that is nearest to a person's own word; adventure when none is."""
    return genre if genre in genres() else detect_genre(genre) or "adventure"


def kind_of(head: str) -> Kind:
    """The sort of thing that a head noun names; ``item`` when no list knows it."""
    head = head.lower()
    for word in (head, head.removesuffix("s"), head.removesuffix("es")):
        for kind in ("beast", "note", "site"):
            if word in words(kind):
                return kind
        if word in words("places"):
            return "place"
    return "item"


def pronoun_of(role: str) -> str | None:
    """``she`` or ``he`` when a word of the role says so, else None."""
    for word in role.lower().split():
        for pronoun in ("she", "he"):
            if word in words(pronoun):
                return pronoun
    return None


def pronoun_of_name(name: str) -> str | None:
    """``she`` or ``he`` for a given name that the lists know, else None."""
    first = name.split(maxsplit=1)[0]
    for pronoun in ("she", "he"):
        if first in _lists()["names"][pronoun] or first.lower() in _lists()["given_names"][pronoun].split():
            return pronoun
    return None


def pick_name(pronoun: str, rng: random.Random, taken: frozenset[str]) -> str:
    """A name that nobody in the story bears, nor begins with the same letter while there is a choice."""
    names: list[str] = [name for name in _lists()["names"][pronoun] if name not in taken]
    initials = {name[0] for name in taken if name}
    return rng.choice([name for name in names if name[0] not in initials] or names)
