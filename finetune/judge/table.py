"""An evaluation's table: on the screen, as Markdown, as JSON, and as a plot.

Invariant: all of them show the same numbers; a number has its interval beside it wherever there is one.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from finetune.judge.bootstrap import Estimate
from finetune.judge.metrics import Metric, Result
from finetune.judge.setting import Evaluation
from prompts.errors import InputError
from prompts.safe import one_line

_ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


def cell(found: Estimate | None, metric: Metric) -> str:
    """A number with its interval, such as "12.31 [11.02, 14.10]"; a dash where there is none."""
    if found is None or math.isnan(found.value):
        return "-"
    value = f"{found.value:.{metric.digits}f}"
    if found.low is None or found.high is None:
        return value
    return f"{value} [{found.low:.{metric.digits}f}, {found.high:.{metric.digits}f}]"


def table_rows(result: Result) -> list[list[str]]:
    """The head and a row for each metric, a column for each model."""
    head = ["metric", *result.table]
    return [
        head,
        *(
            [m.label + _ARROWS[m.better], *(cell(found.get(m.key), m) for found in result.table.values())]
            for m in result.metrics
        ),
    ]


def print_table(result: Result) -> None:
    """The table on the screen, in rich's style; plain where NO_COLOR is set or the screen is a file."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    head, *rows = table_rows(result)
    console = Console()
    # A model's column is as wide as its numbers; what doesn't fit beside comes below, under the same metrics.
    widths = [max(len(row[k]) for row in (head, *rows)) + 3 for k in range(len(head))]
    for columns in _blocks(widths, console.width - 1):
        table = Table()
        for k in (0, *columns):
            table.add_column(Text(one_line(head[k])), justify="right" if k else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(one_line(row[k])) for k in (0, *columns)))
        console.print(table)
    for note in result.notes:
        console.print(one_line(note), markup=False, highlight=False)


def _blocks(widths: list[int], room: int) -> list[list[int]]:
    """The models' columns in groups that fit beside the metrics' names."""
    blocks: list[list[int]] = [[]]
    left = room - widths[0]
    for k, width in enumerate(widths[1:], 1):
        if blocks[-1] and width > left:
            blocks.append([])
            left = room - widths[0]
        blocks[-1].append(k)
        left -= width
    return blocks


def as_markdown(evaluation: Evaluation, result: Result) -> str:
    settings = evaluation.settings
    head, *rows = table_rows(result)
    lines = [
        "| " + " | ".join(part.replace("|", "\\|") for part in row) + " |" for row in (head, ["---"] * len(head), *rows)
    ]
    models = "\n".join(f"- {name}: `{spec}`" for name, spec in evaluation.models.items())
    drawn = ", ".join(f"{key} {value}" for key, value in settings.sampling.model_dump().items() if value != ())
    notes = "".join(f"\n- {note}" for note in result.notes)
    return (
        f"# Evaluation\n\n{len(evaluation.cases)} held-out prompts of `{settings.data}` ({settings.data_hash[:16]})"
        + (f", task {settings.task}" if settings.task else "")
        + f"; {settings.samples} texts each, {drawn}, seed {settings.seed}.\n\n{models}\n\n" + "\n".join(lines)
        + "\n\nIn brackets: 95 % intervals, bootstrapped over prompts. ↑ higher is better, ↓ lower is better.\n" + notes
        + ("\n" if notes else "") + "\n![The metrics with their intervals](metrics.png)\n"
    )  # fmt: skip


def as_json(evaluation: Evaluation, result: Result) -> dict[str, Any]:
    return {
        "settings": evaluation.settings.model_dump(mode="json"),
        "models": evaluation.models,
        "metrics": {
            name: {key: {k: _number(v) for k, v in found._asdict().items()} for key, found in row.items()}
            for name, row in result.table.items()
        },
        "notes": list(result.notes),
    }


def _number(value: float | None) -> float | None:
    """JSON has no infinity and no NaN."""
    return value if value is not None and abs(value) < float("inf") else None


def write(evaluation: Evaluation, result: Result) -> list[Path]:
    """report.md, report.json and metrics.png in the evaluation's folder."""
    paths = [evaluation.out / name for name in ("report.md", "report.json", "metrics.png")]
    try:
        paths[0].write_text(as_markdown(evaluation, result), encoding="utf-8")
        paths[1].write_text(json.dumps(as_json(evaluation, result), indent=1) + "\n", encoding="utf-8")
        draw(result, paths[2])
    except OSError as error:
        raise InputError(f"The report can't be written to {evaluation.out}: {error.strerror}.") from error
    return paths


def draw(result: Result, path: Path) -> None:
    """One small picture a metric: every model's number with its interval."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names, metrics = list(result.table), result.metrics
    columns = 3
    high = -(-len(metrics) // columns)
    figure, grid = pyplot.subplots(high, columns, figsize=(11, high * (0.9 + 0.28 * len(names))), squeeze=False)
    for axes, metric in zip(grid.flat, metrics, strict=False):
        for place, name in enumerate(names):
            if (found := result.table[name].get(metric.key)) is not None and abs(found.value) < float("inf"):
                low, up = (found.value if end is None else end for end in (found.low, found.high))
                # A percentile interval need not hold the number itself.
                error = [[max(found.value - low, 0)], [max(up - found.value, 0)]]
                axes.errorbar(found.value, place, xerr=error, fmt="o", capsize=3, color=f"C{place % 10}")
        axes.set(yticks=range(len(names)), ylim=(len(names) - 0.5, -0.5), title=metric.label + _ARROWS[metric.better])
        axes.set_yticklabels([one_line(name).replace("$", r"\$") for name in names])
        axes.grid(axis="x", alpha=0.3)
    for axes in list(grid.flat)[len(metrics) :]:
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)
