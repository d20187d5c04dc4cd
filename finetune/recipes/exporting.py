"""A finished run as something that tells stories: an adapter or a whole model for vLLM, or Fabula's embedded format.

Invariant: a folder gets its name only after what is in it was loaded by the program that it is for, or by
transformers and peft in vLLM's place; the weights of the run stay as they are.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from agents.engines import packed
from agents.engines.base import Request, Sampling
from agents.engines.embedded import BUNDLED as BUNDLED_FOLDER
from agents.engines.embedded import EmbeddedEngine
from agents.serving import models as served
from finetune.recipes import checkpoints, models
from finetune.recipes.methods import METHODS
from finetune.recipes.quiet import quiet
from finetune.recipes.settings import BUNDLED, Recipe, Seq2Seq, kept_recipe
from prompts.errors import FabulaError, InputError

_COMPANIONS = ("themes.json", "words.txt")  # what the bundled model's engine reads beside its weights


def export_run(run: Path, to: str = "", out: Path | None = None, force: bool = False) -> Path:
    """Export ``run`` as "adapter", "merged" or "embedded"; returns the folder.

    Raises ``InputError`` where the run is not done, or cannot be exported so.
    """
    settings = checkpoints.settings_of_finished(run)
    method = METHODS.get(str(settings.get("method", "")))
    recipe = kept_recipe(method.settings, run) if method else None  # None: a run of pretrain
    tuned = recipe is not None and recipe.tuning != "full"
    to = to or ("adapter" if tuned else "merged")
    if to == "adapter" and not tuned:
        raise InputError(f"The run in {run} trained all weights and has no adapter; export it with --to merged.")
    target = out or run / f"export-{to}"
    if target.exists() and not force:
        raise InputError(f"{target} is there already; give another --out, or --force to replace it.")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with quiet():
            _write(run, recipe, to, part)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _write(run: Path, recipe: Recipe | None, to: str, part: Path) -> None:
    if to == "adapter":
        assert recipe is not None
        _adapter(run, recipe, part)
    elif to == "merged":
        _merged(run, recipe, part)
        _load(part, isinstance(recipe, Seq2Seq))
    else:
        _embedded(run, recipe, part)


def _adapter(run: Path, recipe: Recipe, part: Path) -> None:
    shutil.copytree(models.adapter_path(run), part)
    config = json.loads((part / "adapter_config.json").read_text())
    base = config["base_model_name_or_path"] = models.base_path(recipe.base)
    (part / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    if Path(base).is_dir():
        served.adapter("generator", str(part), served.base(base))  # what fabula serve will look at
    plain = recipe.model_copy(update={"tuning": "lora", "adapter": None})
    model = PeftModel.from_pretrained(models.load_base(plain, isinstance(recipe, Seq2Seq)), str(part))
    _one_token(model)


def _merged(run: Path, recipe: Recipe | None, part: Path) -> None:
    """The whole model in the type that its base is kept in; adapters are added in float32."""
    if recipe is None or recipe.tuning == "full":
        shutil.copytree(run / "model", part)
        return
    whole = recipe.model_copy(update={"tuning": "full", "adapter": None})
    model = PeftModel.from_pretrained(models.load_base(whole, isinstance(recipe, Seq2Seq)), str(run / "adapter"))
    merged = model.merge_and_unload()
    kept = models.load_config(recipe).dtype or torch.float32
    merged.config.use_cache = True
    merged.to(kept).save_pretrained(part, safe_serialization=True)
    models.load_tokenizer(recipe.model_copy(update={"style": "plain"})).save_pretrained(part)


def _embedded(run: Path, recipe: Recipe | None, part: Path) -> None:
    own = recipe is None or recipe.base == BUNDLED  # reads slots, and the words and themes of the bundled model
    whole = part.with_name(f"{part.name}.whole")
    shutil.rmtree(whole, ignore_errors=True)
    try:
        if isinstance(recipe, Seq2Seq):
            raise InputError("The embedded engine runs Llama models only; export an encoder-decoder with --to merged.")
        _merged(run, recipe, whole)
        packed.pack(whole, part, "slots" if own else "plain")
        if own:
            for name in _COMPANIONS:
                shutil.copyfile(BUNDLED_FOLDER / name, part / name)
        engine = EmbeddedEngine(part, threads=1)
        try:
            engine.complete(Request(prompt=_prompt(), sampling=Sampling(max_tokens=4), n=1))
        finally:
            engine.close()
    except FabulaError as error:
        raise InputError(str(error).replace(str(whole), str(run)).replace(str(part), str(run))) from error
    finally:
        shutil.rmtree(whole, ignore_errors=True)


def _prompt() -> Any:
    from agents.engines.base import Prompt

    return Prompt(text="Once upon a time")


def _load(folder: Path, seq2seq: bool) -> None:
    served.base(str(folder))  # what fabula serve will look at
    recipe = Recipe(base=str(folder), data=folder, tuning="full")
    _one_token(models.load_base(recipe, seq2seq))


def _one_token(model: Any) -> None:
    ids = torch.tensor([[model.config.eos_token_id if isinstance(model.config.eos_token_id, int) else 1]])
    more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        logits = model(input_ids=ids, **more).logits
    if not torch.isfinite(logits).all():
        raise InputError("The exported model computes what are no numbers; train with a lower learning_rate.")
