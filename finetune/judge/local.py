"""A model that transformers runs: a folder, a run (whole model or adapter), or an id on the Hub; causal or encoder-decoder.

Invariant: prompts and texts are tokenized as in training (finetune/recipes/dataset.py), so that a model is judged on what it
was taught; weights come from safetensors only and no code of a model repository is run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

from agents.engines.base import Sampling
from finetune.judge.cases import Case
from finetune.judge.speaker import TooLong, seed_of
from finetune.recipes.dataset import texts
from finetune.recipes.models import adapter_path, base_path
from finetune.recipes.quiet import quiet
from prompts.errors import InputError


class LocalSpeaker:
    """Raises ``InputError`` where the model cannot be loaded."""

    scores = True

    def __init__(self, spec: str) -> None:
        base, adapter, style = located(spec)
        try:
            with quiet():
                self._load(base_path(base), adapter)
        except (OSError, ValueError, RuntimeError, InputError) as error:
            why = " ".join(str(error).split()).removeprefix("base: ").split(". ")[0].rstrip(".")[:300]
            raise InputError(f"The model {spec} can't be loaded: {why}.") from error
        self.style = style or ("chat" if self.tokenizer.chat_template and not self.seq2seq else "plain")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device).eval()

    def _load(self, path: str, adapter: Path | None) -> None:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        self.seq2seq = bool(config.is_encoder_decoder)
        kind = AutoModelForSeq2SeqLM if self.seq2seq else AutoModelForCausalLM
        self.model: Any = kind.from_pretrained(path, dtype=_dtype(), use_safetensors=True, trust_remote_code=False)
        if adapter is not None:
            from peft import PeftModel

            self.model = PeftModel.from_pretrained(self.model, str(adapter))
        limits = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions")]
        self.context = None if self.seq2seq else next((int(limit) for limit in limits if limit), None)

    def write(self, case: Case, n: int, sampling: Sampling, seed: int) -> list[str]:
        ids = self._prompt_ids(case, sampling.max_tokens)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            torch.manual_seed(seed_of(case, seed))
            made = self.model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=self._generation(n, sampling)
            )
        rows = made if self.seq2seq else made[:, ids.shape[1] :]
        return [_cut(self.tokenizer.decode(row, skip_special_tokens=True), sampling.stop) for row in rows]

    def losses(self, case: Case, text: str) -> list[float]:
        wanted = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if not wanted:
            return []
        if self.context is not None and len(wanted) >= self.context:
            raise TooLong(f"A text of {len(wanted)} tokens doesn't fit into the model's {self.context}.")
        targets = torch.tensor([wanted], device=self.device)
        prompt = self._prompt_ids(case, len(wanted))
        with torch.no_grad():
            if self.seq2seq:
                logits = self.model(input_ids=prompt, labels=targets).logits[0]
            else:
                logits = self.model(torch.cat([prompt, targets], 1)).logits[0, prompt.shape[1] - 1 : -1]
        found = torch.log_softmax(logits.float(), -1).gather(1, targets[0, :, None])[:, 0]
        return [-value for value in found.tolist()]

    def close(self) -> None:
        self.model = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _prompt_ids(self, case: Case, room: int) -> torch.Tensor:
        """int64 [1, length]; cut at its beginning where ``room`` more tokens would not fit, never to nothing."""
        row = {"prompt": case.prompt, "completion": "", "system": case.system}
        asked, _ = texts(row, self.tokenizer, self.style)
        ids = self.tokenizer(asked, add_special_tokens=self.seq2seq or self.style == "plain")["input_ids"]
        end = self.tokenizer.eos_token_id
        if not self.seq2seq and ids and ids[-1] == end and not asked.endswith(self.tokenizer.eos_token or "\0"):
            ids = ids[:-1]  # some tokenizers end whatever they read
        ids = ids or [self.tokenizer.bos_token_id if self.tokenizer.bos_token_id is not None else end]
        if self.context is not None:
            ids = ids[-max(1, self.context - room) :]
        return torch.tensor([ids], device=self.device)

    def _generation(self, n: int, sampling: Sampling) -> GenerationConfig:
        """Everything is said, so that what a model's folder wishes for is not mixed in."""
        drawn: dict[str, Any] = {"do_sample": False, "num_return_sequences": n}
        if sampling.temperature > 0:
            drawn |= {
                "do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k,
                "min_p": sampling.min_p or None,
            }  # fmt: skip
        own = self.model.generation_config
        end = own.eos_token_id if own.eos_token_id is not None else self.tokenizer.eos_token_id
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        return GenerationConfig(
            max_new_tokens=sampling.max_tokens, repetition_penalty=sampling.repetition_penalty, num_beams=1,
            eos_token_id=end, pad_token_id=pad, bos_token_id=own.bos_token_id,
            decoder_start_token_id=own.decoder_start_token_id, **drawn,
        )  # fmt: skip


def located(spec: str) -> tuple[str, Path | None, str]:
    """(base model, adapter if there is one, prompt style if it is known) of a run, an adapter's folder or a model."""
    folder = Path(spec).expanduser()
    # A checkpoint, or the model or adapter in a run, was taught what the run was.
    run = next((path for path in (folder, folder.parent) if (path / "run.json").is_file()), None)
    recipe: dict[str, Any] = _json(run / "run.json").get("recipe", {}) if run else {}
    style = str(recipe.get("style") or ("plain" if recipe else ""))
    if (folder / "model").is_dir():
        return str(folder / "model"), None, style
    if (folder / "adapter").is_dir() or (folder / "adapter_config.json").is_file():
        try:
            adapter = adapter_path(folder)
        except InputError as error:
            raise InputError(str(error).removeprefix("adapter: ")) from error
        base = recipe.get("base") or _json(adapter / "adapter_config.json").get("base_model_name_or_path")
        return str(base or "bundled"), adapter, style
    if run == folder:
        raise InputError(f"The run {spec} has no model yet; let it come to its end, or judge one of its checkpoints.")
    return spec, None, style


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read; give the folder of a whole model.") from error
    return found if isinstance(found, dict) else {}


def _dtype() -> torch.dtype:
    return torch.bfloat16 if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32


def _cut(text: str, stops: tuple[str, ...]) -> str:
    """``text`` up to the first of the words that end it."""
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text
