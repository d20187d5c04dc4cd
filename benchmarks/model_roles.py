"""What a model predicts and sums up, for benchmarks/model.py: perplexity per word, and the summarizer's notes.

Held out are whole premises of our own stories and every fiftieth story of TinyStories. Invariant: a model is asked in the
very prompts of use; words are those of the slotted text, so that models of any tokenizer can be compared.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.engines.base import Prompt
from agents.engines.embedded import BUNDLED, EmbeddedEngine
from agents.memory import append_summary
from agents.naming import Naming
from agents.strangers import strangers
from agents.summarizer import support, update_summary
from agents.text import stems
from finetune.data.build import held_corpus_stories, token_counter
from finetune.data.corpora import corpora_folder
from finetune.data.rows import GENERATOR_ALONE, Row, rows, text_prompt
from finetune.stories.model import is_held, written
from finetune.stories.slots import slotted_all
from finetune.tokenizer import load_tokenizer
from finetune.worlds.teller import Story
from planner.state import Entity, EntityKind, PointOfView, Premise, Summary

FAITHFUL: Final = 0.6
"""Share of a note's content words that must stand in what was summed up, as in ``agents.summarizer``."""
_SOURCE: Final = "tinystories"


def own_held() -> list[Story]:
    return list(slotted_all(premise for premise in written() if is_held(premise.id)))


def tiny_held(work: Path) -> list[Story]:
    """The held-out stories of TinyStories, from the slotted corpora in ``work``, or from the corpora where they lie; or none."""
    from finetune.data.build import slot_corpora

    slotted = work / "data" / "slotted.jsonl"
    if not slotted.is_file():
        if not (corpora_folder() / f"{_SOURCE}.jsonl.xz").is_file():
            return []
        slotted = work / "data" / f"{_SOURCE}.jsonl"
        if not slotted.is_file():
            slot_corpora([_SOURCE], slotted)
    return [story for story in held_corpus_stories(slotted) if story.world == _SOURCE]


def paragraph_rows(stories: list[Story], most: int, seed: int = 0) -> list[Row]:
    """At most ``most`` rows of the generator, drawn from all of ``stories``."""
    count = token_counter(load_tokenizer(BUNDLED))
    rng = random.Random(seed)
    found = [row for story in stories for row in rows(story, GENERATOR_ALONE, rng, count)]
    fitting = [row for row in found if count(row.prompt) + count(row.completion) < 500]
    return rng.sample(fitting, min(most, len(fitting)))


def plain(row: Row) -> str:
    """The row's prompt for a model that was trained on the text alone: the last paragraph and nothing else."""
    last = row.prompt.partition("<|last|>")[2].partition("<|beat|>")[0]
    return text_prompt(last)


def word_perplexity(engine: EmbeddedEngine, asked: list[Row], *, text_alone: bool = False) -> float:
    """exp(nats / words) of the rows' completions."""
    total, words = 0.0, 0
    for row in asked:
        scored = engine.score(Prompt(text=plain(row) if text_alone else row.prompt), [row.completion])
        total -= sum(scored[0])
        words += len(row.completion.split())
    return math.exp(total / max(1, words))


@dataclass(frozen=True)
class Notes:
    """The summarizer on held-out paragraphs: its notes beside the writer's, and how many say what nobody wrote: a name that
    neither the paragraph nor the summary before it has, or content words of which they have fewer than ``FAITHFUL``.
    """

    made: tuple[str, ...]
    wanted: tuple[str, ...]
    unfaithful: int

    def rouge(self) -> dict[str, float]:
        """Mean F1 of ROUGE-1, -2 and -L (rouge-score), stemmed."""
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
        found = [scorer.score(wanted, made) for wanted, made in zip(self.wanted, self.made, strict=True)]
        return {name: sum(one[name].fmeasure for one in found) / len(found) for name in ("rouge1", "rouge2", "rougeL")}


def notes(engine: EmbeddedEngine, most: int, seed: int = 0) -> Notes:
    """Let the summarizer agent sum up ``most`` paragraphs of held-out premises, each after the writer's own summary."""
    cases = list(_cases(seed))[:most]
    made, wanted, unfaithful = [], [], 0
    for place, (premise, before, text, note) in enumerate(cases):
        after = update_summary(engine, premise, Summary(sentences=before), text, premise.entities, seed + place)
        said = after.sentences[-1] if after.sentences and after.sentences != before else ""
        told = " ".join([text, *before])
        known = f"{told} {' '.join(entity.role for entity in premise.entities)}"
        others = premise.cast[1:] if premise.point_of_view is PointOfView.FIRST else premise.cast
        strange = strangers(said, known.split()) or any(e.name in said and e.name not in told for e in others)
        unfaithful += bool(strange or support(said, stems(known)) < FAITHFUL)
        made.append(said)
        wanted.append(note)
    return Notes(tuple(made), tuple(wanted), unfaithful)


def _cases(seed: int) -> Iterator[tuple[Premise, tuple[str, ...], str, str]]:
    """(premise, summary before, paragraph, the writer's note) of held-out paragraphs, shuffled."""
    count = token_counter(load_tokenizer(BUNDLED))
    found = []
    for own in (premise for premise in written() if is_held(premise.id)):
        entities = [
            Entity(id=f"c{n}", kind=EntityKind.CHARACTER, name=person.name, slot=f"<{person.pronoun}{n}>",
                   pronouns=person.pronoun, role=person.role, traits=(said.trait,), goal=said.goal)
            for n, (person, said) in enumerate(zip(own.planned.cast, own.cast, strict=True), 1)
        ]  # fmt: skip
        places = [
            Entity(id=f"p{n}", kind=EntityKind.PLACE, name=name, slot=f"<place{n}>")
            for n, name in enumerate(own.places, 1)
        ]
        things = [
            Entity(id=f"t{n}", kind=EntityKind(thing.kind), name=thing.name, slot=f"<{thing.kind}{n}>")
            for n, thing in enumerate(own.things, 1)
        ]
        for story, telling in zip(own.stories, own.planned.tellings, strict=True):
            premise = Premise(
                logline=own.logline, genre=own.planned.genre, tone=telling.tone, cast=tuple(entities), setting=tuple(places),
                things=tuple(things), point_of_view=PointOfView(telling.pov),
            )  # fmt: skip
            naming, summary = Naming(premise.entities), tuple[str, ...]()
            for paragraph in story.paragraphs:
                found.append((premise, tuple(naming.fill(s) for s in summary), paragraph.text, paragraph.note))
                summary = append_summary(summary, naming.slotted(paragraph.note), count)
    random.Random(seed).shuffle(found)
    yield from found
