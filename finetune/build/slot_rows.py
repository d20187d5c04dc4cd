"""Rows for the bundled model and its children: names become slots, as they are when it is pretrained.

Invariant: these are the very rows of ``finetune.data.rows``, made from any source's stories; no name is learnt.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import agents
from finetune.data.build import token_counter
from finetune.data.corpora import SEGMENT, RawStory
from finetune.data.derive import derive
from finetune.data.prose import even_paragraphs, normalise
from finetune.data.rows import TASKS, CountTokens, Shares, rows
from finetune.readers.base import Work

FOLDER = Path(agents.__file__).parent / "models" / "small"


def counter() -> CountTokens:
    """Counts the bundled model's tokens, by which summaries keep their budget."""
    from finetune.tokenizer import load_tokenizer

    return token_counter(load_tokenizer(FOLDER))


def slot_rows(
    work: Work, tasks: Sequence[str], common: Counter[str], seed: int, count: CountTokens
) -> Iterator[dict[str, Any]]:
    """Every row of the ``tasks`` that the clean stretches of a work give, ``SEGMENT`` paragraphs a story."""
    wanted = Shares(**{task: float(task in tasks) for task in TASKS})
    for chapter in work.chapters:
        even = list(even_paragraphs(normalise(paragraph) for paragraph in chapter.paragraphs))
        whole = len(work.chapters) == 1 and len(even) <= SEGMENT
        for start in range(0, len(even), SEGMENT):
            stretch = tuple(even[start : start + SEGMENT])
            if len(stretch) < 2:
                continue
            title = normalise(work.title) if whole else ""
            logline = normalise(work.prompt or work.summary) if start == 0 else ""
            told = derive(RawStory(work.source, work.tone or "plain", stretch, title, logline), common, seed)
            for row in rows(told, wanted, random.Random(f"{seed}/{start}"), count) if told else ():
                yield {
                    "prompt": row.prompt, "completion": row.completion, "task": row.task, "group": work.group,
                    "source": work.source, "licence": work.licence,
                }  # fmt: skip
