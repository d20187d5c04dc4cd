"""What models are judged on: prompts of a data set's held-out part, with the texts that people wrote for them.

Invariant: which prompts are drawn follows from the data set and the seed alone, so models that are judged weeks apart are
judged on the same ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from finetune.data.folder import load_index, read_rows
from prompts.errors import InputError

REFERENCES: Final = 8
"""Texts of a prompt that are compared with at most; of responses the best scored ones."""


@dataclass(frozen=True)
class Case:
    """A prompt and its ``references``, the best first. ``id`` is its number among the held-out rows."""

    id: str
    prompt: str
    references: tuple[str, ...]
    system: str = ""

    def joined(self) -> str:
        return f"{self.system}\n\n{self.prompt}" if self.system else self.prompt


def draw_cases(folder: Path, wanted: int, seed: int = 0, task: str = "") -> tuple[Case, ...]:
    """Up to ``wanted`` held-out prompts drawn evenly from the data set in ``folder``, in its order; of one ``task`` if named.

    Raises ``InputError`` where ``folder`` is no data set, or holds nothing of the kind.
    """
    kind = str(load_index(folder)["kind"])
    rows = ((number, row) for number, row in enumerate(read_rows(folder, "held")) if task in {"", row.get("task")})
    drawn = _reservoir(rows, wanted, random.Random(f"cases/{seed}"))
    if not drawn:
        what = f"no held-out rows of the task {task!r}" if task else "no held-out rows"
        raise InputError(f"{folder} has {what}; judge on another data set, or build it with a share that is held out.")
    return tuple(_case(number, row, kind) for number, row in sorted(drawn, key=lambda item: item[0]))


def _reservoir(
    rows: Iterable[tuple[int, dict[str, Any]]], wanted: int, rng: random.Random
) -> list[tuple[int, dict[str, Any]]]:
    """Algorithm R (Vitter 1985): every row has the same chance, and only ``wanted`` are ever held."""
    kept: list[tuple[int, dict[str, Any]]] = []
    for seen, row in enumerate(rows):
        if len(kept) < wanted:
            kept.append(row)
        elif (place := rng.randrange(seen + 1)) < wanted:
            kept[place] = row
    return kept


def _case(number: int, row: dict[str, Any], kind: str) -> Case:
    if kind == "responses":
        best = sorted(row["responses"], key=lambda response: -float(response["score"]))
        references = [str(response["text"]) for response in best[:REFERENCES]]
    else:
        references = [str(row["chosen" if kind == "preference" else "completion"])]
    return Case(f"{number:06}", row["prompt"], tuple(references), str(row.get("system") or ""))


def others(case: Case, cases: tuple[Case, ...], count: int, seed: int) -> list[Case]:
    """Up to ``count`` cases with other prompts, drawn for this one."""
    rng = random.Random(f"others/{seed}/{case.id}")
    return list(_first(_distinct(rng.sample(cases, len(cases)), case.joined()), count))


def _distinct(cases: list[Case], known: str) -> Iterator[Case]:
    seen = {known}
    for case in cases:
        if case.joined() not in seen:
            seen.add(case.joined())
            yield case


def _first(cases: Iterator[Case], count: int) -> Iterator[Case]:
    for _, case in zip(range(count), cases, strict=False):
        yield case
