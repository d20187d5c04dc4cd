"""Settings of training runs, read from a YAML file and checked before anything starts; those of pretraining.

Invariant: a run folder keeps the settings it was started with (run.json), so ``--resume`` needs nothing but the folder;
a key that is not known is never passed over.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prompts.errors import InputError

CONFIGS: Final = Path(__file__).with_name("configs")


class Settings(BaseModel):
    """What every settings class is: closed to unknown keys, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Architecture(Settings):
    """A Llama. ``hidden`` must be a multiple of ``heads``, ``heads`` of ``kv_heads``."""

    hidden: int = 256
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 704
    context: int = 512
    rope_theta: float = 10_000.0


class Source(Settings):
    """A data set folder (with ``train`` and ``held`` in it) and the share of its rows in the mix."""

    folder: Path
    share: float = Field(1.0, gt=0)


class Pretrain(Settings):
    """One stage of pretraining: warmup, stable, decay of the learning rate. A stage that is continued has no decay."""

    model: Architecture = Architecture()
    tokenizer: Path = Path("runs/tokenizer")
    data: list[Source] = Field(min_length=1)
    init: Path | None = None  # a run folder to take weights and optimizer moments from
    seed: int = 17
    minutes: float | None = Field(None, gt=0)  # length by wall time; or
    steps: int | None = Field(None, gt=0)  # by optimizer steps
    batch_tokens: int = Field(4096, ge=64)  # padded tokens a forward pass
    accumulate: int = Field(2, ge=1)  # forward passes an optimizer step
    optimizer: Literal["adamw", "muon"] = "adamw"  # muon: for the weight matrices of the layers; adamw for the rest
    learning_rate: float = Field(2e-3, gt=0)
    warmup_steps: int = Field(100, ge=0)
    decay: float = Field(0.25, ge=0, le=1)  # the last share of the run, in which the rate falls to zero
    weight_decay: float = Field(0.1, ge=0)
    clip: float = Field(1.0, gt=0)
    prompt_weight: float = Field(0.2, ge=0, le=1)  # loss weight of prompt tokens; completion tokens have 1
    threads: int = Field(2, ge=1)  # CPU threads, where there is no accelerator
    compile: bool = False
    checkpoint_minutes: float = Field(5, gt=0)
    evaluate_minutes: float = Field(15, gt=0)
    evaluate_rows: int = Field(150, ge=1)  # rows of every held-out set and task
    log_every: int = Field(20, ge=1)


Checked = TypeVar("Checked", bound=Settings)


def load_config(path: Path, **changes: Any) -> Pretrain:
    """Read a recipe; ``changes`` that are not None win. Raises ``InputError`` that names the file and the fault."""
    return _with_changes(read_settings(path), path, changes)


def kept_config(run: Path, **changes: Any) -> Pretrain:
    """The settings that ``run`` was started with; ``changes`` that are not None win."""
    return _with_changes(kept_settings(run), run / "run.json", changes)


def _with_changes(settings: dict[str, Any], path: Path, changes: dict[str, Any]) -> Pretrain:
    return checked(Pretrain, {**settings, **{k: v for k, v in changes.items() if v is not None}}, str(path))


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a YAML file, unchecked. Raises ``InputError`` where there is no such file or it holds none.

    A file of ``configs`` is found by its name alone (sft_lora), and by its path in the repository, wherever one stands.
    """
    path = _shipped(path)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(one.stem for one in CONFIGS.glob("*.yaml")))
        raise InputError(f"There is no settings file {path}; Fabula's own are {known}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path} holds no settings; it must have lines like `minutes: 30`.")
    return settings


def _shipped(path: Path) -> Path:
    here = CONFIGS / f"{path.stem}.yaml"
    named = path.parent in (Path(), Path("finetune/configs")) and path.suffix in ("", ".yaml")
    return here if named and not path.is_file() and here.is_file() else path


def kept_settings(run: Path) -> dict[str, Any]:
    """The settings in a run's run.json, unchecked. Raises ``InputError`` where ``run`` is no run."""
    path = run / "run.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"There is no run to go on with in {run}: {path.name} is missing or not readable.") from error
    if not isinstance(settings, dict):
        raise InputError(f"There is no run to go on with in {run}: {path.name} holds no settings.")
    return settings


def checked(kind: type[Checked], settings: dict[str, Any], where: str) -> Checked:
    """``settings`` as a ``kind``. Raises ``InputError`` that begins with ``where`` and names every fault."""
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"{where}: {'; '.join(_fault(dict(found), kind) for found in error.errors())}.") from error


def _fault(found: dict[str, Any], kind: type[Settings]) -> str:
    """One fault in words; an unknown key comes with the known one that is nearest."""
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] != "extra_forbidden":
        return f"{where}: {found['msg'][:1].lower()}{found['msg'][1:]}" if where else str(found["msg"])
    owner = _owner(kind, found["loc"][:-1])
    near = difflib.get_close_matches(str(found["loc"][-1]), owner.model_fields, 1)
    hint = f"did you mean {near[0]}?" if near else f"the known ones are {', '.join(owner.model_fields)}"
    return f"there is no setting {where} ({hint})"


def _owner(kind: type[Settings], path: tuple[Any, ...]) -> type[Settings]:
    """The settings class that the keys and list places of ``path`` lead to, from ``kind`` on."""
    for part in path:
        field = kind.model_fields.get(str(part))
        kind = (_settings_in(field.annotation) if field else None) or kind
    return kind


def _settings_in(annotation: Any) -> type[Settings] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Settings) else None
    return next((found for arg in get_args(annotation) if (found := _settings_in(arg))), None)
