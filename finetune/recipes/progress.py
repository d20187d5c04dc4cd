"""What a run shows and writes down while it trains: one trainer callback for every method.

``metrics.jsonl`` has a line for each logged mean and each evaluation. Invariant: only the first process writes; after a
resume the file holds nothing that came after the checkpoint, so it reads as if the run had never stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from transformers import TrainerCallback

from finetune.recipes import checkpoints
from finetune.whole import write_whole

# Of the process, not of the run: they would differ after a resume, or say nothing.
_LEFT_OUT: Final = ("total_flos", "num_tokens", "_runtime", "_per_second")
Say = Callable[[str], None]


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Progress with time left (a bar on a terminal, lines elsewhere), metrics, and sealed checkpoints."""

    def __init__(
        self, run: Path, keep: int, wait: Callable[[], None], say: Say, console: Console | None = None
    ) -> None:
        self.run, self.keep, self.wait, self.say = run, keep, wait, say
        self.console = console or Console(stderr=True)
        self.bar: Progress | None = None
        self.task: Any = None
        self.began, self.first = time.monotonic(), 0
        self.last: dict[str, Any] = {}
        self.evaluated = -1  # the step of the last evaluation

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        if state.is_world_process_zero and self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"), console=self.console,
            )  # fmt: skip
            self.bar.start()
            self.task = self.bar.add_task("training", total=state.max_steps, completed=state.global_step, left="")

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if self.bar:
            self.bar.update(self.task, completed=state.global_step, left=self.left(state))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
        row = {key: value for key, value in (logs or {}).items() if not key.endswith(_LEFT_OUT)}
        if not state.is_world_process_zero or not any(key in row for key in ("loss", "eval_loss")):
            return
        row = {"step": state.global_step, **row}
        with (self.run / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.last |= row
        what = f"held-out loss {row['eval_loss']:.4f}" if "eval_loss" in row else f"loss {row['loss']:.4f}"
        if self.bar:
            self.bar.update(self.task, description=what)
        else:
            self.say(f"step {state.global_step}/{state.max_steps}  {what}  {self.left(state)}".rstrip())

    def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.evaluated = state.global_step  # in every process: they must agree on whether to evaluate again

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.wait()  # until every process has written its part
        if state.is_world_process_zero:
            checkpoints.seal(self.run / f"checkpoint-{state.global_step}")
            checkpoints.prune(self.run, self.keep)

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.close()

    def left(self, state: Any) -> str:
        """The time that the remaining steps will take at the pace so far."""
        done = state.global_step - self.first
        remaining = state.max_steps - state.global_step
        if not done or remaining <= 0:
            return ""
        return f"{spoken((time.monotonic() - self.began) / done * remaining)} left"

    def close(self) -> None:
        """Give the terminal back."""
        if self.bar:
            self.bar.stop()
            self.bar = None


def spoken(seconds: float) -> str:
    """A length of time as a person says it: 42s, 3m 05s, 2h 10m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m {whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h {whole % 3600 // 60:02}m"


def cut_metrics(run: Path, step: int) -> None:
    """Drop what ``metrics.jsonl`` holds of steps after ``step``, and a half-written last line."""
    path = run / "metrics.jsonl"
    if not path.is_file():
        return
    kept = [json.dumps(row) + "\n" for row in read_metrics(run) if row["step"] <= step]
    write_whole(path, "".join(kept))


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``, oldest first; a line that a kill cut short is passed over."""
    path = run / "metrics.jsonl"
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            found.append(row)
    return found
