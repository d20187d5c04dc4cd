"""The list of themes that goes into a model's folder: each world by its tag, with the words that tell it from the others.

A word's weight is (1 + log tf) · log(N / df), the vector cut to its heaviest words and set to unit length (TF-IDF, Salton
and Buckley 1988). What a person would name in a premise counts more than the telling. Invariant: same worlds, same list.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.text import stems
from agents.themes import FILE
from finetune.worlds.check import written_sentences
from finetune.worlds.model import MARKER, World
from finetune.worlds.teller import theme_of

_KEPT = 80


def _counts(world: World) -> Counter[str]:
    ways = [way for event in world.events.values() for way in event.ways]
    named = [
        *world.loglines, *(role for r in world.cast.values() for role in r.roles),
        *(name for names in world.places.values() for name in names),
        *(name for thing in world.things.values() for name in thing.names),
    ]  # fmt: skip
    told = [*(text for way in ways for text in (way.beat, way.summary)), *world.titles]
    found: Counter[str] = Counter()
    for texts, weight in ((named, 6), (told, 3), (written_sentences(world), 1)):
        for text in texts:
            for stem in stems(MARKER.sub(" ", text)):
                found[stem] += weight
    return found


def themes_of(worlds: Sequence[World]) -> dict[str, Any]:
    """Theme → its genre, tones and weighted words."""
    counts = {theme_of(world): _counts(world) for world in worlds}
    spread = Counter(stem for found in counts.values() for stem in found)
    listed: dict[str, Any] = {}
    for world in sorted(worlds, key=theme_of):
        found = counts[theme_of(world)]
        weights = {stem: (1 + math.log(n)) * math.log(len(worlds) / spread[stem]) for stem, n in found.items()}
        kept = sorted(weights, key=lambda stem: (-weights[stem], stem))[:_KEPT]
        length = math.sqrt(sum(weights[stem] ** 2 for stem in kept)) or 1.0
        listed[theme_of(world)] = {
            "genre": world.genre, "tones": world.tones, "pov": world.pov, "tense": world.tense,
            "words": {stem: round(weights[stem] / length, 4) for stem in sorted(kept)},
        }  # fmt: skip
    return listed


def write_themes(worlds: Sequence[World], folder: Path) -> int:
    """Write ``themes.json`` into a model folder; returns how many themes it lists."""
    listed = themes_of(worlds)
    (folder / FILE).write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(listed)
