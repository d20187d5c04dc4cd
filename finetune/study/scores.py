"""What the ratings of a study say: how strong each system is, how sure that is, and how far the raters agree.

Invariant: a score depends on the standing choices alone, not on who made them first or on which side a text stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from finetune.judge.bootstrap import Estimate, interval, resamples
from finetune.study.bundle import Study
from finetune.study.ratings import Choice, shown_to

Floats = NDArray[np.float64]
PRIOR: Final = 0.5
"""Wins that each system is given against each other one before anybody rates, so that one who always wins has a finite score."""
_TURNED: Final[dict[Choice, Choice]] = {"left": "right", "right": "left"}


class Vote(NamedTuple):
    """One choice: ``outcome`` is 1 where the first of ``systems`` was preferred, 0 where the second, 0.5 for a tie."""

    rater: str
    pair: str
    prompt: str
    systems: tuple[str, str]
    choice: Choice  # as it was made, by side
    left: str  # the system on the left
    outcome: float


def votes(study: Study, ratings: Mapping[str, Mapping[str, Choice]]) -> list[Vote]:
    """The ratings with the systems' names put back. Skipped pairs are left out."""
    found = []
    for rater, made in ratings.items():
        for pair, turned in shown_to(study, rater):
            choice = made.get(pair.id, "skip")
            if choice != "skip":
                straight = _TURNED.get(choice, choice) if turned else choice
                outcome = {"left": 1.0, "tie": 0.5}.get(straight, 0.0)
                left = pair.systems[1 if turned else 0]
                found.append(Vote(rater, pair.id, pair.prompt, pair.systems, choice, left, outcome))
    return sorted(found)


def bradley_terry(wins: Floats, prior: float = PRIOR, rounds: int = 100) -> Floats:
    """Log-strengths [systems] with mean 0; the odds that i is preferred to j are exp(s_i - s_j).

    ``wins`` [systems, systems] counts how often the row's system was preferred to the column's; a tie is half a win for both.
    Without a ``prior`` every system must have won and lost, directly or through others; else no finite scores are there to find.

    Source: R. A. Bradley and M. E. Terry, "Rank Analysis of Incomplete Block Designs" (1952). Their likelihood is concave in
    the log-strengths, so Newton's method, with steps of bounded length, finds its only maximum.
    """
    count = len(wins)
    won = np.asarray(wins, np.float64) + prior * (1 - np.eye(count))
    met, total = won + won.T, won.sum(1)
    np.fill_diagonal(met, 0)
    logs = np.zeros(count)
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(logs[None, :] - logs[:, None]))  # that the row's system is preferred to the column's
        slope = total - np.diag(won) - (met * chance).sum(1)
        bend = met * chance * chance.T
        # The mean is free: adding a constant matrix fixes it without changing the step in any other direction.
        step = np.linalg.solve(np.diag(bend.sum(1)) - bend + np.full((count, count), 1 / count), slope)
        logs = logs + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(logs - logs.mean())


def scores(study: Study, given: Iterable[Vote], seed: int = 0, times: int = 1000) -> dict[str, Estimate]:
    """The Bradley-Terry score of every system, with a 95 % interval from resampling prompts; none where all prompts
    went the same way. The prior is counted in.
    """
    tables = _tables(study, given)
    if not len(tables):
        return {name: Estimate(float("nan"), None, None, 0) for name in study.systems}
    value = bradley_terry(tables.sum(0))
    draws = np.array([bradley_terry(np.tensordot(row, tables, 1)) for row in resamples(len(tables), seed, times)])
    # Where every prompt went the same way the resamples are all alike, which says nothing of how sure the score is.
    sure = np.ptp(draws, axis=0) > 1e-9
    spread = [interval(draws[:, k]) if sure[k] else (None, None) for k in range(len(value))]
    return {
        name: Estimate(float(value[k]), *spread[k], len(tables)) for k, name in enumerate(study.systems)
    }  # fmt: skip


def _tables(study: Study, given: Iterable[Vote]) -> Floats:
    """float64 [prompts, systems, systems]: the wins at each prompt that was rated."""
    number = {name: k for k, name in enumerate(study.systems)}
    found: dict[str, Floats] = {}
    for vote in given:
        table = found.setdefault(vote.prompt, np.zeros((len(number), len(number))))
        one, other = (number[name] for name in vote.systems)
        table[one, other] += vote.outcome
        table[other, one] += 1 - vote.outcome
    return np.array(list(found.values())).reshape(-1, len(number), len(number))


def krippendorff_alpha(units: Iterable[Iterable[float]]) -> float | None:
    """Agreement on nominal choices: 1 is perfect, 0 what chance gives. ``units`` are the choices of all raters, pair by pair; a
    pair with fewer than two is left out. None where no pair has two choices, or where all choices are the same.

    Source: K. Krippendorff, "Content Analysis" (2004), ch. 11; A. F. Hayes and K. Krippendorff (2007). For two or more
    raters and any missing values.
    """
    rows = [list(unit) for unit in units]
    rows = [row for row in rows if len(row) > 1]
    values = sorted({value for row in rows for value in row})
    if len(values) < 2:
        return None
    counts = np.array([[row.count(value) for value in values] for row in rows], np.float64)
    size = counts.sum(1)
    coincident = np.einsum("ui,uj->ij", counts / (size - 1)[:, None], counts) - np.diag(
        (counts / (size - 1)[:, None]).sum(0)
    )
    margin, total = coincident.sum(1), coincident.sum()
    seen = total - np.trace(coincident)
    by_chance = (total**2 - (margin**2).sum()) / (total - 1)
    return float(1 - seen / by_chance)


def agreement(given: Iterable[Vote]) -> tuple[float | None, float | None, int]:
    """(Krippendorff's alpha, share of two raters' choices on one pair that are the same, pairs that two or more rated)."""
    by_pair: dict[str, list[float]] = {}
    for vote in given:
        by_pair.setdefault(vote.pair, []).append(vote.outcome)
    shared = [row for row in by_pair.values() if len(row) > 1]
    same = [sum(a == b for a in row for b in row) - len(row) for row in shared]
    pairs = [len(row) * (len(row) - 1) for row in shared]
    return krippendorff_alpha(shared), (sum(same) / sum(pairs) if pairs else None), len(shared)
