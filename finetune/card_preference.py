"""The part of the model card about preference training, read from the run's own record.

Invariant: every number is one that the run or the data set wrote down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prompts.errors import InputError

NOT_TAUGHT = "The shipped weights are those of the last stage above; no preference training came after it."


def is_preference(run: Path) -> bool:
    """Whether ``run`` is a fine-tuning run and no stage of pretraining."""
    return (run / "run.json").is_file() and "method" in _read(run / "run.json")["recipe"]


def preference_text(run: Path) -> str:
    """Method, pairs, settings and length of the preference run. Raises ``InputError`` where it is not finished."""
    about, result = _read(run / "run.json"), _read(run / "result.json")
    recipe, data = about["recipe"], about["data"]
    weighed = (
        f", deviation {recipe['deviation']}, a weight of {recipe['delta_min']:g} at least"
        if "deviation" in recipe
        else ""
    )
    versions = ", ".join(
        f"{name} {about['versions'][name]}" for name in ("torch", "transformers", "trl") if name in about["versions"]
    )
    return (
        f"After the last stage came {recipe['method'].upper()} ({recipe['tuning']}, beta {recipe['beta']:g}{weighed}) on "
        f"{data['rows']['train']:,} pairs of texts that the model wrote itself, or the writers did, to the same prompts; code "
        f"scored them (finetune/build/quality.py). {result['step']:,} steps of {recipe['batch_size'] * recipe['accumulate']} "
        f"pairs, learning rate {recipe['learning_rate']:g}, {result['seconds'] / 60:.1f} minutes on {about['hardware']}. "
        f"{versions}. SHA-256 of the pairs, first 16 digits: {data['hash'][:16]}."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.parent} is not the folder of a finished training run ({error!r}).") from error
    return found
