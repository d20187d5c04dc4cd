"""What a training run writes down: its settings and versions, metrics, checkpoints and the model.

Invariant: a checkpoint folder is renamed into place when it is whole; the one before it is removed only after that.
"""

from __future__ import annotations

import json
import platform
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from finetune.config import Pretrain
from finetune.data.shards import Shards
from finetune.records import checkpoints, cores
from prompts.errors import InputError


@dataclass
class Checkpoint:
    """Where a run stands: ``place`` batches of round ``round`` are read, ``seconds`` of training are used."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    round: int = 0
    place: int = 0


def save_checkpoint(
    run: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer], at: Checkpoint
) -> None:
    """Keep weights, optimizer moments and place in the data, so that training goes on as if it had never stopped."""
    older = checkpoints(run)
    part, whole = run / "checkpoint.part", run / f"checkpoint-{at.step}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    weights = {name: w.detach().cpu().contiguous() for name, w in model.named_parameters()}
    save_file(weights, part / "model.safetensors")
    torch.save([optimizer.state_dict() for optimizer in optimizers], part / "optimizers.pt")
    (part / "state.json").write_text(json.dumps(asdict(at)))
    if whole.exists():
        shutil.rmtree(whole)
    part.rename(whole)
    for path in older:
        if path != whole:
            shutil.rmtree(path)


def load_checkpoint(run: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]) -> Checkpoint:
    """Put the newest checkpoint of ``run`` into ``model`` and ``optimizers``; raises ``InputError`` without one."""
    found = checkpoints(run)
    if not found:
        raise InputError(f"There is no checkpoint in {run} to go on from.")
    weights = load_file(found[-1] / "model.safetensors")
    own = dict(model.named_parameters())
    if {n: w.shape for n, w in own.items()} != {n: w.shape for n, w in weights.items()}:
        raise InputError(f"The checkpoint in {run} is of a model of another size; give the same model settings.")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])
    states = torch.load(found[-1] / "optimizers.pt", weights_only=True, map_location=next(model.parameters()).device)
    if len(states) == len(optimizers):
        for optimizer, state in zip(optimizers, states, strict=True):
            optimizer.load_state_dict(state)
    return Checkpoint(**json.loads((found[-1] / "state.json").read_text()))


def save_model(folder: Path, model: LlamaForCausalLM, tokenizer: Path) -> None:
    """A Hugging Face folder: config, float32 weights, tokenizer."""
    model.save_pretrained(folder, safe_serialization=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder / name)


def describe_run(
    run: Path, recipe: Pretrain, model: torch.nn.Module, data: list[tuple[Shards, float]], peak: float = 0.0
) -> None:
    """Write run.json: settings, versions, parameters, the machine and its ``peak``, and the hashes of the data."""
    import tokenizers
    import transformers

    run.mkdir(parents=True, exist_ok=True)
    about = {
        "recipe": recipe.model_dump(mode="json"),
        "parameters": sum(p.numel() for p in model.parameters()),
        "versions": {
            "python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "hardware": _hardware(recipe), "peak_flops": round(peak),
        "data": [{"sha256": s.index["sha256"], "rows": len(s), "share": share} for s, share in data],
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(about, indent=1) + "\n")


def _hardware(recipe: Pretrain) -> str:
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else cores(recipe.threads)


class Metrics:
    """Writes metrics.jsonl and one line to the screen for it; losses are nats a token, means since the last line."""

    def __init__(self, run: Path, at: Checkpoint, flops: float = 0.0, peak: float = 0.0) -> None:
        """``flops`` a token takes, of ``peak`` a second that the machine can do; without them no utilisation is told."""
        self._share = flops / peak if peak else 0.0
        run.mkdir(parents=True, exist_ok=True)
        self._path = run / "metrics.jsonl"
        if self._path.is_file():  # a resumed run forgets what was logged after its checkpoint
            lines = [line for line in self._path.read_text().splitlines() if json.loads(line)["step"] <= at.step]
            self._path.write_text("".join(f"{line}\n" for line in lines if at.step))
        self._reset(at.tokens)

    def _reset(self, tokens: int) -> None:
        self._since, self._tokens = time.monotonic(), tokens
        self._losses: list[tuple[torch.Tensor, ...]] = []

    def add(self, losses: list[Any], norm: torch.Tensor) -> None:
        self._losses += [
            (x.total.detach(), x.weight, x.completion, x.completion_tokens.float(), norm.detach()) for x in losses
        ]

    def log(self, at: Checkpoint, rate: float, progress: float) -> None:
        sums = torch.tensor([[float(x) for x in row] for row in self._losses]).sum(0)
        total, weight, completion, tokens, norm = sums.tolist()
        row = {
            "step": at.step, "loss": round(completion / max(tokens, 1), 4), "weighted": round(total / weight, 4),
            "norm": round(norm / len(self._losses), 3), "rate": round(rate, 6), "tokens": at.tokens,
            "tokens_per_second": round((at.tokens - self._tokens) / (time.monotonic() - self._since)),
            "mfu": round(self._share * (at.tokens - self._tokens) / (time.monotonic() - self._since), 4),
            "seconds": round(at.seconds, 1), "eta_seconds": round(at.seconds * (1 - progress) / max(progress, 1e-6)),
        }  # fmt: skip
        self._write(row)
        self._reset(at.tokens)
        print(
            f"step {row['step']}  loss {row['loss']:.3f}  weighted {row['weighted']:.3f}  norm {row['norm']:.2f}  "
            f"rate {row['rate']:.1e}  {row['tokens_per_second']} tokens/s  MFU {row['mfu']:.0%}  {at.tokens / 1e6:.2f}M tokens  "
            f"{at.seconds / 60:.1f} min, {row['eta_seconds'] / 60:.0f} to go",
            flush=True,
        )

    def note(self, at: Checkpoint, **values: Any) -> None:
        """Log something that is not a training loss, such as held-out perplexities."""
        self._write({"step": at.step, "seconds": round(at.seconds, 1), **values})
        self._reset(at.tokens)
        print(f"step {at.step}  {json.dumps(values)}", flush=True)

    def _write(self, row: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
