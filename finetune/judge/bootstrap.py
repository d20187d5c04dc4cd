"""Intervals for numbers that are measured on prompts: the percentile bootstrap over prompts.

Every number here is a function of sums over prompts (a mean, a perplexity, BLEU, a win rate), so a resample is a weighting of
the prompts' own sums. Invariant: equal numbers and an equal seed give equal intervals, whatever else is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Combine = Callable[[Floats], Floats]
RESAMPLES: Final = 1000
LEVEL: Final = 0.95


class Estimate(NamedTuple):
    """A number over ``prompts`` prompts; ``low`` and ``high`` are None where there are fewer than two, or no interval."""

    value: float
    low: float | None
    high: float | None
    prompts: int


def ratio(sums: Floats) -> Floats:
    """[..., 2] → [...]: the first sum by the second, which is a mean where the second counts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def exp_ratio(sums: Floats) -> Floats:
    """[..., 2] → [...]: e to the mean, which is a perplexity where the sums are nats and tokens."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(ratio(sums)))


def resamples(count: int, seed: int, times: int = RESAMPLES) -> Floats:
    """float64 [times, count]: how often each of ``count`` prompts is drawn when as many are drawn with replacement."""
    rng = np.random.default_rng([seed, count])
    return rng.multinomial(count, np.full(count, 1 / count), size=times).astype(np.float64)


def estimate(sums: ArrayLike, combine: Combine = ratio, seed: int = 0, times: int = RESAMPLES) -> Estimate:
    """The number and its 95 % interval from ``sums`` [prompts, k], what every prompt adds to each of the k sums.

    Source: B. Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979), percentile interval; prompts and not texts are
    drawn, since the texts of one prompt resemble each other (cluster bootstrap).
    """
    rows = np.asarray(sums, np.float64)
    if not len(rows):
        return Estimate(float("nan"), None, None, 0)
    value = float(combine(rows.sum(0)))
    low, high = interval(combine(resamples(len(rows), seed, times) @ rows)) if len(rows) > 1 else (None, None)
    return Estimate(value, low, high, len(rows))


def share(sums: ArrayLike, seed: int = 0, times: int = RESAMPLES) -> Estimate:
    """A share of the prompts, 0 to 1, from [prompts, 2]: as ``estimate``, but where every prompt went the same way, and all
    resamples therefore too, with the interval of a binomial share, which does not claim to be certain.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927).
    """
    found = estimate(sums, ratio, seed, times)
    if found.value not in {0.0, 1.0}:
        return found
    z = 1.959964
    far = z * z / (found.prompts + z * z)
    return found._replace(low=found.value * (1 - far), high=found.value + (1 - found.value) * far)


def interval(values: ArrayLike) -> tuple[float | None, float | None]:
    """The middle 95 % of resampled values; None, None where none of them is a number."""
    found = np.asarray(values, np.float64)
    found = found[np.isfinite(found)]
    if not len(found):
        return None, None
    edge = (1 - LEVEL) / 2
    low, high = np.quantile(found, [edge, 1 - edge])
    return float(low), float(high)
