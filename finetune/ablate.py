"""The ablations of Chung et al. 2025 from one file: responses a prompt, which deviation, and the floor of the weights.

A folder holds pairs-N/ (a data set of pairs for each number of responses), a run folder for each cell of the grid, and
ablation.json and ablation.md with the table. Invariant: what is done is never done again: pairs, embeddings and finished
runs are found where they lie, an unfinished run goes on from its last checkpoint, and a cell that fails hinders no other.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from finetune.build.pairs import PairPlan, build_pairs
from finetune.config import Settings, checked, read_settings
from finetune.data.folder import load_index, read_rows
from finetune.deviation import Measure
from finetune.recipes.methods import METHODS
from finetune.recipes.settings import Recipe, load_recipe, with_changes
from finetune.whole import write_whole
from prompts.errors import FabulaError, InputError

PLAIN: Final = {"ddpo": "dpo", "dorpo": "orpo"}
WEIGHTS: Final = frozenset({"deviation", "delta_min", "dorpo_delta"})  # settings that plain methods don't have
CONFIGS: Final = Path(__file__).with_name("configs")
COLUMNS: Final = (
    "responses",
    "deviation",
    "delta_min",
    "pairs",
    "weights of 0",
    "steps",
    "loss",
    "held-out loss",
    "accuracy",
)
Train = Callable[[Recipe, Path, bool], dict[str, Any]]
Say = Callable[[str], None]


class Grid(Settings):
    """Every combination is one run. ``responses`` null: all that a prompt has."""

    responses: list[int | None] = Field([None], min_length=1)
    deviation: list[Measure] = Field(["both"], min_length=1)
    delta_min: list[float] = Field([0.0], min_length=1)


class Ablation(Settings):
    """``data`` holds scored responses; ``plain``: with an unweighted run for each number of responses."""

    data: Path
    method: Literal["ddpo", "dorpo"] = "ddpo"
    recipe: Path | None = None  # METHOD_lora.yaml if none is named
    changes: list[str] = Field(default_factory=list)  # key=value, over the recipe of every run
    pairs: PairPlan = PairPlan()
    grid: Grid = Grid()
    plain: bool = True


@dataclass(frozen=True)
class Cell:
    """One run; without ``deviation`` it is the plain method."""

    responses: int | None
    deviation: Measure | None
    delta_min: float

    @property
    def pairs(self) -> str:
        return f"pairs-{self.responses or 'all'}"

    @property
    def name(self) -> str:
        weighing = f"{self.deviation}-min{self.delta_min:g}" if self.deviation else "plain"
        return f"n{self.responses or 'all'}-{weighing}"


def load_ablation(path: Path, changes: list[str]) -> Ablation:
    """Raises ``InputError`` that names every fault of the file or of a change (key=value)."""
    return checked(Ablation, with_changes(read_settings(path), changes), str(path))


def cells(plan: Ablation) -> Iterator[Cell]:
    """The grid, numbers of responses outermost and the plain run first."""
    for responses in dict.fromkeys(plan.grid.responses):
        if plan.plain:
            yield Cell(responses, None, 0.0)
        for deviation in dict.fromkeys(plan.grid.deviation):
            for least in dict.fromkeys(plan.grid.delta_min):
                yield Cell(responses, deviation, least)


def recipe_of(plan: Ablation, cell: Cell, pairs: Path) -> Recipe:
    """The recipe of a cell that learns from ``pairs``."""
    path = plan.recipe or CONFIGS / f"{plan.method}_lora.yaml"
    said = [*plan.changes, f"data={pairs}"]
    if cell.deviation:
        said += [f"deviation={cell.deviation}", f"delta_min={cell.delta_min}"]
    recipe = load_recipe(METHODS[plan.method].settings, path, said, plan.method)
    if cell.deviation:
        return recipe
    plain = PLAIN[plan.method]
    return METHODS[plain].settings.model_validate({**recipe.model_dump(exclude=set(WEIGHTS)), "method": plain})


def ablate(plan: Ablation, folder: Path, train: Train | None = None, say: Say = print) -> list[dict[str, Any]]:
    """Run what is missing of ``plan`` into ``folder``; returns the rows of the table, which is also written.

    Raises ``InputError`` where the folder holds another ablation, and at the end where a cell failed, naming it.
    """
    _claim(plan, folder)
    train = train or _train
    rows: list[dict[str, Any]] = []
    todo = list(cells(plan))
    for number, cell in enumerate(todo, 1):
        run = folder / cell.name
        say(f"{number}/{len(todo)} {cell.name}")
        try:
            index = _pairs(plan, cell, folder)
            if not (run / "result.json").is_file():
                train(recipe_of(plan, cell, folder / cell.pairs), run, (run / "run.json").is_file())
            rows.append(_row(cell, folder, index))
        except FabulaError as error:
            rows.append({"run": cell.name, **_settings(cell), "failed": str(error)})
            say(f"{cell.name} failed: {error}")
        _write(plan, folder, rows)
    failed = [row["run"] for row in rows if "failed" in row]
    if failed:
        raise InputError(
            f"{len(failed)} of {len(rows)} runs failed ({', '.join(failed)}); {folder / 'ablation.md'} says why. The same "
            "command tries them again."
        )
    return rows


def table(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Cells of text in ``COLUMNS``' order."""
    return [
        [_shown(row.get(column)) if "failed" not in row or column in row else "failed" for column in COLUMNS]
        for row in rows
    ]


def _claim(plan: Ablation, folder: Path) -> None:
    """Refuse a folder whose runs differ from this plan in more than the grid, which may grow."""
    path = folder / "ablation.json"
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8")).get("plan", {})
        now = plan.model_dump(mode="json")
        other = [key for key in now if key not in {"grid", "plain"} and before.get(key) != now[key]]
        if other:
            raise InputError(
                f"{folder} holds an ablation with another {', '.join(other)}; name another folder with --run."
            )
    folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        _write(plan, folder, [])


def _pairs(plan: Ablation, cell: Cell, folder: Path) -> dict[str, Any]:
    """What data.json of the cell's pairs says; they are built where they are not there, or were made of other data."""
    wanted = plan.pairs.model_copy(update={"responses": cell.responses})
    out = folder / cell.pairs
    if out.exists():
        index = load_index(out)
        made = index.get("pairs", {})
        if made.get("plan") == wanted.model_dump() and made.get("from_hash") == load_index(plan.data).get("hash", ""):
            return index
        if (folder / cell.name / "run.json").is_file():
            raise InputError(
                f"The responses in {plan.data} are not what {out} was made of; name another folder with --run."
            )
    return build_pairs(plan.data, out, wanted, cache=folder / "embeddings.sqlite", replace=True)


def _train(recipe: Recipe, run: Path, resume: bool) -> dict[str, Any]:
    from finetune.recipes.running import train

    found = train(recipe, run, resume, f"fabula train {recipe.method} --run {run}")
    gc.collect()  # the model of a run is gone before the next one is loaded
    return found


def _settings(cell: Cell) -> dict[str, Any]:
    return {
        "responses": cell.responses or "all", "deviation": cell.deviation or "plain",
        "delta_min": cell.delta_min if cell.deviation else "",
    }  # fmt: skip


def _row(cell: Cell, folder: Path, index: dict[str, Any]) -> dict[str, Any]:
    """A finished run in one row; accuracy is the share of held-out pairs whose chosen response is the likelier one."""
    result = json.loads((folder / cell.name / "result.json").read_text(encoding="utf-8"))
    last: dict[str, Any] = {}
    metrics = folder / cell.name / "metrics.jsonl"
    for line in metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else []:
        last |= json.loads(line)
    return {
        "run": cell.name, **_settings(cell), "pairs": sum(index["counts"].values()),
        "weights of 0": _share_of_zero(cell, folder / cell.pairs), "steps": result.get("step"), "loss": result.get("loss"),
        "held-out loss": result.get("eval_loss"), "accuracy": last.get("eval_rewards/accuracies"),
    }  # fmt: skip


def _share_of_zero(cell: Cell, pairs: Path) -> float:
    """The share of the training pairs that weigh nothing, after the floor."""
    if not cell.deviation:
        return 0.0
    weighing: list[float] = [max(row["delta"][cell.deviation], cell.delta_min) for row in read_rows(pairs, "train")]
    return sum(weight == 0 for weight in weighing) / max(1, len(weighing))


def _write(plan: Ablation, folder: Path, rows: list[dict[str, Any]]) -> None:
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| {' | '.join(line)} |" for line in table(rows)]
    lines += ["", *(f"{row['run']} failed: {row['failed']}" for row in rows if "failed" in row)]
    kept = json.dumps({"plan": plan.model_dump(mode="json"), "rows": rows}, indent=1)
    for name, text in (("ablation.md", "\n".join(lines).rstrip()), ("ablation.json", kept)):
        write_whole(folder / name, f"{text}\n")


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
