"""Base models and their tokenizers for every recipe: from a folder, a run, the Hub, or the model that Fabula ships.

Invariant: weights are read from safetensors only and no code of a model repository is run, so that nothing is ever
unpickled or executed; a base that cannot be had is one sentence, before any data is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    set_seed,
)
from transformers.integrations import is_deepspeed_zero3_enabled

from agents.serving import models as served
from finetune.recipes.quiet import quiet
from finetune.recipes.settings import BUNDLED, Recipe
from prompts.errors import FabulaError, InputError

CONV1D = {"gpt2", "openai-gpt"}  # these keep their matrices transposed, which peft must be told


def base_path(base: str) -> str:
    """Where transformers finds ``base``: a folder, or the id on the Hub as it is.

    The bundled model, and any packed folder, is laid out for transformers once in the cache folder. A run stands for
    the whole model that it made. Raises ``InputError`` where a folder holds no model.
    """
    folder = Path(base).expanduser()
    if base != BUNDLED and not folder.exists():
        if base.count("/") > 1 or base.startswith((".", "/", "~")):
            raise InputError(f"base: there is no folder {base}; give bundled, a model's folder or its id on the Hub.")
        return base
    if base != BUNDLED and (folder / "run.json").is_file():
        folder = folder / "model"
        if not folder.is_dir():
            raise InputError(
                f"base: the run {base} made no whole model; give its base model, and the run itself as adapter={base}, "
                "or merge it: fabula export."
            )
    try:
        return served.base("" if base == BUNDLED else str(folder)).path
    except FabulaError as error:
        raise InputError(str(error).replace("--base", "base:", 1)) from error


def adapter_path(adapter: Path) -> Path:
    """The folder of an adapter, from itself or from the run that made it. Raises ``InputError`` where there is none."""
    for folder in (adapter / "adapter", adapter):
        if (folder / "adapter_config.json").is_file() and (folder / "adapter_model.safetensors").is_file():
            return folder
    raise InputError(
        f"adapter: {adapter} holds no adapter (adapter_config.json, adapter_model.safetensors): train it first "
        "with fabula train sft, or give adapter=null to begin from the base model alone."
    )


def load_tokenizer(recipe: Recipe, here_only: bool = False) -> Any:
    """The base model's tokenizer, with a padding token. Raises ``InputError`` without one, or for chat without a template."""
    tokenizer = _fetched(AutoTokenizer, base_path(recipe.base), recipe, **_here(here_only))
    if tokenizer.eos_token_id is None:
        raise InputError(f"The tokenizer of {recipe.base} names no end token (eos_token); name one in its folder.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if recipe.style == "chat" and not tokenizer.chat_template:
        raise InputError(
            f"{recipe.base} has no chat template, so style=chat cannot be used with it: give style=plain, or a base "
            "model that was made for chats."
        )
    return tokenizer


def load_config(recipe: Recipe, here_only: bool = False) -> Any:
    """The base model's config; ``here_only``: without asking the Hub."""
    return _fetched(AutoConfig, base_path(recipe.base), recipe, **_here(here_only))


def check_length(recipe: Recipe, config: Any) -> None:
    """Raises ``InputError`` where ``max_length`` is more than the base model can read."""
    most = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if isinstance(most, int) and 0 < most < recipe.max_length:
        raise InputError(
            f"max_length={recipe.max_length} is more than {recipe.base} can read; give max_length={most} or less."
        )


def _here(only: bool) -> dict[str, Any]:
    return {"local_files_only": True} if only else {}


def compute_type(recipe: Recipe) -> torch.dtype:
    """What is computed in: as the recipe says, or bfloat16 where a GPU has it and float32 elsewhere."""
    if recipe.precision != "auto":
        found: torch.dtype = getattr(torch, recipe.precision)
        return found
    return torch.bfloat16 if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32


def load_model(recipe: Recipe, seq2seq: bool = False) -> Any:
    """The base model ready to train as ``recipe.tuning`` says, on the CPU or, quantized, on its device.

    Full tuning keeps float32 weights, since small steps vanish in bfloat16; frozen weights under adapters take what is
    computed in. Equal seeds give equal adapters.
    """
    set_seed(recipe.seed)
    model = load_base(recipe, seq2seq)
    return model if recipe.tuning == "full" else add_adapter(model, recipe)


@quiet()
def load_base(recipe: Recipe, seq2seq: bool = False) -> Any:
    """The base model alone, quantized to NF4 for QLoRA (Dettmers et al. 2023)."""
    kind = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
    options: dict[str, Any] = {"dtype": torch.float32 if recipe.tuning == "full" else compute_type(recipe)}
    if recipe.tuning == "qlora":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=recipe.double_quant,
            bnb_4bit_compute_dtype=compute_type(recipe),
        )  # fmt: skip
        if torch.cuda.is_available():
            from accelerate import PartialState

            options["device_map"] = {"": PartialState().local_process_index}
    model = _fetched(kind, base_path(recipe.base), recipe, use_safetensors=True, **options)
    model.config.use_cache = False
    for module in model.modules():
        # Evaluating would lay the 4-bit weights out for AVX-512 for good, and that layout has no gradient.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


@quiet()
def add_adapter(model: Any, recipe: Recipe) -> Any:
    """Put LoRA layers on ``model``: fresh ones, or the recipe's ``adapter`` to go on from."""
    if recipe.tuning == "qlora":
        # Whether activations are recomputed is the trainer's to switch on, once.
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if recipe.adapter is not None:
        adapter = adapter_path(recipe.adapter)
        try:
            return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"adapter: {adapter} does not fit {recipe.base}: {_short(error)}") from error
    try:
        # ZeRO-3 gathers weights of one type only; elsewhere adapters are float32 over frozen bfloat16.
        one_type = is_deepspeed_zero3_enabled() and recipe.tuning == "lora"
        return get_peft_model(model, lora_config(recipe, model.config), autocast_adapter_dtype=not one_type)
    except ValueError as error:
        raise InputError(f"lora.targets: {_short(error)}") from error


def lora_config(recipe: Recipe, config: Any) -> LoraConfig:
    lora = recipe.lora
    return LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets, bias="none",
        task_type="SEQ_2_SEQ_LM" if config.is_encoder_decoder else "CAUSAL_LM", fan_in_fan_out=config.model_type in CONV1D,
    )  # fmt: skip


@quiet()
def count_parameters(recipe: Recipe, seq2seq: bool = False) -> tuple[int, int] | None:
    """(trainable, all) of the model, without loading a weight; None where its config isn't on this machine."""
    try:
        config = load_config(recipe, here_only=True)
    except InputError:
        return None
    with torch.device("meta"):
        kind = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
        model = kind.from_config(config)
        if recipe.tuning != "full":
            model = get_peft_model(model, lora_config(_own_rank(recipe), config))
    return count(model)


def count(model: Any) -> tuple[int, int]:
    """(trainable, all) parameters; a quantized matrix counts its values, two of which share a byte."""
    sizes = [(p.requires_grad, p.numel() * (2 if type(p).__name__ == "Params4bit" else 1)) for p in model.parameters()]
    return sum(n for trained, n in sizes if trained), sum(n for _, n in sizes)


def _own_rank(recipe: Recipe) -> Recipe:
    """The recipe with the rank of the adapter that it goes on from."""
    if recipe.adapter is None:
        return recipe
    config = json.loads((adapter_path(recipe.adapter) / "adapter_config.json").read_text())
    return recipe.model_copy(update={"lora": recipe.lora.model_copy(update={"rank": int(config["r"])})})


def _fetched(kind: Any, path: str, recipe: Recipe, **options: Any) -> Any:
    try:
        return kind.from_pretrained(path, revision=recipe.revision, trust_remote_code=False, **options)
    except (OSError, ValueError, ImportError) as error:
        where = (
            "has no such part that can be loaded" if Path(path).is_dir() else "is no folder, nor could it be fetched"
        )
        raise InputError(f"base: {recipe.base} {where} ({_short(error)}).") from error


def _short(error: BaseException) -> str:
    """The first sentence of a library's message, on one line."""
    text = " ".join(str(error).split())
    return text.split(". ")[0].rstrip(".")[:200] or type(error).__name__
