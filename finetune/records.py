"""Read what a training run left behind: settings, how far it came, its losses, its held-out perplexities.

Invariant: only what the run itself wrote down is reported, and nothing after the checkpoint that its weights come from;
no torch is needed to read it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompts.errors import InputError


@dataclass(frozen=True)
class Record:
    """One run. ``points`` are (tokens seen, loss of completion tokens in nats); ``finished`` is False if it was cut."""

    name: str
    recipe: dict[str, Any]
    about: dict[str, Any]
    step: int
    tokens: int
    seconds: float
    finished: bool
    points: tuple[tuple[int, float], ...]
    perplexity: dict[str, float]

    @property
    def hardware(self) -> str:
        """The kind of machine, such as "2 CPU cores"."""
        return str(self.about.get("hardware") or cores(self.recipe["threads"]))


def cores(threads: int) -> str:
    """A machine without an accelerator, in words."""
    return f"{threads} CPU core{'s' if threads != 1 else ''}"


def checkpoints(run: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    found = [p for p in run.glob("checkpoint-*") if p.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=lambda p: int(p.name.removeprefix("checkpoint-")))


def finished(run: Path) -> bool:
    """Whether a run came to its end."""
    return (run / "result.json").is_file()


def read_stories(run: Path) -> bool:
    """Whether ``run`` learnt from our own stories; what is no run of pretraining did not."""
    path = run / "run.json"
    data = json.loads(path.read_text())["recipe"].get("data") if path.is_file() else None
    return isinstance(data, list) and any(Path(source["folder"]).name == "stories" for source in data)


def read_record(run: Path) -> Record:
    """Raises ``InputError`` where ``run`` is no folder of a run that came to a checkpoint."""
    try:
        about = json.loads((run / "run.json").read_text())
        lines = (run / "metrics.jsonl").read_text().splitlines()
        again = json.loads((run / "perplexity.json").read_text()) if (run / "perplexity.json").is_file() else {}
        result = json.loads((run / "result.json").read_text()) if finished(run) else {}
        kept = checkpoints(run)
        state = json.loads((kept[-1] / "state.json").read_text()) if kept else result
        step, tokens, seconds = int(state["step"]), int(state["tokens"]), float(state.get("seconds", 0.0))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{run} is not the folder of a training run with a checkpoint ({error!r}).") from error
    rows = [row for row in map(json.loads, lines) if row["step"] <= step]
    noted = [row["held_out"] for row in rows if "held_out" in row]
    return Record(
        name=run.name, recipe=about["recipe"], about=about, step=step, tokens=tokens, seconds=seconds,
        finished=bool(result), points=tuple((row["tokens"], row["loss"]) for row in rows if "loss" in row),
        perplexity=again or result.get("perplexity") or (noted[-1] if noted else {}),
    )  # fmt: skip


def draw_curve(records: list[Record], path: Path) -> None:
    """The losses of stages that follow each other, as one picture over all the training tokens."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6))
    before = 0
    for number, record in enumerate(records, 1):
        if record.points:
            points = [((before + tokens) / 1e6, loss) for tokens, loss in record.points]
            axes.plot(*zip(*points, strict=True), linewidth=1, label=f"stage {number}")
        before += record.tokens
    axes.set(xlabel="training tokens, millions", ylabel="loss of completion tokens, nats")
    if len(records) > 1:
        axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)
