"""Every word that our worlds and stories are written with: the list by which a made-up word in the small model's text is noticed.

Invariant: the list holds words of worlds and stories alone, lower case, one a line, sorted; the same ones give the same list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from agents.spelling import words_of
from finetune.stories.model import WrittenPremise
from finetune.worlds.check import written_sentences
from finetune.worlds.model import MARKER, World
from prompts.slots import PRONOUNS

_CAPITALISED: Final = re.compile(r"\b[A-Z]\w*")


def vocabulary(worlds: Iterable[World], premises: Iterable[WrittenPremise] = ()) -> list[str]:
    """The words of all tellings, beats, summaries, titles, loglines, roles and names of ``worlds``, and of our stories.

    A word of the stories that is only ever spelled with a capital is a name, and left out.
    """
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
    for premise in premises:
        texts = [premise.logline, *(p.goal for p in premise.cast), *(p.trait for p in premise.cast), *premise.places]
        texts += [text for story in premise.stories for p in story.paragraphs for text in (p.text, p.beat, p.note)]
        for text in texts:
            found |= words_of(_CAPITALISED.sub(" ", text))
    return sorted(found)


def write_vocabulary(worlds: Iterable[World], folder: Path, premises: Iterable[WrittenPremise] = ()) -> int:
    """Write ``words.txt`` into a model folder; returns how many words it holds."""
    words = vocabulary(worlds, premises)
    (folder / "words.txt").write_text("\n".join(words) + "\n", encoding="ascii")
    return len(words)
