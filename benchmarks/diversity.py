"""Preference methods for diverse stories, side by side: SFT, DPO, DDPO, ORPO, DORPO and DivPO from the bundled model.

    python benchmarks/diversity.py [--work DIR] [--small] [key=value ...]

A preference set is made of our own story worlds (benchmarks/diversity_data.py) and scored by code
(finetune/build/quality.py). All methods learn from it with one rate, one batch and as many steps: SFT from the bundled model,
DPO and its kin from the SFT model, ORPO and DORPO, which need no reference, from the bundled model. Then each writes several
texts for the same held-out prompts. Printed: the mean distance of a prompt's texts in meaning and in style, their quality, and
the perplexity of the worlds' own paragraphs, with 95 % intervals bootstrapped over prompts; then the time of a step, and DDPO
by DPO on the same prompts. Exit code 1 when a goal is missed. Invariant: a stopped benchmark goes on where it stopped, and
nothing in a work folder was made under other settings.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.diversity_data import BASE, Plan, make_data
from benchmarks.diversity_judge import Sums, compared, judge_all, table
from benchmarks.report import Report
from finetune.config import checked
from finetune.data.folder import DataFolder, read_rows
from finetune.recipes.methods import METHODS
from finetune.recipes.settings import Recipe, with_changes
from finetune.whole import write_whole
from prompts.errors import FabulaError, InputError

# name: (method, its own settings); DORPO's weights are floored as DDPO's are
MODELS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "SFT": ("sft", {}), "DPO": ("dpo", {}),
    "DDPO-sem": ("ddpo", {"deviation": "semantic"}), "DDPO-sty": ("ddpo", {"deviation": "style"}),
    "DDPO-both": ("ddpo", {"deviation": "both"}),
    "ORPO": ("orpo", {}), "DORPO-both": ("dorpo", {"deviation": "both"}), "DivPO": ("divpo", {}),
}  # fmt: skip
START: Final = "SFT"
SMALL: Final = {
    "worlds": 6, "stories": 2, "held": 0.4, "temperatures": {0.8: 3}, "tokens": 48, "gap": 0.1, "sft_steps": 2, "steps": 2,
    "batch": 4, "judged": 3, "samples": 3, "turns": 3,
}  # fmt: skip
STEP_GOAL, SPREAD_GOAL, QUALITY_GOAL = 1.05, 1.0, 0.98


def recipe(name: str, plan: Plan, work: Path, **changes: Any) -> Recipe:
    """What the model ``name`` is trained with."""
    method, own = MODELS[name]
    first, unreferenced = name == START, method in {"orpo", "dorpo"}
    data = "chosen" if first else "pairs-divpo" if method == "divpo" else "pairs"
    settings: dict[str, Any] = {
        "method": method, "base": BASE if first or unreferenced else str(work / START), "data": work / data,
        "tuning": "full", "precision": plan.precision, "steps": plan.sft_steps if first else plan.steps,
        "learning_rate": plan.sft_rate if first else plan.rate, "batch_size": plan.batch, "max_length": 512,
        "seed": plan.seed, "threads": plan.threads, "log_every": 10, "save_every": 100, "keep": 1, "evaluate_rows": 0, **own,
    }  # fmt: skip
    settings |= {"delta_min": plan.delta_min} if "deviation" in own else {}
    settings |= {"beta": plan.beta} if method in {"dpo", "ddpo", "divpo"} else {}
    return METHODS[method].settings.model_validate({**settings, **changes})


def train_all(plan: Plan, work: Path) -> None:
    """Train what is not trained yet."""
    from finetune.recipes.running import train

    for name in MODELS:
        run = work / name
        if not (run / "result.json").is_file():
            print(f"{name}:", flush=True)
            train(recipe(name, plan, work), run, (run / "run.json").is_file(), f"benchmarks/diversity.py ({name})")
            gc.collect()  # the model of a run is gone before the next one is loaded


def step_time(plan: Plan, work: Path) -> float:
    """The time of a step of DDPO by that of DPO: both take the same batches in turn, the median over them."""
    import torch

    folder = work / "pairs-timed"
    if not folder.exists():
        with DataFolder(folder, "preference", held=0.0) as timed:
            for number, row in enumerate(read_rows(work / "pairs", "train")):
                if number < 8 * plan.batch:
                    timed.add(row)
            timed.finish()
    if plan.threads:
        torch.set_num_threads(plan.threads)
    names = ("DPO", "DDPO-both")
    trainers = [_trainer(recipe(name, plan, work, data=folder), work / "timed" / name) for name in names]
    optimizers = [torch.optim.AdamW(trainer.model.parameters(), lr=1e-6) for trainer in trainers]
    batches = list(zip(*(list(trainer.get_train_dataloader()) for trainer in trainers), strict=True))
    found = []
    for turn in range(-2, plan.turns):  # two to warm up
        taken = [0.0, 0.0]
        for side in (0, 1) if turn % 2 else (1, 0):
            begun = time.perf_counter()
            with trainers[side].accelerator.autocast():
                loss = trainers[side].compute_loss(trainers[side].model, batches[turn % len(batches)][side])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trainers[side].model.parameters(), 1.0)
            optimizers[side].step()
            optimizers[side].zero_grad()
            taken[side] = time.perf_counter() - begun
        if turn >= 0:
            found.append(taken[1] / taken[0])
    return statistics.median(found)


def _trainer(settings: Recipe, run: Path) -> Any:
    from finetune.recipes.quiet import quiet

    with quiet():
        made = METHODS[settings.method].build()(settings, run)
    made.model.train()
    return made


def claim(plan: Plan, work: Path) -> None:
    """Raises ``InputError`` where ``work`` was begun with other settings."""
    path, now = work / "plan.json", json.loads(plan.model_dump_json())
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if other := [key for key in now if before.get(key) != now[key]]:
            raise InputError(f"{work} was begun with another {', '.join(other)}; name another folder with --work.")
        return
    work.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(now, indent=1) + "\n")


def run(plan: Plan, work: Path) -> int:
    """The whole benchmark; returns the exit code."""
    claim(plan, work)
    make_data(plan, work, lambda line: print(line, flush=True))
    train_all(plan, work)
    judged = judge_all(plan, work, list(MODELS))
    lines = table(judged, plan)
    (work / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(["", *lines, ""]), flush=True)
    for name in ("DDPO-sem", "DDPO-sty", "DDPO-both", "DivPO"):
        print(f"{name} by DPO: {_ratios(judged, name, 'DPO', plan)}")
    print(f"DORPO-both by ORPO: {_ratios(judged, 'DORPO-both', 'ORPO', plan)}\n")
    report = Report("diversity")
    report.at_most("step time of DDPO by DPO", step_time(plan, work), STEP_GOAL)
    for column, goal in (("semantic", SPREAD_GOAL), ("style", SPREAD_GOAL), ("quality", QUALITY_GOAL)):
        figure = compared(judged["DDPO-both"][column], judged["DPO"][column], plan.seed)[0]
        report.at_least(f"{column} of DDPO-both by DPO", figure, goal)
    return report.exit_code()


def _ratios(judged: dict[str, Sums], one: str, other: str, plan: Plan) -> str:
    found = {key: compared(judged[one][key], judged[other][key], plan.seed) for key in ("semantic", "style", "quality")}
    return ", ".join(f"{key} {value:.3f} [{low:.3f}, {high:.3f}]" for key, (value, low, high) in found.items())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Preference methods for diverse stories, side by side.")
    parser.add_argument("--work", type=Path, help="where everything is kept; runs/diversity if not given")
    parser.add_argument("--small", action="store_true", help="a minute's smoke test, whose figures mean nothing")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="a setting of the plan, such as steps=100")
    options = parser.parse_args(arguments)
    work = options.work or Path("runs") / ("diversity-small" if options.small else "diversity")
    try:
        plan = checked(Plan, with_changes(SMALL if options.small else {}, options.changes), "the settings")
        return run(plan, work)
    except FabulaError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
