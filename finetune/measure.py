"""Measure how varied the stories of the worlds are: different paragraphs, sentences, word runs and openings.

Invariant: texts are compared in slots, so other names for the same words never count as variety.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from finetune.data.prose import sentences
from finetune.worlds.check import written_sentences
from finetune.worlds.model import World
from finetune.worlds.teller import tell

GRAM = 4  # words in a word run


@dataclass(frozen=True)
class Variety:
    """Counts over ``stories`` tellings; a share is of different ones among all. ``openings`` are first paragraphs."""

    worlds: int
    written_sentences: int
    stories: int
    different_stories: int
    paragraphs: int
    different_paragraphs: int
    sentences: int
    different_sentences: int
    word_runs: int
    different_word_runs: int
    different_openings: int
    different_opening_sentences: int

    def shares(self) -> dict[str, float]:
        """Share of different ones: paragraphs, sentences, word runs (of four words), openings, stories."""
        return {
            "stories": self.different_stories / self.stories,
            "paragraphs": self.different_paragraphs / self.paragraphs,
            "sentences": self.different_sentences / self.sentences,
            "word_runs": self.different_word_runs / self.word_runs,
            "openings": self.different_openings / self.stories,
        }

    def report(self) -> dict[str, Any]:
        """The counts and shares as they are written down."""
        return {**asdict(self), "shares": {name: round(share, 4) for name, share in self.shares().items()}}


def measure_worlds(worlds: list[World], seeds: Iterable[int]) -> Variety:
    """Tell a story of every world with every seed and count what differs."""
    stories: set[int] = set()
    texts: set[str] = set()
    openings: set[str] = set()
    first_sentences: set[str] = set()
    different: set[str] = set()
    runs: set[int] = set()
    told = paragraphs = sentence_count = run_count = 0
    for seed in seeds:
        for world in worlds:
            story = tell(world, seed)
            told += 1
            stories.add(hash(tuple(p.text for p in story.paragraphs)))
            openings.add(story.paragraphs[0].text)
            first_sentences.add(sentences(story.paragraphs[0].text)[0])
            paragraphs += len(story.paragraphs)
            for paragraph in story.paragraphs:
                parts, words = sentences(paragraph.text), paragraph.text.split()
                sentence_count += len(parts)
                run_count += max(0, len(words) - GRAM + 1)
                if paragraph.text not in texts:  # what was told before word for word has nothing new in it
                    texts.add(paragraph.text)
                    different.update(parts)
                    runs.update(hash(tuple(words[i : i + GRAM])) for i in range(len(words) - GRAM + 1))
    return Variety(
        worlds=len(worlds), written_sentences=sum(len(written_sentences(world)) for world in worlds), stories=told,
        different_stories=len(stories), paragraphs=paragraphs, different_paragraphs=len(texts),
        sentences=sentence_count, different_sentences=len(different), word_runs=run_count,
        different_word_runs=len(runs), different_openings=len(openings),
        different_opening_sentences=len(first_sentences),
    )  # fmt: skip
