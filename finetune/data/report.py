"""What is told of a data set: counts, lengths in words, sources, licences and a few samples.

Invariant: the report is gathered row by row and stays small, however many rows there are; the same rows give the same
report.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

SAMPLES: Final = 3
SHOWN: Final = 1200
"""Characters of a sample's text that are kept."""
_LONGEST = 100_000


@dataclass
class Report:
    """Add every row that was written; ``told`` is what goes into data.json."""

    counts: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    sources: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _random: random.Random = field(default_factory=lambda: random.Random("samples"))

    def add(self, row: dict[str, Any], split: str) -> None:
        self.counts[split] += 1
        self.sources[row["source"]] += 1
        self.licences[row.get("licence") or "unknown"] += 1
        task = row.get("task")
        if task:
            self.tasks[task] += 1
        for name, text in _texts(row):
            words = min(len(text.split()), _LONGEST)
            self.lengths.setdefault(f"{task} {name}" if task else name, Counter())[words] += 1
        self._sample(task or "rows", row)

    def _sample(self, task: str, row: dict[str, Any]) -> None:
        """Reservoir sampling: every row of a task has the same chance to be shown."""
        kept = self.samples.setdefault(task, [])
        if len(kept) < SAMPLES:
            kept.append(_shown(row))
        elif (place := self._random.randrange(self.tasks[task] or sum(self.counts.values()))) < SAMPLES:
            kept[place] = _shown(row)

    def told(self) -> dict[str, Any]:
        return {
            "counts": {"train": 0, "held": 0} | dict(self.counts), "tasks": dict(self.tasks),
            "lengths": {name: spread(counts) for name, counts in self.lengths.items()},
            "sources": dict(self.sources), "licences": dict(self.licences), "samples": self.samples,
        }  # fmt: skip


def spread(counts: Counter[int]) -> dict[str, float]:
    """Least, mean, median, 95th percentile and greatest of a count of lengths (words)."""
    total = counts.total()

    def at(share: float) -> int:
        left = share * total
        for length in sorted(counts):
            left -= counts[length]
            if left <= 0:
                return length
        return max(counts)

    mean = sum(length * count for length, count in counts.items()) / total
    return {"min": min(counts), "mean": round(mean, 1), "median": at(0.5), "p95": at(0.95), "max": max(counts)}


def _texts(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("prompt", "completion", "chosen", "rejected"):
        if name in row:
            yield name, row[name]
    for response in row.get("responses", ()):
        yield "response", response["text"]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    def cut(value: Any) -> Any:
        if isinstance(value, str):
            return value if len(value) <= SHOWN else f"{value[:SHOWN]} [...]"
        if isinstance(value, list):
            return [cut(item) for item in value[:SAMPLES]]
        return {key: cut(item) for key, item in value.items()} if isinstance(value, dict) else value

    shown: dict[str, Any] = cut(row)
    return shown
