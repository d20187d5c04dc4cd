"""A tiny random Llama and a tiny tokenizer, made with numpy alone: what the engine's tests run on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from agents.engines import packed, tensorfile
from agents.engines.llama import config_of
from prompts.control import CONTROL, END, PAD
from prompts.slots import slot_tokens

LINES = (
    "Once upon a time a fox lived by the river, and the river sang to him every night.",
    "The old woman opened the gate, looked at the sky and said that it would snow before morning.",
    "“Where is the key?” asked the boy. His sister did not know, so they searched the café together.",
    "They walked for three days until the towers of the city rose out of the mist, white and silent.",
)
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "attention_bias": False,
}


def make_tokenizer(size: int = 500) -> Tokenizer:
    """A byte-level BPE of at most ``size`` tokens that knows the control and slot tokens as symbols."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True, normalized=False) for token in (*CONTROL, *slot_tokens())]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES * 3, trainer)
    return tokenizer


def make_folder(folder: Path, kind: str = "F32", seed: int = 0, **changes: Any) -> Path:
    """A Hugging Face folder with random weights, stored as ``kind``."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {"eos_token_id": tokenizer.token_to_id(END), "pad_token_id": tokenizer.token_to_id(PAD)}
    raw = {**CONFIG, "vocab_size": tokenizer.get_vocab_size(), **ids, **changes}
    (folder / "config.json").write_text(json.dumps(raw))
    random = np.random.default_rng(seed)
    config = config_of(raw, folder)
    tensors = {}
    for name, (rows, columns) in config.matrices().items():
        spread = 0.6 if "embed" in name else 1.6 / np.sqrt(columns)
        tensors[name] = _store((random.standard_normal((rows, columns)) * spread).astype(np.float32), kind)
    for name in config.vectors():
        tensors[name] = _store((1 + 0.2 * random.standard_normal(config.hidden)).astype(np.float32), kind)
    tensorfile.write(folder / "model.safetensors", tensors, {"format": "pt"})
    return folder


def make_packed(folder: Path, **changes: Any) -> Path:
    """The packed form of the same model, in slots style."""
    return packed.pack(make_folder(folder / "hf", **changes), folder / "tiny", style="slots")


def _store(values: Any, kind: str) -> tensorfile.Tensor:
    if kind == "BF16":
        return tensorfile.bfloat16(values)
    return tensorfile.Tensor(kind, values.astype(np.float16 if kind == "F16" else np.float32))
