"""Loss curves of a run from its metrics: a picture, and a few lines for the terminal.

Invariant: every logged loss is in the picture; the terminal's curve shows means of equal shares of the run.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Final

_BARS: Final = "▁▂▃▄▅▆▇█"


def points(rows: list[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    """(step, value) of every line of metrics that has ``key``."""
    return [(row["step"], float(row[key])) for row in rows if key in row]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """The losses over the steps, training and held out, as a PNG. Nothing is drawn where nothing was logged."""
    trained, held = points(rows, "loss"), points(rows, "eval_loss")
    if not trained and not held:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6))
    for found, label, mark in ((trained, "training", ""), (held, "held out", "o")):
        if found:
            axes.plot(*zip(*found, strict=True), linewidth=1, marker=mark, markersize=3, label=label)
    axes.set(xlabel="steps", ylabel="loss, nats")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)


def sparkline(values: list[float], width: int = 60) -> str:
    """``values`` as one line of bars, each the mean of an equal share of them, from the least to the greatest."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[min(len(_BARS) - 1, int((value - low) / span * len(_BARS)))] for value in means)


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The curves for a terminal: "loss 4.10 ▇▅▃▁ 2.95"."""
    found = []
    for key, label in (("loss", "loss"), ("eval_loss", "held-out loss")):
        values = [value for _, value in points(rows, key)]
        if values:
            found.append(f"{label:14} {values[0]:.3f} {sparkline(values)} {values[-1]:.3f}")
    return found
