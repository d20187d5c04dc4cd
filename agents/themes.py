"""Themes: the kinds of story that the bundled model was taught, one for each story world, and the nearest to a premise.

A small model that is told which kind of story it is in keeps to it; without a theme it mixes them. ``themes.json`` in the
model's folder lists them with their words. Invariant: equal premises and seeds get equal themes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agents.text import stems

FILE = "themes.json"
_LIST = Path(__file__).parent / "models" / "small" / FILE
# How near to the best another theme must come to be drawn as well, so that seeds differ.
_NEAR = 0.85
# What a detected genre is worth beside the words: about as much as one telling word. A genre that was asked for decides.
_SAME_GENRE = 0.12


@dataclass(frozen=True)
class Theme:
    """``words`` are stems and how much each says for this theme (TF-IDF over all themes, of unit length)."""

    name: str
    genre: str
    tones: tuple[str, ...]
    pov: str
    tense: str
    words: Mapping[str, float]

    def nearness(self, text: str) -> float:
        """How much ``text`` speaks of what this theme is about; 0 where they have no word in common."""
        return sum(self.words.get(stem, 0.0) for stem in sorted(stems(text)))


@cache
def themes() -> tuple[Theme, ...]:
    """The bundled model's themes; none where its folder lists none."""
    if not _LIST.is_file():
        return ()
    listed = json.loads(_LIST.read_text(encoding="utf-8"))
    return tuple(
        Theme(name, t["genre"], tuple(t["tones"]), t["pov"], t["tense"], t["words"])
        for name, t in sorted(listed.items())
    )


def told_as(pov: str, tense: str) -> tuple[Theme, ...]:
    """The themes that are told in this person and tense, as far as there are any: else all of them."""
    return tuple(theme for theme in themes() if (theme.pov, theme.tense) == (pov, tense)) or themes()


def nearest(
    text: str, asked: str, detected: str | None, rng: random.Random, among: Sequence[Theme] | None = None
) -> Theme | None:
    """The theme for a premise: one of the ``asked`` genre ("" for any) that speaks most of what ``text`` speaks of.

    Where no theme has anything in common with it, one is drawn.
    """
    among = themes() if among is None else among
    if not among:
        return None
    genre = asked or detected
    scored = [
        (theme.nearness(text) + (_SAME_GENRE if theme.genre == genre else 0.0), theme)
        for theme in among
        if not asked or theme.genre == asked
    ]
    best = max((score for score, _ in scored), default=0.0)
    if best <= 0:
        return rng.choice([theme for _, theme in scored] or list(among))
    return rng.choice([theme for score, theme in scored if score >= _NEAR * best])
