"""Perplexity of a packed model, as the embedded engine runs it, on stories that no training row came from.

Invariant: the prompts are those of use, and the numbers are of the very weights that are shipped, not of those before
they were packed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

from agents.engines.base import Engine, Prompt
from finetune.data.build import held_corpus_stories, token_counter, world_stories
from finetune.data.rows import TASKS, Row, Shares, rows
from finetune.tokenizer import load_tokenizer
from finetune.worlds.teller import Story


def held_rows(stories: Iterator[Story], folder: Path, wanted: int) -> list[Row]:
    """``wanted`` rows a task, spread evenly over the stories."""
    count = token_counter(load_tokenizer(folder))
    by_task: dict[str, list[Row]] = {task: [] for task in TASKS}
    for number, story in enumerate(stories):
        for row in rows(story, Shares(), random.Random(f"{story.world}/{number}"), count):
            by_task[row.task].append(row)
    return [row for found in by_task.values() for row in found[:: max(1, math.ceil(len(found) / wanted))]]


def perplexity(engine: Engine, chosen: list[Row], context: int) -> dict[str, float]:
    """Perplexity of the completions (their end token aside), by task."""
    losses: dict[str, list[float]] = {}
    for row in chosen:
        if engine.count_tokens(row.prompt) + engine.count_tokens(row.completion) < context and row.completion:
            (found,) = engine.score(Prompt(text=row.prompt), [row.completion])
            losses.setdefault(row.task, []).extend(-value for value in found)
    return {task: round(math.exp(sum(found) / len(found)), 3) for task, found in losses.items() if found}


def evaluate_packed(
    folder: Path, slotted: Path | None, wanted: int = 40, held: int = 5, worlds: Path | None = None
) -> dict[str, float]:
    """{"worlds generator": 3.2, ...}; with ``slotted`` corpora, the same for them."""
    from agents.engines.embedded import EmbeddedEngine

    sets = {"worlds": held_rows(world_stories(worlds, held, True), folder, wanted)}
    if slotted is not None:
        sets["corpora"] = held_rows(held_corpus_stories(slotted), folder, wanted)
    engine = EmbeddedEngine(folder)
    try:
        found = {name: perplexity(engine, chosen, engine.context) for name, chosen in sets.items()}
    finally:
        engine.close()
    return {f"{name} {task}": value for name, scores in found.items() for task, value in scores.items()}
