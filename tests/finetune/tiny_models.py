"""Tiny models with a tiny tokenizer, made on the spot, and data whose completions can be learnt in a few steps."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

WORDS = "the keeper fox lamp sea door old small ran saw lost found under over and then a key light boat".split()
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def save_tokenizer(folder: Path, chat: bool = False) -> PreTrainedTokenizerFast:
    """About 300 tokens: bytes, a few merges, and the marks of a chat."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r" ?\w+|\W"), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    inner.decoder = ByteLevel()
    marks = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=marks, initial_alphabet=alphabet, show_progress=False)
    inner.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|pad|>")
    if chat:
        tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer


def save_model(folder: Path, kind: str = "llama", chat: bool = False) -> Path:
    """A model of some 50,000 parameters as a Hugging Face folder: llama, mistral, qwen2, gpt2 or t5."""
    tokenizer = save_tokenizer(folder, chat)
    torch.manual_seed(3)
    size, ids = len(tokenizer), {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
    llama = {
        "vocab_size": size, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 128, "max_position_embeddings": 128, "tie_word_embeddings": True, **ids,
    }  # fmt: skip
    made: Any = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**llama)),
        "mistral": lambda: MistralForCausalLM(MistralConfig(**llama)),
        "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**llama)),
        "gpt2": lambda: GPT2LMHeadModel(
            GPT2Config(vocab_size=size, n_embd=64, n_layer=2, n_head=4, n_positions=128, **ids)
        ),
        "t5": lambda: T5ForConditionalGeneration(
            T5Config(
                vocab_size=size, d_model=64, d_ff=128, d_kv=16, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
                decoder_start_token_id=0, eos_token_id=1, pad_token_id=0,
            )
        ),
    }[kind]()  # fmt: skip
    made.save_pretrained(folder)
    return folder


def save_data(folder: Path, rows: int = 64, held: int = 8, kind: str = "sft") -> Path:
    """Rows whose completion says the prompt's words again, which a few steps begin to learn."""
    rng = random.Random(5)
    for split, count in (("train", rows), ("held", held)):
        (folder / split).mkdir(parents=True)
        with (folder / split / "rows-00000.jsonl").open("w") as file:
            for number in range(count):
                words = " ".join(rng.choice(WORDS) for _ in range(6))
                row = {"prompt": f"{words}:", "completion": f" {words}.", "task": "generator", "group": str(number)}
                file.write(json.dumps({**row, "source": "made", "licence": "CC0-1.0"}) + "\n")
    (folder / "data.json").write_text(json.dumps({"kind": kind, "hash": f"{rows}-{held}"}))
    return folder
