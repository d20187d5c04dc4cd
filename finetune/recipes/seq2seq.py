"""Supervised fine-tuning of an encoder-decoder such as Flan-T5, which TRL's SFT trainer cannot train.

Launch: ``fabula train seq2seq --config finetune/configs/sft_seq2seq.yaml --run runs/flan``
Invariant: the encoder reads the prompt and the loss is that of the completion, end token included.
"""

from __future__ import annotations

from pathlib import Path

from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

from finetune.recipes.dataset import IGNORED, check_kind, load_encoded
from finetune.recipes.models import load_config, load_model, load_tokenizer
from finetune.recipes.running import arguments, held_rows
from finetune.recipes.settings import Seq2Seq
from prompts.errors import InputError


def build(recipe: Seq2Seq, run: Path) -> Seq2SeqTrainer:
    """The trainer of ``recipe``. Raises ``InputError`` for what the data or the base model lacks."""
    check_kind(recipe.data, "sft")
    if not load_config(recipe).is_encoder_decoder:
        raise InputError(f"{recipe.base} is no encoder-decoder: run fabula train sft.")
    tokenizer = load_tokenizer(recipe)
    rows = load_encoded(recipe, "train", tokenizer, run / "cache")
    limit = held_rows(recipe)
    held = load_encoded(recipe, "held", tokenizer, run / "cache", limit) if limit else None
    model = load_model(recipe, seq2seq=True)
    if recipe.gradient_checkpointing and recipe.tuning != "full":
        model.enable_input_require_grads()
    return Seq2SeqTrainer(
        model=model, args=Seq2SeqTrainingArguments(**arguments(recipe, run)), train_dataset=rows, eval_dataset=held,
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model, label_pad_token_id=IGNORED), processing_class=tokenizer,
    )  # fmt: skip
