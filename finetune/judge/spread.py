"""How far the texts of one prompt lie apart, by their embeddings, and how far all texts lie from people's.

Invariant: embeddings are rows of unit length; texts are compared within a prompt, MAUVE alone compares them all at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from finetune.deviation import distances
from prompts.errors import InputError

Vectors = NDArray[np.float32]


def pairwise(vectors: Vectors) -> tuple[float, float] | None:
    """Mean cosine distance (0 to 2) of all pairs of ``vectors`` [n, d], as (value, 1); None for fewer than two.

    Source: J. J. Y. Chung et al., "Modifying Large Language Model Post-Training for Diverse Creative Writing" (2025): their
    diversity, semantic or style by the embeddings.
    """
    return (float(distances(vectors).mean()), 1.0) if len(vectors) > 1 else None


def vendi(vectors: Vectors) -> tuple[float, float] | None:
    """The effective number of different texts, 1 to n, as (value, 1): e to the entropy of the eigenvalues of the cosine
    similarities by n.

    Source: D. Friedman and A. B. Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning" (2023), order 1.
    """
    if len(vectors) < 2:
        return None
    rows = np.asarray(vectors, np.float64)
    found = np.linalg.eigvalsh(rows @ rows.T / len(rows))
    found = found[found > 1e-12]
    return float(np.exp(-(found * np.log(found)).sum())), 1.0


def mauve(texts: Vectors, references: Vectors, seed: int = 0) -> float:
    """How near the distribution of texts is to that of people's, 0 to 1. Has no interval: it is no mean over prompts.

    Source: K. Pillutla et al., "MAUVE: Measuring the Gap Between Neural Text and Human Text" (2021); the package mauve-text, on
    this evaluation's semantic embeddings instead of GPT-2's. Raises ``InputError`` where it isn't installed.
    """
    try:
        from mauve import compute_mauve
    except ImportError as error:
        raise InputError("MAUVE needs an extra: pip install 'fabula[mauve]'.") from error
    return float(compute_mauve(p_features=references, q_features=texts, verbose=False, seed=seed).mauve)
