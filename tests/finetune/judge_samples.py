"""A small data set, written as ``fabula data`` does, and an embedder that needs no model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from finetune.data.folder import DataFolder
from finetune.data.kinds import Kind

ANIMALS = "cat dog owl fox hen cow pig rat bat ant bee elk".split()


def sample_row(kind: Kind, number: int, animal: str) -> dict[str, Any]:
    text = f"Once there was {animal} number {number}. It told everybody of the {animal} that it had been."
    row: dict[str, Any] = {
        "prompt": f"Write of a {animal} and the number {number}.\nStory:", "group": f"group {number}", "source": "made up",
        "licence": "none",
    }  # fmt: skip
    if kind == "sft":
        return row | {"completion": text, "task": "generator" if number % 2 else "summarizer"}
    if kind == "responses":
        return row | {"responses": [{"text": f"{text} {k}.", "score": float(k)} for k in range(3)]}
    return row | {"chosen": text, "rejected": "It ended.", "chosen_score": 9.0, "rejected_score": 1.0}


def write_data(folder: Path, kind: Kind = "sft", count: int = 40, held: float = 0.4) -> Path:
    with DataFolder(folder, kind, held=held) as data:
        for number in range(count):
            data.add(sample_row(kind, number, ANIMALS[number % len(ANIMALS)]))
        data.finish()
    return folder


class Hashed:
    """Directions drawn by a text's hash."""

    name = "hashed"

    def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        rows = [np.random.default_rng(list(hashlib.sha256(t.encode()).digest()[:4])).normal(size=8) for t in texts]
        made = np.array(rows, np.float32).reshape(-1, 8)
        return made / np.linalg.norm(made, axis=1, keepdims=True)
