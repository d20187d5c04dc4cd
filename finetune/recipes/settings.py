"""The settings of every recipe: what all share, and a class for each family of methods.

A recipe is a YAML file; ``key=value`` on the command line wins over it, with dots into what is nested and values typed
as YAML types them (``lora.rank=8``, ``tasks=[generator]``). Invariant: nothing is trained with a setting that was
misspelt, out of range or passed over; what does not belong together is refused before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import Field, field_validator, model_validator

from finetune.config import Settings, checked, kept_settings, read_settings
from prompts.errors import InputError

BUNDLED: Final = "bundled"  # the value of ``base`` that names the model that Fabula ships


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2021) on the layers ``targets``: W + alpha / rank * B A."""

    rank: int = Field(128, ge=1)
    alpha: float = Field(256.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"  # every linear layer but the output, or names of layers


class Recipe(Settings):
    """What every method takes. Lengths are in tokens, ``warmup`` is a share of the steps, rates are peak rates.

    ``batch_size`` is rows a device and a pass; an optimizer step sees batch_size x accumulate x devices rows.
    """

    method: str = ""
    base: str = BUNDLED  # "bundled", a folder, a Fabula run or an id on the Hugging Face Hub
    revision: str | None = None
    adapter: Path | None = None  # an adapter, or the run that made one, to go on from
    data: Path
    style: Literal["plain", "chat"] = "plain"  # chat: through the base model's own template
    tuning: Literal["full", "lora", "qlora"] = "lora"
    lora: Lora = Lora()
    double_quant: bool = True  # QLoRA: the scales of the NF4 weights are quantized too
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # auto: bfloat16 on a GPU, float32 on a CPU
    gradient_checkpointing: bool = False  # less memory, a fifth more time
    epochs: float = Field(1.0, gt=0)
    steps: int | None = Field(None, gt=0)  # instead of epochs
    learning_rate: float = Field(3e-5, gt=0)
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    batch_size: int = Field(8, ge=1)
    accumulate: int = Field(1, ge=1)
    max_length: int = Field(1024, ge=8)
    seed: int = Field(17, ge=0)
    threads: int | None = Field(None, ge=1)  # CPU threads; None: as many as torch takes
    log_every: int = Field(10, ge=1)  # steps
    save_every: int = Field(200, ge=1)  # steps; rounded up to a multiple of log_every, so that losses resume exactly
    keep: int = Field(2, ge=1)  # checkpoints
    evaluate_every: int = Field(200, ge=1)  # steps
    evaluate_rows: int = Field(200, ge=0)  # held-out rows, 0 for none

    @field_validator("base", "revision", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) else value  # YAML reads a folder named 7 as a number

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if not self.base.strip():
            raise ValueError("base is empty; give bundled, a folder or an id on the Hub")
        if self.adapter is not None and self.tuning == "full":
            raise ValueError("adapter goes on training an adapter; give tuning=lora or tuning=qlora")
        return self

    @property
    def saves_every(self) -> int:
        """Steps between checkpoints: a checkpoint in the midst of a logged mean could not resume to the same mean."""
        return -(-self.save_every // self.log_every) * self.log_every


class Sft(Recipe):
    """Supervised fine-tuning of a causal model; the loss is that of the completion's tokens alone."""

    packing: bool = False  # several rows in one sequence of max_length, none sees another
    tasks: list[str] = Field(default_factory=list)  # of the rows that are read; empty: all


class Seq2Seq(Recipe):
    """Supervised fine-tuning of an encoder-decoder such as Flan-T5.

    ``max_length`` is that of a prompt, ``max_target`` that of a completion.
    """

    base: str = "google/flan-t5-base"
    max_target: int = Field(512, ge=8)
    tasks: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _plain_only(self) -> Seq2Seq:
        if self.style == "chat":
            raise ValueError("an encoder-decoder has no chat template; give style=plain")
        return self


Kind = TypeVar("Kind", bound=Recipe)


def load_recipe(kind: type[Kind], path: Path, changes: Sequence[str] = (), method: str = "") -> Kind:
    """The recipe in ``path`` with ``changes`` ("key=value") over it.

    Raises ``InputError`` that names the file and every fault, or says that the recipe is one of another method.
    """
    return _recipe(kind, read_settings(path), path, changes, method)


def kept_recipe(kind: type[Kind], run: Path, changes: Sequence[str] = (), method: str = "") -> Kind:
    """The recipe that ``run`` was started with, and ``changes`` over it. Raises ``InputError`` as ``load_recipe``."""
    return _recipe(kind, kept_settings(run), run / "run.json", changes, method)


def _recipe(kind: type[Kind], settings: dict[str, Any], path: Path, changes: Sequence[str], method: str) -> Kind:
    found = settings.get("method") or method
    if method and found != method:
        raise InputError(f"{path} is a recipe of {found}: run fabula train {found}.")
    return checked(kind, with_changes({**settings, "method": found}, changes), str(path))


def with_changes(settings: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """``settings`` with each "key=value" set, dots leading into what is nested. ``settings`` itself stays as it is."""
    result = dict(settings)
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not all(part.isidentifier() for part in key.split(".")):
            raise InputError(f"{change!r} sets nothing: write key=value, such as learning_rate=1e-5 or lora.rank=8.")
        try:
            value = yaml.safe_load(text) if text.strip() else ""
        except yaml.YAMLError as error:
            raise InputError(f"{change!r}: {text!r} is not a YAML value.") from error
        *outer, last = key.split(".")
        inside = result
        for part in outer:
            inner = inside.get(part)
            inside[part] = dict(inner) if isinstance(inner, dict) else {}
            inside = inside[part]
        inside[last] = value
    return result
