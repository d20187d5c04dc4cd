"""Tokenised rows on disk: shards of uint16 tokens, a uint8 kind for each token, and where every row starts.

A shard is three .npy files: ``NNN.tokens`` [tokens], ``NNN.kinds`` [tokens] (1 prompt, 2 completion; the trainer gives
each kind its loss weight) and ``NNN.rows`` [rows, 3] int32 (start, length, task number). Invariant: shards are written
whole and renamed into place, so a folder with an index.json is complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from finetune.data.rows import TASKS, Row, finished
from finetune.whole import write_whole
from prompts.errors import InputError

PROMPT, COMPLETION = 1, 2
SHARD_TOKENS = 8_000_000


@dataclass
class ShardWriter:
    """Collect rows and write shards; ``close`` writes the index that makes the folder valid."""

    folder: Path
    tokenizer: Tokenizer
    context: int
    samples: int = 4
    counts: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[str]] = field(default_factory=dict)
    _pending: list[Row] = field(default_factory=list)
    _tokens: list[int] = field(default_factory=list)
    _kinds: list[NDArray[np.uint8]] = field(default_factory=list)
    _rows: list[tuple[int, int, int]] = field(default_factory=list)
    _shards: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def add(self, rows: Iterable[Row]) -> None:
        self._pending += rows
        if len(self._pending) >= 4096:
            self._encode()

    def _encode(self) -> None:
        prompts = self.tokenizer.encode_batch_fast([row.prompt for row in self._pending])
        completions = self.tokenizer.encode_batch_fast([finished(row) for row in self._pending])
        for row, prompt, completion in zip(self._pending, prompts, completions, strict=True):
            size = len(prompt.ids) + len(completion.ids)
            if size > self.context:
                self.counts["too long"] += 1
                continue
            self._rows.append((len(self._tokens), size, TASKS.index(row.task)))
            self._tokens += prompt.ids
            self._tokens += completion.ids
            self._kinds.append(
                np.repeat(np.array([PROMPT, COMPLETION], np.uint8), (len(prompt.ids), len(completion.ids)))
            )
            self.counts.update({row.task: 1, "tokens": size, "completion tokens": len(completion.ids)})
            shown = self.shown.setdefault(row.task, [])
            if len(shown) < self.samples and self.counts[row.task] % 37 == 1:
                shown.append(f"{row.prompt}>>>{finished(row)}")
        self._pending = []
        if len(self._tokens) >= SHARD_TOKENS:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        arrays: dict[str, NDArray[Any]] = {
            "tokens": np.array(self._tokens, np.uint16), "kinds": np.concatenate(self._kinds),
            "rows": np.array(self._rows, np.int32),
        }  # fmt: skip
        for name, array in arrays.items():
            np.save(self.folder / f"{self._shards:03}.{name}.npy", array)
            self._digest.update(array.tobytes())
        self._tokens, self._kinds, self._rows = [], [], []
        self._shards += 1

    def close(self, **about: Any) -> dict[str, Any]:
        self._encode()
        self._flush()
        index = {
            **about, "shards": self._shards, "context": self.context, "sha256": self._digest.hexdigest(),
            "counts": dict(self.counts), "samples": self.shown,
        }  # fmt: skip
        write_whole(self.folder / "index.json", json.dumps(index, indent=1) + "\n")
        return index


def has_rows(folder: Path) -> bool:
    """Whether ``folder`` is a finished data set with anything in it; a small corpus may hold out nothing."""
    path = folder / "index.json"
    return path.is_file() and json.loads(path.read_text())["shards"] > 0


class Shards:
    """Read rows back, memory-mapped. ``lengths`` and ``tasks`` have one entry a row."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "index.json").is_file():
            raise InputError(f"There is no finished data set in {folder}; build it with `fabula data build`.")
        self.index: dict[str, Any] = json.loads((folder / "index.json").read_text())
        numbers = range(self.index["shards"])
        self._tokens = [np.load(folder / f"{n:03}.tokens.npy", mmap_mode="r") for n in numbers]
        self._kinds = [np.load(folder / f"{n:03}.kinds.npy", mmap_mode="r") for n in numbers]
        rows = [np.load(folder / f"{n:03}.rows.npy") for n in numbers]
        if not rows:
            raise InputError(f"The data set in {folder} has no rows.")
        self._shard = np.concatenate([np.full(len(r), n, np.int32) for n, r in enumerate(rows)])
        table = np.concatenate(rows)
        self._start, self.lengths, self.tasks = table[:, 0], table[:, 1], table[:, 2]

    def __len__(self) -> int:
        return len(self._shard)

    def row(self, number: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """(tokens [length], kinds [length]) of one row."""
        shard, start = self._shard[number], self._start[number]
        stop = start + self.lengths[number]
        return self._tokens[shard][start:stop], self._kinds[shard][start:stop]
