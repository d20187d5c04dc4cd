"""What a recipe would do, without doing it: rows, steps, tokens and parameters, as far as they can be told here.

Invariant: nothing is fetched, trained or written; what is not on this machine is said to be missing, while a fault in
the recipe, the data or the tokenizer is raised as it would be by the run.
"""

from __future__ import annotations

import math
import os
from itertools import islice
from pathlib import Path
from typing import Any, Final

from finetune.recipes import models
from finetune.recipes.dataset import check_kind, described, encode, rows, style_note, texts
from finetune.recipes.methods import METHODS
from finetune.recipes.quiet import quiet
from finetune.recipes.settings import Recipe, Seq2Seq, Sft
from prompts.errors import InputError

LOOKED_AT: Final = 200  # rows from which lengths are told


def plan(recipe: Recipe) -> dict[str, Any]:
    """The plan by name, in the order in which it is shown. Raises ``InputError`` for what would stop the run."""
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    each = recipe.batch_size * recipe.accumulate * devices
    found: dict[str, Any] = {
        "method": recipe.method,
        "base": recipe.base,
        "tuning": _tuning(recipe),
        "style": recipe.style,
    }
    with quiet():
        try:
            tokenizer = models.load_tokenizer(recipe, here_only=True)
        except InputError:
            if recipe.base == "bundled" or Path(recipe.base).expanduser().exists():
                raise
            tokenizer = None
            found["base"] = f"{recipe.base} (not on this machine yet: it is fetched when the run starts)"
        if tokenizer is not None and isinstance(recipe, Sft):
            models.check_length(recipe, models.load_config(recipe, here_only=True))
        counted = models.count_parameters(recipe, isinstance(recipe, Seq2Seq)) if tokenizer is not None else None
        if counted:
            trained, total = counted
            found["parameters"] = f"{trained:,} of {total:,} are trained ({trained / total:.1%})"
        if not (recipe.data / "data.json").is_file():
            found["data"] = f"{recipe.data} (not there yet: build it with fabula data)"
            return found
        return found | _work(recipe, tokenizer, each)


def _work(recipe: Recipe, tokenizer: Any, each: int) -> dict[str, Any]:
    kind = METHODS[recipe.method].kind
    check_kind(recipe.data, kind)
    data = described(recipe.data)
    found: dict[str, Any] = {"data": f"{recipe.data}, {kind} rows, hash {data['hash'][:12]}"}
    count = data["rows"]["train"]
    said = f"{count:,} to train on, {data['rows']['held']:,} held out"
    mean = 0.0
    if tokenizer is not None:
        seen, lengths = _lengths(recipe, tokenizer)
        if not lengths:
            raise InputError(
                f"None of the first {seen} rows fits into max_length={recipe.max_length}; raise max_length."
            )
        count = round(count * len(lengths) / seen)
        mean = sum(lengths) / len(lengths)
        if len(lengths) < seen:
            said += f", of which some {1 - len(lengths) / seen:.0%} are too long or of other tasks"
        found["rows"], found["tokens a row"] = said, f"{mean:.0f} (of the first {seen} rows)"
    else:
        found["rows"] = said
    if isinstance(recipe, Sft) and recipe.packing and mean:
        count = math.ceil(count * mean / recipe.max_length)
    steps = recipe.steps or math.ceil(recipe.epochs * max(1, math.ceil(count / each)))
    if note := style_note(recipe):
        found["note"] = note
    found["steps"] = f"{steps:,} of {each} rows, a checkpoint every {recipe.saves_every}"
    if mean:
        long = recipe.max_length if isinstance(recipe, Sft) and recipe.packing else mean
        found["tokens"] = f"about {steps * each * long:,.0f}"
    return found


def _lengths(recipe: Recipe, tokenizer: Any) -> tuple[int, list[int]]:
    """(rows looked at, tokens of each of them that is trained on)."""
    lengths, seen = [], 0
    wanted = recipe.tasks if isinstance(recipe, Sft | Seq2Seq) else []
    for row in islice(rows(recipe.data, "train"), LOOKED_AT):
        seen += 1
        if wanted and row.get("task") not in wanted:
            continue
        if "chosen" in row:
            pair = [texts(row, tokenizer, recipe.style, answer) for answer in ("chosen", "rejected")]
            lengths.append(sum(min(recipe.max_length, len(tokenizer(a + b)["input_ids"])) for a, b in pair))
        elif found := encode(row, tokenizer, recipe):
            lengths.append(len(found["input_ids"]) + (len(found["labels"]) if isinstance(recipe, Seq2Seq) else 0))
    return seen, lengths


def _tuning(recipe: Recipe) -> str:
    if recipe.tuning == "full":
        return "full: every weight"
    if recipe.adapter:
        try:
            models.adapter_path(recipe.adapter)
        except InputError:
            return f"{recipe.tuning}, on from the adapter of {recipe.adapter} (not there yet: train it first)"
        return f"{recipe.tuning}, on from the adapter of {recipe.adapter}, with its rank"
    lora = f"rank {recipe.lora.rank}, alpha {recipe.lora.alpha:g}, on {recipe.lora.targets}"
    four = (
        " over NF4 weights" + (" (double quantized)" if recipe.double_quant else "") if recipe.tuning == "qlora" else ""
    )
    return f"{recipe.tuning}{four}: {lora}"
