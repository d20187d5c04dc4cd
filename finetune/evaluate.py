"""Perplexity of a packed model, as the embedded engine runs it, on rows that were held out of training.

Invariant: the rows and the measure are those of ``finetune.loop.evaluate``, so what packing cost can be read off; the
numbers are of the very weights that are shipped.
"""

from __future__ import annotations

import math
from pathlib import Path

from tokenizers import Tokenizer

from agents.engines.base import Engine, Prompt
from finetune.batches import spread
from finetune.data.rows import TASKS
from finetune.data.shards import PROMPT, Shards
from finetune.tokenizer import load_tokenizer


def held_texts(shards: Shards, task: int, wanted: int, tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """(prompt, completion with its end token) of up to ``wanted`` rows of a task."""
    found = []
    for number in spread(shards, task, wanted):
        tokens, kinds = shards.row(number)
        cut = int((kinds == PROMPT).sum())
        parts = [tokenizer.decode(part.tolist(), skip_special_tokens=False) for part in (tokens[:cut], tokens[cut:])]
        found.append((parts[0], parts[1]))
    return found


def perplexity(engine: Engine, texts: list[tuple[str, str]]) -> float:
    """Perplexity of the completions."""
    losses = [-value for prompt, text in texts for value in engine.score(Prompt(text=prompt), [text])[0]]
    return round(math.exp(sum(losses) / len(losses)), 3)


def evaluate_packed(folder: Path, sets: list[Path], wanted: int = 150) -> dict[str, float]:
    """{"worlds generator": 3.2, ...} over the ``held`` part of every data set folder."""
    from agents.engines.embedded import EmbeddedEngine

    tokenizer = load_tokenizer(folder)
    engine = EmbeddedEngine(folder)
    found = {}
    try:
        for data in sets:
            shards = Shards(data / "held")
            for number, task in enumerate(TASKS):
                if texts := held_texts(shards, number, wanted, tokenizer):
                    found[f"{data.name} {task}"] = perplexity(engine, texts)
    finally:
        engine.close()
    return found
