"""The training loop's parts: model, optimizers, schedule, loss, evaluation. ``finetune.pretrain`` puts them together.

Invariant: nothing here draws random numbers but the initial weights, so equal data and state give equal steps.
"""

from __future__ import annotations

import math
import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from finetune.batches import Batch, held_out, weights
from finetune.config import Architecture, Pretrain
from finetune.data.rows import TASKS
from finetune.data.shards import COMPLETION, Shards


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def can_compile() -> bool:
    """Whether torch can compile here: it needs a C++ compiler, and runs slower but just as well without one."""
    return any(shutil.which(name) for name in (os.environ.get("CXX") or "g++", "clang++"))


def build_model(architecture: Architecture, vocabulary: int, seed: int) -> LlamaForCausalLM:
    """A fresh model in float32, on the CPU. Initial weights depend on ``seed`` alone."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=architecture.hidden, num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads, num_key_value_heads=architecture.kv_heads,
        intermediate_size=architecture.ffn, max_position_embeddings=architecture.context, tie_word_embeddings=True,
        rope_theta=architecture.rope_theta, bos_token_id=None, pad_token_id=0, eos_token_id=1, rms_norm_eps=1e-5,
        attn_implementation="sdpa",
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # the layers that write into the residual stream start smaller, the deeper the model is
        for name, weight in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.mul_(1 / math.sqrt(2 * architecture.layers))
    return model


def build_optimizers(model: LlamaForCausalLM, recipe: Pretrain) -> list[torch.optim.Optimizer]:
    """AdamW for all, or Muon for the layers' matrices and AdamW for the rest; norms have no weight decay."""
    matrices = [w for name, w in model.named_parameters() if w.ndim == 2 and "embed" not in name]
    embedding = [w for name, w in model.named_parameters() if "embed" in name]
    vectors = [w for w in model.parameters() if w.ndim < 2]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    adamw: list[dict[str, Any]] = [{"params": embedding, "weight_decay": decay}]
    adamw.append({"params": vectors, "weight_decay": 0.0})
    found: list[torch.optim.Optimizer] = []
    if recipe.optimizer == "muon":
        found.append(torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"))
    else:
        adamw.append({"params": matrices, "weight_decay": decay})
    found.append(torch.optim.AdamW(adamw, lr=rate, betas=(0.9, 0.95), eps=1e-8, fused=True))
    return found


def rate_factor(step: int, progress: float, recipe: Pretrain) -> float:
    """Warmup, stable, decay: the share of the peak rate at ``step``, with ``progress`` (0 to 1) of the run done."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    into = (progress - (1 - recipe.decay)) / recipe.decay if recipe.decay else 0.0
    return warm * (1 - math.sqrt(min(1.0, max(0.0, into))))


def autocast(where: torch.device) -> AbstractContextManager[Any]:
    context: AbstractContextManager[Any] = torch.autocast(where.type, dtype=torch.bfloat16)
    return context


@dataclass
class Loss:
    """``total`` is weighted and has the gradient; the others are plain sums over tokens."""

    total: torch.Tensor
    weight: torch.Tensor
    completion: torch.Tensor
    completion_tokens: torch.Tensor


def row_loss(model: Any, batch: Batch, prompt_weight: float, where: torch.device) -> Loss:
    """Summed loss of a batch. ``model`` may be compiled."""
    tokens = torch.from_numpy(batch.tokens).to(where, non_blocking=True)
    weight = torch.from_numpy(weights(batch.kinds, prompt_weight)[:, 1:]).to(where)
    is_completion = torch.from_numpy((batch.kinds == COMPLETION)[:, 1:]).to(where)
    with autocast(where):
        hidden = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
        wanted = weight > 0
        logits = model.lm_head(hidden[wanted])
    losses = functional.cross_entropy(logits.float(), tokens[:, 1:][wanted], reduction="none")
    chosen = is_completion[wanted]
    return Loss((losses * weight[wanted]).sum(), weight.sum(), losses.detach()[chosen].sum(), chosen.sum())


def take_step(
    model: Any, optimizers: list[torch.optim.Optimizer], batches: list[Batch], rate: float, *, recipe: Pretrain,
    where: torch.device,
) -> tuple[list[Loss], torch.Tensor]:  # fmt: skip
    """One optimizer step over ``batches`` at learning rate ``rate``; returns the losses and the gradient's norm."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
    losses, weight = [], torch.zeros((), device=where)
    for batch in batches:
        loss = row_loss(model, batch, recipe.prompt_weight, where)
        loss.total.backward()
        losses.append(loss)
        weight += loss.weight
    # Losses are sums over the passes of a step: their gradient is divided by the sum of the loss weights.
    torch._foreach_div_([p.grad for p in model.parameters() if p.grad is not None], weight)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    for optimizer in optimizers:
        optimizer.step()
    return losses, norm


def evaluate(model: Any, sets: dict[str, Shards], recipe: Pretrain, where: torch.device) -> dict[str, float]:
    """Perplexity of the completion tokens, by held-out set and task: {"worlds generator": 3.2, ...}."""
    found = {}
    for name, shards in sets.items():
        for number, task in enumerate(TASKS):
            total, count = 0.0, 0
            for batch in held_out(shards, number, recipe.evaluate_rows, recipe.batch_tokens):
                with torch.no_grad(), torch.compiler.set_stance("force_eager"):  # not worth another compilation
                    loss = row_loss(model, batch, 0.0, where)
                total, count = total + loss.completion.item(), count + int(loss.completion_tokens.item())
            if count:
                found[f"{name} {task}"] = round(math.exp(min(20.0, total / count)), 3)
    return found
