"""Every word that the story worlds are written with: the list by which a made-up word in the small model's text is noticed.

Invariant: the list holds words of the worlds alone, lower case, one a line, sorted; the same worlds give the same list.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agents.spelling import words_of
from finetune.worlds.check import written_sentences
from finetune.worlds.model import MARKER, World
from prompts.slots import PRONOUNS


def vocabulary(worlds: Iterable[World]) -> list[str]:
    """The words of all tellings, beats, summaries, titles, loglines, roles and names of ``worlds``."""
    found = {form for forms in PRONOUNS.values() for form in forms.values()}
    for world in worlds:
        ways = [way for event in world.events.values() for way in event.ways]
        texts = [*written_sentences(world), *world.titles, *world.loglines]
        texts += [text for way in ways for text in (way.beat, way.summary)]
        texts += [text for role in world.cast.values() for text in (*role.roles, *role.traits, role.goal)]
        texts += [name for names in world.places.values() for name in names]
        texts += [name for thing in world.things.values() for name in thing.names]
        texts += [word for choices in world.details.values() for word in choices]
        for text in texts:
            found |= words_of(MARKER.sub(" ", text))
    return sorted(found)


def write_vocabulary(worlds: Iterable[World], folder: Path) -> int:
    """Write ``words.txt`` into a model folder; returns how many words it holds."""
    words = vocabulary(worlds)
    (folder / "words.txt").write_text("\n".join(words) + "\n", encoding="ascii")
    return len(words)
