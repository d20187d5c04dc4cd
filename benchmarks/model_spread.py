"""How varied a model's texts for one prompt are, and how good, for benchmarks/model.py: before and after DDPO.

The prompts are paragraphs of held-out premises; each model writes several texts to each, sampled as the generator samples.
Invariant: both models get the same prompts and seeds, and the judge of sense is the last supervised stage for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from agents.engines.base import Prompt, Request, Sampling
from agents.engines.embedded import EmbeddedEngine
from agents.generator import GeneratorSettings
from benchmarks.diversity_data import embedders
from finetune.build.quality import quality, tidy
from finetune.build.sampled import nats
from finetune.data.rows import Row
from finetune.judge import spread

SAMPLES: Final = 6
SAMPLING: Final = GeneratorSettings().resolved("slots")[1]


def spread_of(
    engine: EmbeddedEngine, judge: EmbeddedEngine, asked: Sequence[Row], work: Path, sampling: Sampling = SAMPLING
) -> dict[str, float]:
    """Means over prompts: semantic and style distance (0 to 2) of a prompt's texts, and quality (0 to 10)."""
    texts, scores = [], []
    for place, row in enumerate(asked):
        request = Request(prompt=Prompt(text=row.prompt), sampling=sampling, n=SAMPLES, seed=place)
        own = [tidy(done.text) for done in engine.complete(request)]
        means = nats(judge, row.prompt, own)
        scores += [quality(row.prompt, text, mean) for text, mean in zip(own, means, strict=True)]
        texts += own
    found = {"quality": float(np.mean(scores))}
    for kind, embedder in embedders(work).items():
        groups = np.split(embedder.embed(texts), len(asked))
        found[kind] = float(np.mean([(spread.pairwise(group) or (0.0, 1.0))[0] for group in groups]))
    return found
