"""The running summary after each paragraph: extractive, or written by a served model and kept as it comes.

Invariant: a summary that was paid for is on the disk before the next is asked for, so an interrupted build asks for none
twice; both ways keep the budget that the summarizer keeps in use.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from agents.engines.base import Engine
from agents.memory import append_summary
from agents.summarizer import update_summary
from finetune.build.told import Passage, Told
from finetune.data.prose import count_words
from planner.state import Summary
from prompts.errors import InputError

WORDS: Final = 240
"""What the summarizer's prompt allows a large model."""


class Summaries(Protocol):
    """From a story, the summary before and a paragraph to the summary after it."""

    def after(self, told: Told, before: Summary, passage: Passage) -> Summary: ...


class Extractive:
    """The sentence that says most of each paragraph, added to those before."""

    def after(self, told: Told, before: Summary, passage: Passage) -> Summary:
        return Summary(sentences=append_summary(before.sentences, passage.gist, count_words, WORDS))


class Served:
    """Summaries by a model, through the summarizer itself. Raises ``EngineError`` when the model does not answer."""

    def __init__(self, engine: Engine, kept: Path) -> None:
        self._engine, self._kept = engine, kept
        kept.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(kept, isolation_level=None)
        self._base.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, sentences TEXT) WITHOUT ROWID")
        self.asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        self._engine.close()

    def after(self, told: Told, before: Summary, passage: Passage) -> Summary:
        parts = (self._engine.model, told.premise.logline, before.text, passage.text)
        key = blake2b("\x00".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        row = self._base.execute("SELECT sentences FROM answers WHERE key = ?", (key,)).fetchone()
        if row:
            return Summary(sentences=tuple(json.loads(row[0])))
        there = [entity for entity in told.premise.entities if entity.id in passage.on_stage]
        made = update_summary(self._engine, told.premise, before, passage.text, there, seed=passage.position.paragraph)
        self.asked += 1
        try:
            self._base.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, json.dumps(made.sentences)))
        except sqlite3.OperationalError as error:
            raise InputError(
                f"The summaries cannot be kept in {self._kept} ({error}); free some space and build again: those before "
                "this one are kept."
            ) from error
        return made


def summed(told: Told, summaries: Summaries) -> Iterator[tuple[Passage, Summary, Summary]]:
    """(paragraph, summary before it, summary after it) through a story."""
    before = Summary()
    for passage in told.passages:
        after = summaries.after(told, before, passage)
        yield passage, before, after
        before = after
