"""Learning from preference pairs: DPO, DDPO, DivPO (DPO on other pairs), ORPO and DORPO.

Launch: ``fabula train ddpo --config finetune/configs/ddpo_lora.yaml --run runs/ddpo``
Invariant: the methods differ in the loss alone; they see the same tokens of the same pairs, and a weight is never less than
the recipe's ``delta_min``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from trl import DPOConfig

from finetune.data.folder import Split, content_hash, load_index
from finetune.recipes import dataset
from finetune.recipes.models import check_length, load_config, load_model, load_tokenizer
from finetune.recipes.preference_settings import Ddpo, Divpo, Dorpo, Dpo, Orpo, Preference
from finetune.recipes.preference_trainers import (
    DELTA,
    DeviationDPO,
    DeviationORPO,
    PairORPO,
    PairTrainer,
    WeighingCollator,
)
from finetune.recipes.running import arguments, held_rows
from prompts.errors import InputError

_SIDES: Final = ("chosen", "rejected")


def build(recipe: Preference, run: Path) -> PairTrainer | PairORPO:
    """The trainer of ``recipe``. Raises ``InputError`` for what the data or the base model lacks."""
    dataset.check_kind(recipe.data, "preference")
    config = load_config(recipe)
    if config.is_encoder_decoder:
        raise InputError(f"{recipe.base} is an encoder-decoder; preference methods train causal models.")
    check_length(recipe, config)
    if isinstance(recipe, Divpo):
        _need_divpo(recipe.data)
    tokenizer = load_tokenizer(recipe)
    rows = load_pairs(recipe, "train", tokenizer, run / "cache")
    limit = held_rows(recipe)
    held = load_pairs(recipe, "held", tokenizer, run / "cache", limit) if limit else None
    given = {"model": load_model(recipe), "train_dataset": rows, "eval_dataset": held, "processing_class": tokenizer}
    trainer = _orpo(recipe, run, given) if isinstance(recipe, Orpo) else _dpo(recipe, run, given)
    trainer.left_out = dataset.described(recipe.data)["rows"]["train"] - len(rows)
    return trainer


def _dpo(recipe: Preference, run: Path, given: dict[str, Any]) -> PairTrainer:
    assert isinstance(recipe, Dpo)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # the bar of the references, which is for a terminal
    # Precomputed references are what makes a step of DDPO, and of DPO, cost little more than one of fine-tuning.
    settings = DPOConfig(
        **arguments(recipe, run), beta=recipe.beta, max_length=recipe.max_length, precompute_ref_log_probs=True,
        precompute_ref_batch_size=recipe.batch_size,
    )  # fmt: skip
    if not isinstance(recipe, Ddpo):
        return PairTrainer(args=settings, **given)
    pad = given["processing_class"].pad_token_id
    return DeviationDPO(args=settings, data_collator=WeighingCollator(pad, recipe.max_length), **given)


def _orpo(recipe: Orpo, run: Path, given: dict[str, Any]) -> PairORPO:
    from trl.experimental.orpo import ORPOConfig

    settings = ORPOConfig(
        **arguments(recipe, run), beta=recipe.odds_weight, max_length=recipe.max_length, remove_unused_columns=False
    )
    if isinstance(recipe, Dorpo):
        return DeviationORPO(where=recipe.dorpo_delta, args=settings, **given)
    return PairORPO(args=settings, **given)


def load_pairs(recipe: Preference, split: Split, tokenizer: Any, cache: Path, limit: int | None = None) -> Any:
    """The split as a ``datasets.Dataset`` of ``encode_pair``'s columns, made once and kept under ``cache``.

    Raises ``InputError`` where no pair is left, or a weighted method finds a pair without its weight.
    """
    import datasets
    from accelerate import PartialState

    datasets.disable_progress_bars()

    def encoded() -> Iterator[dict[str, Any]]:
        made = 0
        for row in dataset.rows(recipe.data, split):
            if limit is not None and made >= limit:
                return
            if (found := encode_pair(row, tokenizer, recipe)) is not None:
                made += 1
                yield found
        if not made:
            raise InputError(
                f"No {split} pair of {recipe.data} fits into max_length={recipe.max_length}; raise max_length."
            )

    ids = datasets.List(datasets.Value("int32"))
    names = _orpo_columns() if isinstance(recipe, Orpo) else ("prompt_ids", "chosen_ids", "rejected_ids")
    weight = {DELTA: datasets.Value("float32")} if isinstance(recipe, Ddpo | Dorpo) else {}
    with PartialState().main_process_first():
        return dataset.generated(
            datasets, encoded, datasets.Features({**dict.fromkeys(names, ids), **weight}), cache,
            [split, limit, content_hash(recipe.data), recipe.model_dump_json(), str(tokenizer)],
        )  # fmt: skip


def encode_pair(row: dict[str, Any], tokenizer: Any, recipe: Preference) -> dict[str, Any] | None:
    """A pair in the columns of its trainer, with its weight for the weighted methods; None where a prompt leaves no room.

    DPO: ``prompt_ids``, ``chosen_ids``, ``rejected_ids``. ORPO: input_ids, attention_mask and labels of both sides, each
    with the prompt. Raises ``InputError`` where a weighted method finds no weight.
    """
    sides: dict[str, dict[str, list[int]]] = {}
    for side in _SIDES:
        found = dataset.encode({**row, "completion": row.get(side)}, tokenizer, recipe)
        if found is None:
            return None
        sides[side] = found
    weight = {DELTA: _weight(row, recipe)} if isinstance(recipe, Ddpo | Dorpo) else {}
    if isinstance(recipe, Orpo):
        columns: dict[str, Any] = {}
        for side, found in sides.items():
            ids = found["input_ids"]
            columns |= {
                f"{side}_input_ids": ids, f"{side}_attention_mask": [1] * len(ids), f"{side}_labels": found["labels"]
            }  # fmt: skip
        return {**columns, **weight}
    start = sum(label == dataset.IGNORED for label in sides["chosen"]["labels"])
    answers = {f"{side}_ids": found["input_ids"][start:] for side, found in sides.items()}
    return {"prompt_ids": sides["chosen"]["input_ids"][:start], **answers, **weight}


def _orpo_columns() -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for side in _SIDES for part in ("input_ids", "attention_mask", "labels"))


def _weight(row: dict[str, Any], recipe: Ddpo | Dorpo) -> float:
    """max(δ, ``delta_min``) of the chosen response."""
    delta = row.get("delta")
    value = delta.get(recipe.deviation) if isinstance(delta, dict) else None
    if not isinstance(value, int | float):
        raise InputError(
            f"A pair of {recipe.data} doesn't say how far its chosen response deviates ({recipe.deviation}); build the "
            f"pairs from several responses to a prompt with fabula data pairs, or train plain {_PLAIN[type(recipe)]}."
        )
    return max(float(value), recipe.delta_min)


_PLAIN: Final[dict[type[Preference], str]] = {Ddpo: "dpo", Dorpo: "orpo"}


def _need_divpo(folder: Path) -> None:
    found = load_index(folder).get("pairs", {}).get("plan", {}).get("select")
    if found != "divpo":
        raise InputError(
            f"The pairs in {folder} were not chosen for diversity, so this would be plain DPO; build them with fabula "
            "data pairs RESPONSES --select divpo."
        )
