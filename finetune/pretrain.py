"""Pretrain the bundled model from scratch, or continue a stage: a recipe that reads from top to bottom.

Launch: ``python -m finetune train pretrain --config finetune/configs/pretrain_small.yaml --run runs/stage1``
Invariant: a run killed at any moment goes on with ``--resume`` from its last checkpoint, over the same batches.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from finetune.batches import Mixture
from finetune.config import Pretrain, kept_config
from finetune.data.shards import Shards, has_rows
from finetune.loop import build_model, build_optimizers, can_compile, device, evaluate, rate_factor, take_step
from finetune.records import checkpoints, draw_curve, read_record
from finetune.runs import Checkpoint, Metrics, describe_run, load_checkpoint, save_checkpoint, save_model
from finetune.tokenizer import load_tokenizer
from finetune.utilisation import flops_of, peak_flops
from prompts.errors import InputError


def pretrain(recipe: Pretrain, run: Path, resume: bool = False) -> dict[str, float]:
    """Train as ``recipe`` says into the folder ``run``; returns the held-out perplexities at the end.

    Raises ``InputError`` where the data, the tokenizer or the run to continue is not there, or would be overwritten.
    """
    if not resume and checkpoints(run):
        raise InputError(f"{run} holds a run already: go on with --resume, or name another folder.")
    # 1. Data: every source's rows, mixed by share; held-out sets for the perplexities.
    tokenizer = load_tokenizer(recipe.tokenizer)
    train = [(Shards(source.folder / "train"), source.share) for source in recipe.data]
    held = {s.folder.name: Shards(s.folder / "held") for s in recipe.data if has_rows(s.folder / "held")}
    mixture = Mixture(train, recipe.batch_tokens, recipe.seed)

    # 2. Model and optimizers, fresh or from the stage that this one continues.
    where = device()
    if where.type == "cpu":
        torch.set_num_threads(recipe.threads)
    torch.set_float32_matmul_precision("high")
    model = build_model(recipe.model, tokenizer.get_vocab_size(), recipe.seed).to(where)
    model.train()
    optimizers = build_optimizers(model, recipe)
    at = Checkpoint()
    if resume:
        at = load_checkpoint(run, model, optimizers)
    elif recipe.init is not None:
        load_checkpoint(recipe.init, model, optimizers)
    peak = peak_flops(where)
    describe_run(run, recipe, model, train, peak)
    forward: Any = model
    if recipe.compile and can_compile():
        model.model.compile(dynamic=True)

    # 3. Train until the time or the steps are used up.
    metrics = Metrics(run, at, flops_of(model, recipe.model, train), peak)
    batches = mixture.batches(at.round, at.place)
    started, saved, evaluated = time.monotonic() - at.seconds, time.monotonic(), time.monotonic()
    while (progress := _progress(recipe, at.step, time.monotonic() - started)) < 1:
        rate = recipe.learning_rate * rate_factor(at.step, progress, recipe)
        drawn = [next(batches) for _ in range(recipe.accumulate)]
        losses, norm = take_step(
            forward, optimizers, [batch for _, _, batch in drawn], rate, recipe=recipe, where=where
        )
        at.step, at.seconds = at.step + 1, time.monotonic() - started
        at.round, at.place = drawn[-1][0], drawn[-1][1]
        at.tokens += sum(int((batch.kinds > 0).sum()) for _, _, batch in drawn)
        metrics.add(losses, norm)
        if at.step % recipe.log_every == 0:
            metrics.log(at, rate, progress)
        if time.monotonic() - saved > recipe.checkpoint_minutes * 60:
            save_checkpoint(run, model, optimizers, at)
            saved = time.monotonic()
        if time.monotonic() - evaluated > recipe.evaluate_minutes * 60:
            metrics.note(at, held_out=evaluate(forward, held, recipe, where))
            evaluated = time.monotonic()

    # 4. Keep the result: a checkpoint to continue from, a Hugging Face folder to pack, the curve, the perplexities.
    save_checkpoint(run, model, optimizers, at)
    save_model(run / "model", model, recipe.tokenizer)
    scores = evaluate(forward, held, recipe, where)
    metrics.note(at, held_out=scores)
    result = {"step": at.step, "tokens": at.tokens, "seconds": round(at.seconds, 1), "perplexity": scores}
    (run / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    draw_curve([read_record(run)], run / "loss.png")
    return scores


def evaluate_run(run: Path) -> dict[str, float]:
    """Held-out perplexities of a run's last checkpoint, kept in ``perplexity.json``; a run may have been cut short."""
    recipe = kept_config(run)
    held = {s.folder.name: Shards(s.folder / "held") for s in recipe.data if has_rows(s.folder / "held")}
    where = device()
    scores = evaluate(_restored(recipe, run).to(where), held, recipe, where)
    (run / "perplexity.json").write_text(json.dumps(scores, indent=1) + "\n")
    return scores


def whole_model(run: Path) -> Path:
    """The Hugging Face folder of a run; of one that was cut short it is written from the last checkpoint.

    Raises ``InputError`` where the run has no checkpoint.
    """
    folder = run / "model"
    if not (folder / "config.json").is_file():
        recipe = kept_config(run)
        save_model(folder, _restored(recipe, run), recipe.tokenizer)
    return folder


def _restored(recipe: Pretrain, run: Path) -> Any:
    """The model of ``recipe`` with the weights of the run's last checkpoint."""
    model = build_model(recipe.model, load_tokenizer(recipe.tokenizer).get_vocab_size(), recipe.seed)
    load_checkpoint(run, model, [])
    return model


def _progress(recipe: Pretrain, step: int, seconds: float) -> float:
    if recipe.steps is not None:
        return step / recipe.steps
    return seconds / (60 * recipe.minutes) if recipe.minutes else 0.0
