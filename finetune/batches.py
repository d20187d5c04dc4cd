"""Draw rows from data sets in the wanted shares and cut them into batches of like length.

Every row starts at position 0, as in use, and is padded on the right to its batch's length. Invariant: the batches of a
round depend on the seed and the round's number alone, so a resumed run reads on exactly where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finetune.data.shards import COMPLETION, PROMPT, Shards

ROUND_ROWS = 8192
POOL_ROWS = 512  # rows that are sorted by length together
MULTIPLE = 16  # a batch's length is a multiple of this plus one: the model reads all but the last token


@dataclass(frozen=True)
class Batch:
    """``tokens`` int64 [rows, length]; ``kinds`` uint8 [rows, length], 0 where there is padding."""

    tokens: NDArray[np.int64]
    kinds: NDArray[np.uint8]


def padded(length: int) -> int:
    return -(-(length - 1) // MULTIPLE) * MULTIPLE + 1


def pad(rows: list[tuple[NDArray[np.uint16], NDArray[np.uint8]]]) -> Batch:
    longest = max(len(tokens) for tokens, _ in rows)
    width = padded(longest)
    tokens = np.zeros((len(rows), width), np.int64)
    kinds = np.zeros((len(rows), width), np.uint8)
    for number, (row_tokens, row_kinds) in enumerate(rows):
        tokens[number, : len(row_tokens)] = row_tokens
        kinds[number, : len(row_kinds)] = row_kinds
    return Batch(tokens, kinds)


class Mixture:
    """An endless stream of batches; ``shares`` are by rows."""

    def __init__(self, sources: list[tuple[Shards, float]], batch_tokens: int, seed: int) -> None:
        whole = sum(share for _, share in sources)
        self._sources = [shards for shards, _ in sources]
        self._rows = [max(1, round(ROUND_ROWS * share / whole)) for _, share in sources]
        self._batch_tokens, self._seed = batch_tokens, seed

    def _drawn(self, number: int) -> list[tuple[int, int]]:
        """(source, row) of a round: a stretch of an endless chain of permutations for each source."""
        drawn = []
        for source, (shards, wanted) in enumerate(zip(self._sources, self._rows, strict=True)):
            size, position, stop = len(shards), number * wanted, (number + 1) * wanted
            while position < stop:
                epoch, start = divmod(position, size)
                order = np.random.default_rng((self._seed, source, epoch)).permutation(size)
                part = order[start : start + stop - position]
                drawn += [(source, int(row)) for row in part]
                position += len(part)
        return drawn

    def plan(self, number: int) -> list[list[tuple[int, int]]]:
        """The batches of a round, as (source, row) pairs."""
        drawn = self._drawn(number)
        rng = np.random.default_rng((self._seed, 7919, number))
        order = rng.permutation(len(drawn))
        batches: list[list[tuple[int, int]]] = []
        for start in range(0, len(order), POOL_ROWS):
            pool = [drawn[i] for i in order[start : start + POOL_ROWS]]
            pool.sort(key=lambda pair: int(self._sources[pair[0]].lengths[pair[1]]))
            held: list[tuple[int, int]] = []
            for source, row in pool:
                width = padded(int(self._sources[source].lengths[row]))
                if held and width * (len(held) + 1) > self._batch_tokens:
                    batches.append(held)
                    held = []
                held.append((source, row))
            batches.append(held)
        return [batches[i] for i in rng.permutation(len(batches))]

    def batches(self, number: int = 0, skip: int = 0) -> Iterator[tuple[int, int, Batch]]:
        """(round, place after this batch, batch) from batch ``skip`` of round ``number`` on, without end."""
        while True:
            for place, batch in enumerate(self.plan(number)):
                if place >= skip:
                    yield number, place + 1, pad([self._sources[source].row(row) for source, row in batch])
            number, skip = number + 1, 0


def spread(shards: Shards, task: int, rows: int) -> list[int]:
    """Up to ``rows`` rows of a task, spread evenly over the set, so that every source and world has its part."""
    found = np.flatnonzero(shards.tasks == task)
    return [int(row) for row in found[:: max(1, -(-len(found) // rows))]]


def held_out(shards: Shards, task: int, rows: int, batch_tokens: int) -> Iterator[Batch]:
    """``rows`` rows of a task, by length."""
    chosen = sorted(spread(shards, task, rows), key=lambda row: int(shards.lengths[row]))
    held: list[tuple[NDArray[np.uint16], NDArray[np.uint8]]] = []
    for row in chosen:
        if held and int(shards.lengths[row] + MULTIPLE) * (len(held) + 1) > batch_tokens:
            yield pad(held)
            held = []
        held.append(shards.row(row))
    if held:
        yield pad(held)


def weights(kinds: NDArray[np.uint8], prompt_weight: float) -> NDArray[np.float32]:
    """Loss weight of every token."""
    return np.where(kinds == COMPLETION, 1.0, np.where(kinds == PROMPT, prompt_weight, 0.0)).astype(np.float32)
