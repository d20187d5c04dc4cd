"""How far each response to a prompt stands from the others, and the loss weights that follow from it.

After Chung et al. 2025 (arXiv 2503.17126). For N responses with unit embeddings e: rᵢ = mean over j≠i of (1 - cos(eᵢ, eⱼ)),
d = r scaled to 0..1 by the prompt's least and greatest r, "both" = √(semantic · style), δᵢ = dᵢ / mean(d).

Invariant: over a prompt's responses the mean of δ is 1, so the weights move a loss between responses and never change its
size; a prompt that tells nothing apart (one response, or all equally far) weighs every response 1. A floor comes last and
alone may raise the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Literal["semantic", "style", "both"]
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
SAME: Final = (
    1e-6  # distances nearer than this are equal: embeddings are float32, and scaling would blow their noise up
)


def distances(embeddings: NDArray[np.floating]) -> Floats:
    """Mean cosine distance of every response to the others.

    ``embeddings`` [n, d] with rows of unit length -> [n], each in 0..2; zeros where n < 2.
    """
    rows = np.asarray(embeddings, np.float64)
    n = len(rows)
    if n < 2:
        return np.zeros(n)
    # (sum over all j) - (self) needs no n x n matrix: cos(e_i, e_j) summed over j is e_i . sum(e)
    near = (rows @ rows.sum(0) - (rows * rows).sum(1)) / (n - 1)
    found: Floats = np.clip(1.0 - near, 0.0, 2.0)
    return found


def deviations(spread: Floats) -> Floats:
    """``spread`` [n] scaled to 0..1 by its own least and greatest; ones where all are equal, so that they cancel out."""
    spread = np.asarray(spread, np.float64)
    if not len(spread) or np.ptp(spread) <= SAME:
        return np.ones(len(spread))
    found: Floats = (spread - spread.min()) / np.ptp(spread)
    return found


def both(semantic: Floats, style: Floats) -> Floats:
    """The geometric mean of two deviations [n]: high only where a response stands apart in meaning and in style."""
    return np.sqrt(np.asarray(semantic, np.float64) * np.asarray(style, np.float64))


def weights(deviation: Floats) -> Floats:
    """δ [n] with mean 1, each in 0..n; ones where every deviation is 0."""
    deviation = np.asarray(deviation, np.float64)
    mean = deviation.mean() if len(deviation) else 0.0
    return deviation / mean if mean > 0 else np.ones(len(deviation))


def floored(delta: Floats, least: float) -> Floats:
    """max(δ, ``least``), on the weights themselves: after the scaling, where nothing can take it away again.

    On ``d`` instead it would be lost: the scaling puts the least deviation of every prompt at 0.
    """
    return np.maximum(np.asarray(delta, np.float64), least)


def deviate(embeddings: Mapping[str, NDArray[np.floating]]) -> dict[str, Floats]:
    """The deviation d [n] by measure; ``embeddings`` are {"semantic": [n, d], "style": [n, d']} or one of them.

    "both" is there when both are.
    """
    found = {name: deviations(distances(rows)) for name, rows in embeddings.items()}
    if {"semantic", "style"} <= found.keys():
        found["both"] = both(found["semantic"], found["style"])
    return found
