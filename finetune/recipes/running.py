"""Train a recipe into a run folder: the same for every method, which only builds the trainer.

A run folder holds run.json (recipe, command, versions, data hash), metrics.jsonl, loss.png, tensorboard/, checkpoint-N/,
model/ or adapter/, and result.json when it is done. Invariant: a run killed at any instant goes on with ``--resume``
from its last whole checkpoint to the same losses (weights, optimizer, random numbers, place in the data); a folder that
holds a run is never begun anew.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import torch
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments

from finetune.recipes import checkpoints, curves, models
from finetune.recipes.dataset import described, shards, style_note
from finetune.recipes.faults import plain_faults
from finetune.recipes.methods import METHODS
from finetune.recipes.progress import Recorder, Say, cut_metrics, read_metrics, spoken
from finetune.recipes.quiet import quiet
from finetune.recipes.settings import Recipe
from finetune.records import cores
from finetune.whole import write_whole
from prompts.errors import InputError

PACKAGES: Final = (
    "fabula",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "bitsandbytes",
    "deepspeed",
)
# What transformers calls the recomputation of activations, by its newer name where it has it.
CHECKPOINTING: Final = next(
    name
    for name in ("activation_checkpointing", "gradient_checkpointing")
    if name in TrainingArguments.__dataclass_fields__
)


def train(recipe: Recipe, run: Path, resume: bool = False, command: str = "", say: Say = print) -> dict[str, Any]:
    """Train as ``recipe`` says into ``run``; returns what result.json holds.

    Raises ``InputError`` where the data or the base model is not there, the folder holds a run already, or memory or
    disk do not suffice.
    """
    data = described(recipe.data)
    checkpoint = _opened(run, resume, data)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    began = time.monotonic()
    if recipe.adapter:
        models.adapter_path(recipe.adapter)  # before the data are read
    if int(os.environ.get("RANK", "0")) == 0:
        say(f"{run}: reading {recipe.data}, loading {recipe.base}")
        if note := style_note(recipe):
            say(f"note: {note}")
    with plain_faults(recipe, run), _surroundings(run), quiet():
        trainer = METHODS[recipe.method].build()(recipe, run)
        first = trainer.is_world_process_zero()
        tell: Say = say if first else lambda text: None
        if first:
            _describe(run, recipe, command, data, trainer)
            cut_metrics(run, checkpoints.step_of(checkpoint) if checkpoint else 0)
        recorder = Recorder(run, recipe.keep, trainer.accelerator.wait_for_everyone, tell)
        for noisy in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(noisy)
        trainer.add_callback(recorder)
        trainer.create_model_card = lambda *_, **__: None  # TRL's, which knows neither the base nor the data
        tell(
            f"{run}: {trainer.state.max_steps or _steps(trainer)} steps{f', on from {checkpoint.name}' if checkpoint else ''}"
        )
        if left_out := getattr(trainer, "left_out", 0):
            tell(f"left out: {left_out:,} of the rows, with no room for an answer in max_length={recipe.max_length}")
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            if trainer.eval_dataset is not None and recorder.evaluated != trainer.state.global_step:
                recorder.last |= trainer.evaluate()
        finally:
            recorder.close()
        _keep_model(trainer, run, recipe)
        result = _result(trainer, recorder, recipe.method, time.monotonic() - began)
        trainer.accelerator.wait_for_everyone()
        if first:
            _finish(run, result, tell)
    return result


def arguments(recipe: Recipe, run: Path) -> dict[str, Any]:
    """What every trainer's arguments (``transformers.TrainingArguments`` or a kind of them) take from a recipe."""
    held = bool(recipe.evaluate_rows and shards(recipe.data, "held"))
    compute = models.compute_type(recipe)
    found: dict[str, Any] = {
        "output_dir": str(run), "num_train_epochs": recipe.epochs, "max_steps": recipe.steps or -1,
        "learning_rate": recipe.learning_rate, "lr_scheduler_type": recipe.schedule, "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay, "max_grad_norm": recipe.clip, "optim": "adamw_torch",
        "per_device_train_batch_size": recipe.batch_size, "per_device_eval_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulate, CHECKPOINTING: recipe.gradient_checkpointing,
        "bf16": compute == torch.bfloat16, "fp16": compute == torch.float16, "use_cpu": not torch.cuda.is_available(),
        "seed": recipe.seed, "data_seed": recipe.seed, "logging_steps": recipe.log_every, "disable_tqdm": True,
        "save_strategy": "steps", "save_steps": recipe.saves_every, "save_total_limit": None, "report_to": ["tensorboard"],
        "eval_strategy": "steps" if held else "no", "eval_steps": recipe.evaluate_every,
        "dataloader_pin_memory": torch.cuda.is_available(), "prediction_loss_only": True, "push_to_hub": False,
        "ddp_find_unused_parameters": False,
    }  # fmt: skip
    if recipe.gradient_checkpointing:
        found[f"{CHECKPOINTING}_kwargs"] = {"use_reentrant": False}
    return found


def held_rows(recipe: Recipe) -> int | None:
    """How many held-out rows are looked at, None where there are none."""
    return recipe.evaluate_rows if recipe.evaluate_rows and shards(recipe.data, "held") else None


def _opened(run: Path, resume: bool, data: dict[str, Any]) -> Path | None:
    """The checkpoint to go on from. Raises ``InputError`` where the folder and ``resume`` do not agree."""
    there = (run / "run.json").is_file()
    if there and not resume:
        raise InputError(f"{run} holds a run already: go on with --resume, or name another folder with --run.")
    if resume and not there:
        raise InputError(f"There is no run to go on with in {run}: run.json is missing.")
    if not there:
        return None
    if (run / "result.json").is_file():
        raise InputError(
            f"The run in {run} is done; name another folder with --run, or export it: fabula export {run}."
        )
    was = json.loads((run / "run.json").read_text()).get("data", {}).get("hash")
    if was != data["hash"]:
        raise InputError(
            f"The data in {data['folder']} is not what {run} began with; bring it back, or start a new run."
        )
    if int(os.environ.get("RANK", "0")) == 0:
        checkpoints.drop_broken(run)
    return checkpoints.newest(run)


@contextmanager
def _surroundings(run: Path) -> Iterator[None]:
    """TensorBoard's files in the run's folder, which transformers takes from the environment alone."""
    before = os.environ.get("TENSORBOARD_LOGGING_DIR")
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run / "tensorboard")
    try:
        run.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with suppress(OSError):
            run.rmdir()  # where nothing came of it
        if before is None:
            del os.environ["TENSORBOARD_LOGGING_DIR"]
        else:
            os.environ["TENSORBOARD_LOGGING_DIR"] = before


def _describe(run: Path, recipe: Recipe, command: str, data: dict[str, Any], trainer: Trainer) -> None:
    trained, total = models.count(trainer.model)
    about = {
        "recipe": json.loads(recipe.model_dump_json()),
        "command": command,
        "data": data,
        "base": models.base_path(recipe.base),
        "parameters": {"trainable": trained, "all": total},
        "devices": trainer.args.world_size,
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else cores(torch.get_num_threads()),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES if _version(name)},
        },
    }
    write_whole(run / "run.json", json.dumps(about, indent=1) + "\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _steps(trainer: Trainer) -> int:
    """The optimizer steps that the trainer will take."""
    if trainer.args.max_steps > 0:
        return int(trainer.args.max_steps)
    batches = len(trainer.get_train_dataloader())
    each: int = max(1, math.ceil(batches / trainer.args.gradient_accumulation_steps))
    epochs: float = float(trainer.args.num_train_epochs)
    return math.ceil(epochs * each)


def _keep_model(trainer: Trainer, run: Path, recipe: Recipe) -> None:
    """The trained weights, renamed into place when they are whole; every process takes part (ZeRO gathers)."""
    name = "model" if recipe.tuning == "full" else "adapter"
    part = run / f"{name}.part"
    if trainer.is_world_process_zero():
        shutil.rmtree(part, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(part))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        (part / "training_args.bin").unlink(missing_ok=True)  # a pickle, which nobody should ever load
        (part / "README.md").unlink(missing_ok=True)  # a form that nobody filled in
        shutil.rmtree(run / name, ignore_errors=True)
        part.rename(run / name)


def _result(trainer: Trainer, recorder: Recorder, method: str, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {"step": trainer.state.global_step, "seconds": round(seconds, 1)}
    found |= {key: recorder.last[key] for key in ("loss", "eval_loss") if key in recorder.last}
    if "eval_loss" in found and METHODS[method].kind == "sft":  # of preferences the loss is no likelihood
        found["perplexity"] = round(math.exp(min(20.0, found["eval_loss"])), 3)
    return found


def _finish(run: Path, result: dict[str, Any], say: Say) -> None:
    rows = read_metrics(run)
    curves.draw(rows, run / "loss.png")
    shutil.rmtree(run / "cache", ignore_errors=True)  # the tokenized rows
    write_whole(run / "result.json", json.dumps(result, indent=1) + "\n")
    for line in curves.lines(rows):
        say(line)
    say(f"done in {spoken(result['seconds'])}: {run}")
