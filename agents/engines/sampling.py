"""Drawing one token from one row of logits.

The order is fixed: repetition penalty (over the tokens drawn so far, never over the prompt), mask, temperature, top-k,
top-p, min-p. Invariant: one draw takes exactly one uniform number and looks at nothing but its own row, so a candidate
is the same alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agents.engines.base import Sampling
from prompts.errors import EngineError

Floats = NDArray[np.float32]


def generator(seed: int, candidate: int) -> np.random.Generator:
    """The random numbers of candidate ``candidate``, whatever the number of candidates is. Any integer is a seed."""
    sign = int(seed < 0)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([abs(seed), sign, candidate])))


def log_probability(logits: Floats, token: int) -> float:
    """Log-probability (nats) of ``token`` under the model itself: temperature 1, no mask, no penalty."""
    peak = logits.max()
    return float(logits[token] - peak) - float(np.log(np.exp(logits - peak).sum(dtype=np.float64)))


def draw(
    logits: Floats,
    sampling: Sampling,
    drawn: Sequence[int],
    random: np.random.Generator,
    allowed: NDArray[np.bool_] | None = None,
) -> int:
    """One token. ``logits`` [vocab] are left as they are; ``allowed`` [vocab] says which tokens may be drawn."""
    uniform = random.random()
    scores = _penalized(logits, drawn, sampling.repetition_penalty)
    if allowed is not None:
        scores = np.where(allowed, scores, np.float32(-np.inf))
    best = int(scores.argmax())
    if scores[best] == -np.inf:
        raise EngineError("The constraint and the banned tokens leave nothing to write; ban less.")
    if sampling.temperature == 0 or sampling.top_k == 1:
        return best
    scores = (scores - scores[best]) / np.float32(max(sampling.temperature, 1e-4))
    if 0 < sampling.top_k < scores.size:
        limit = np.partition(scores, -sampling.top_k)[-sampling.top_k]
        scores = np.where(_largest(scores, sampling.top_k, limit), scores, np.float32(-np.inf))
    weights = np.exp(scores)  # the largest is 1
    if sampling.top_p < 1:
        weights = np.where(_nucleus(weights, sampling.top_p), weights, np.float32(0))
    if sampling.min_p > 0:
        weights = np.where(weights >= sampling.min_p, weights, np.float32(0))
    held = np.cumsum(weights, dtype=np.float64)
    index = int(np.searchsorted(held, uniform * held[-1], side="right"))  # never a place of weight 0
    return index if index < held.size else int(np.flatnonzero(weights)[-1])  # the product was rounded up to the whole


def _penalized(logits: Floats, drawn: Sequence[int], penalty: float) -> Floats:
    if penalty == 1 or not drawn:
        return logits
    scores = logits.copy()
    seen = np.asarray(drawn)
    old = scores[seen]
    scores[seen] = np.where(old > 0, old / np.float32(penalty), old * np.float32(penalty))
    return scores


def _largest(values: Floats, count: int, limit: np.float32) -> NDArray[np.bool_]:
    """Exactly ``count`` places with the largest values, of which ``limit`` is the last; of equal ones, the first."""
    chosen: NDArray[np.bool_] = values > limit
    ties = np.flatnonzero(values == limit)[: count - int(np.count_nonzero(chosen))]
    chosen[ties] = True
    return chosen


def _nucleus(weights: Floats, top_p: float) -> NDArray[np.bool_]:
    """The places of the fewest largest weights that hold ``top_p`` of the whole."""
    total = float(weights.sum(dtype=np.float64))
    # What lies below this holds less than 1 - top_p together, so it is outside and need not be sorted.
    ordered = np.sort(weights[weights > total * (1 - top_p) / weights.size * 0.5])[::-1]
    held = np.cumsum(ordered, dtype=np.float64)
    count = int(np.searchsorted(held, top_p * total)) + 1
    return _largest(weights, count, ordered[count - 1])
