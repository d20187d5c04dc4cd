"""The shape of a Llama model, read from a Hugging Face ``config.json``, old or new.

Invariant: a config with anything that the embedded graph does not compute is refused here, so a model never runs
wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prompts.errors import ModelMissing

_BLOCK: Final = 32


@dataclass(frozen=True)
class Config:
    """Sizes in values, ``context`` in tokens; ``eos`` lists every token that ends a text."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    ffn: int
    vocab: int
    context: int
    theta: float
    epsilon: float
    tied: bool
    eos: tuple[int, ...]
    pad: int | None
    bos: int | None

    def layer(self, index: int) -> str:
        return f"model.layers.{index}."

    @property
    def output(self) -> str:
        """The name of the matrix that turns the last hidden state into logits."""
        return "model.embed_tokens.weight" if self.tied else "lm_head.weight"

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Every matrix that the model has, as (output, input) sizes."""
        shapes = {"model.embed_tokens.weight": (self.vocab, self.hidden), self.output: (self.vocab, self.hidden)}
        for index in range(self.layers):
            attention, mlp = self.layer(index) + "self_attn.", self.layer(index) + "mlp."
            shapes[attention + "q_proj.weight"] = (self.heads * self.head, self.hidden)
            shapes[attention + "k_proj.weight"] = (self.kv_heads * self.head, self.hidden)
            shapes[attention + "v_proj.weight"] = (self.kv_heads * self.head, self.hidden)
            shapes[attention + "o_proj.weight"] = (self.hidden, self.heads * self.head)
            shapes[mlp + "gate_proj.weight"] = (self.ffn, self.hidden)
            shapes[mlp + "up_proj.weight"] = (self.ffn, self.hidden)
            shapes[mlp + "down_proj.weight"] = (self.hidden, self.ffn)
        return shapes

    def vectors(self) -> list[str]:
        """Every normalization weight, each of ``hidden`` values."""
        names = [self.layer(i) + n for i in range(self.layers) for n in ("input_layernorm", "post_attention_layernorm")]
        return [f"{name}.weight" for name in (*names, "model.norm")]


def config_of(raw: dict[str, Any], folder: Path) -> Config:
    """Read ``raw``, the contents of ``folder``'s config.json. ``ModelMissing`` for what the engine cannot compute."""
    if raw.get("model_type", "llama") != "llama":
        raise ModelMissing(f"{folder} is a {raw.get('model_type')} model; the embedded engine runs Llama models only.")
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default" or rope.get("partial_rotary_factor", 1) != 1:
        raise ModelMissing(f"{folder} scales its rotary positions ({kind}), which needs a server such as vLLM.")
    if raw.get("attention_bias") or raw.get("mlp_bias") or raw.get("hidden_act", "silu") != "silu":
        raise ModelMissing(f"{folder} has biases or another activation than SiLU, which needs a server such as vLLM.")
    try:
        config = _config(raw, rope)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMissing(f"{folder / 'config.json'} lacks a usable {error}; fetch the model again.") from error
    uneven = [n for n in (config.hidden, config.ffn, config.heads * config.head) if n % _BLOCK]
    if uneven:
        raise ModelMissing(f"{folder} has a matrix with {uneven[0]} inputs; packed weights need multiples of {_BLOCK}.")
    if config.heads % config.kv_heads or config.head % 16:
        raise ModelMissing(
            f"{folder} has heads of {config.head} values; the engine needs multiples of 16, evenly shared."
        )
    return config


def _config(raw: dict[str, Any], rope: dict[str, Any]) -> Config:
    hidden, heads = int(raw["hidden_size"]), int(raw["num_attention_heads"])
    eos = raw.get("eos_token_id")
    return Config(
        hidden=hidden,
        layers=int(raw["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(raw.get("num_key_value_heads") or heads),
        head=int(raw.get("head_dim") or hidden // heads),
        ffn=int(raw["intermediate_size"]),
        vocab=int(raw["vocab_size"]),
        context=int(raw.get("max_position_embeddings", 2048)),
        theta=float(rope.get("rope_theta") or raw.get("rope_theta") or 10000.0),
        epsilon=float(raw.get("rms_norm_eps", 1e-6)),
        tied=bool(raw.get("tie_word_embeddings", False)),
        eos=() if eos is None else tuple(int(i) for i in (eos if isinstance(eos, list) else [eos])),
        pad=raw.get("pad_token_id"),
        bos=raw.get("bos_token_id"),
    )
