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
        scores = np.where(_largest(scores, sampling.top_k), scores, np.float32(-np.inf))
    weights = np.exp(scores)  # the largest is 1
    places = _nucleus(weights, sampling.top_p) if sampling.top_p < 1 else None
    if places is not None:
        weights = weights[places]
    if sampling.min_p > 0:
        weights = np.where(weights >= sampling.min_p, weights, np.float32(0))
    held = np.cumsum(weights, dtype=np.float64)
    index = int(np.searchsorted(held, uniform * held[-1], side="right"))  # never a place of weight 0
    if index == held.size:  # the product was rounded up to the whole
        index = int(np.flatnonzero(weights)[-1])
    return index if places is None else int(places[index])


def _penalized(logits: Floats, drawn: Sequence[int], penalty: float) -> Floats:
    if penalty == 1 or not drawn:
        return logits
    scores = logits.copy()
    seen = np.asarray(drawn)
    old = scores[seen]
    scores[seen] = np.where(old > 0, old / np.float32(penalty), old * np.float32(penalty))
    return scores


def _largest(scores: Floats, count: int) -> NDArray[np.bool_]:
    """Exactly ``count`` places with the largest scores; of equal ones, the first."""
    limit = np.partition(scores, -count)[-count]
    chosen: NDArray[np.bool_] = scores > limit
    ties = np.flatnonzero(scores == limit)[: count - int(chosen.sum())]
    chosen[ties] = True
    return chosen


def _nucleus(weights: Floats, top_p: float) -> NDArray[np.intp]:
    """The places of the fewest largest weights that hold ``top_p`` of the whole, largest first."""
    total = float(weights.sum(dtype=np.float64))
    # All that lies below this holds less than 1 - top_p together, so it is outside and need not be sorted.
    places = np.flatnonzero(weights > total * (1 - top_p) / weights.size * 0.5)
    order = places[np.argsort(-weights[places], kind="stable")]
    held = np.cumsum(weights[order], dtype=np.float64)
    return order[: int(np.searchsorted(held, top_p * total)) + 1]
