"""Stories of a model for benchmarks/model.py: planned by Fabula, and the same model simply continued from the premise.

Both get the same premise with the same cast under the same names, the same sampling and as many paragraphs. *Planned* is
the whole planner: outline, beats, candidates, checker, summary. *Continued* is one draw a paragraph from the premise and the
last paragraph. Invariant: what is measured of a story is read from its text and its premise alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.brief import Brief, make_brief
from agents.engines.base import Request
from agents.engines.embedded import EmbeddedEngine
from agents.generator import GeneratorSettings, prompt_for, task_for
from agents.naming import Naming
from agents.spelling import strange_words
from agents.strangers import strangers as named_strangers
from agents.text import repetition, whole_sentences
from finetune.stories.model import is_held, written
from planner.context import ROLES, WriteSettings
from planner.session import Manuscript, begin, open_story, read_story
from planner.state import ArcPosition, Beat, Outline, Premise
from planner.store import Library

PARAGRAPHS: Final = 10


@dataclass(frozen=True)
class Told:
    """A story and what its premise names."""

    logline: str
    title: str
    names: tuple[str, ...]
    paragraphs: tuple[str, ...]
    ended: bool


def premises(number: int) -> list[tuple[str, str, str]]:
    """(genre, tone, logline) of ``number`` premises that no model was trained on, the genres by turns."""
    held = sorted((p for p in written() if is_held(p.id)), key=lambda p: (p.id[-2:], p.id))
    return [(p.planned.genre, p.planned.tellings[0].tone, p.logline) for p in held[:number]]


def tell(engine: EmbeddedEngine, brief: Brief, seed: int) -> Manuscript:
    """The story that the planner writes, in a library that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "stories.db") as library:
        row = begin(library, brief, seed, WriteSettings(), {"name": "embedded"})
        with open_story(library, row, dict.fromkeys(ROLES, engine)) as session:
            session.write()
        return read_story(library, row)


def planned_and_continued(engine: EmbeddedEngine, number: int, seed: int = 0) -> Iterator[tuple[Told, Told]]:
    """A pair of stories for each of ``number`` premises."""
    for place, (genre, tone, logline) in enumerate(premises(number)):
        brief = make_brief(logline=logline, genre=genre, tone=tone, paragraphs=PARAGRAPHS)
        found = tell(engine, brief, seed + place)
        assert found.premise is not None
        assert found.outline is not None
        names = tuple(entity.name for entity in found.premise.entities)
        texts = tuple(p.text for p in found.paragraphs)
        yield (
            Told(logline, found.title, names, texts, found.done and texts[-1].rstrip().endswith((".", "!", "?", '"'))),
            Told(logline, found.title, names, continued(engine, found.premise, found.outline, seed + place), False),
        )


def continued(engine: EmbeddedEngine, premise: Premise, outline: Outline, seed: int) -> tuple[str, ...]:
    """``PARAGRAPHS`` paragraphs, each drawn once from the premise and the paragraph before."""
    naming = Naming(premise.entities)
    everyone = tuple(entity.id for entity in premise.entities)
    only = Beat.model_validate({**outline.beats[0].model_dump(), "happens": premise.logline, "on_stage": everyone})
    whole = outline.model_copy(update={"beats": (only,)})
    _, sampling = GeneratorSettings().resolved(engine.style)
    texts: list[str] = []
    for number in range(PARAGRAPHS):
        task = task_for(premise, whole, ArcPosition(paragraph=number), last=texts[-1] if texts else "")
        request = Request(
            prompt=prompt_for(engine, task, naming), sampling=sampling, n=1, seed=1000 * seed + number,
            ban=naming.banned(task.on_stage),
        )  # fmt: skip
        texts.append(whole_sentences(naming.fill(engine.complete(request)[0].text)))
    return tuple(texts)


def strangers(story: Told) -> set[str]:
    """Names in the text that nobody of the premise bears."""
    return named_strangers("\n".join(story.paragraphs), story.names)


def repeated(story: Told) -> float:
    """Mean share of a paragraph's 4-grams that it says twice or that the story said before."""
    shares = [repetition(text, " ".join(story.paragraphs[:n])) for n, text in enumerate(story.paragraphs)]
    return sum(shares) / len(shares)


def made_up(story: Told) -> int:
    """Words of the story that are none."""
    return sum(len(strange_words(text, story.names)) for text in story.paragraphs)


def texts_of(stories: Sequence[Told]) -> list[str]:
    return [text for story in stories for text in story.paragraphs]
