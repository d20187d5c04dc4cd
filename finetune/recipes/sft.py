"""Supervised fine-tuning of a causal model (GPT-2, Llama, Mistral, Qwen, the bundled one): full, LoRA or QLoRA.

Launch: ``fabula train sft --config finetune/configs/sft_lora.yaml --run runs/sft``
Invariant: the loss is that of the completion's tokens alone.
"""

from __future__ import annotations

from pathlib import Path

from trl import SFTConfig, SFTTrainer

from finetune.recipes.dataset import check_kind, load_encoded
from finetune.recipes.models import check_length, load_config, load_model, load_tokenizer
from finetune.recipes.running import arguments, held_rows
from finetune.recipes.settings import Sft
from prompts.errors import InputError


def build(recipe: Sft, run: Path) -> SFTTrainer:
    """The trainer of ``recipe``. Raises ``InputError`` for what the data or the base model lacks."""
    check_kind(recipe.data, "sft")
    config = load_config(recipe)
    if config.is_encoder_decoder:
        raise InputError(f"{recipe.base} is an encoder-decoder: run fabula train seq2seq.")
    check_length(recipe, config)
    tokenizer = load_tokenizer(recipe)
    rows = load_encoded(recipe, "train", tokenizer, run / "cache")
    limit = held_rows(recipe)
    held = load_encoded(recipe, "held", tokenizer, run / "cache", limit) if limit else None
    # The rows are tokenized and short enough; only packing is left to do.
    settings = SFTConfig(
        **arguments(recipe, run), max_length=recipe.max_length, packing=recipe.packing, eval_packing=False,
        dataset_kwargs=None if recipe.packing else {"skip_prepare_dataset": True},
    )  # fmt: skip
    model = load_model(recipe)
    return SFTTrainer(model=model, args=settings, train_dataset=rows, eval_dataset=held, processing_class=tokenizer)
