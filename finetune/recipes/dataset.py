"""A data set folder as what a trainer reads: tokenized rows in Arrow files on disk, never all of them in memory.

Prompt and completion are tokenized apart, as in use, where the model is given the prompt alone. Invariant: the loss
falls on tokens of the completion and its end token alone; a completion that is too long is cut (and then has no end
token), and a row whose prompt leaves no room for one is left out and counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from finetune.data.folder import SPLITS, Split, content_hash, load_index, read_rows
from finetune.recipes.settings import BUNDLED, Recipe, Seq2Seq, Sft
from prompts.errors import InputError

ROOM: Final = 16  # tokens that a prompt must leave for its completion
IGNORED: Final = -100  # the label of a token without loss


def shards(folder: Path, split: Split) -> list[Path]:
    """The files of a split, in order; none where there is no such split."""
    return sorted((folder / split).glob("rows-*.jsonl"))


def rows(folder: Path, split: Split, wanted: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The rows of a split, those of the tasks ``wanted`` alone. Raises ``InputError`` that names a row it can't read."""
    return (row for row in read_rows(folder, split) if not wanted or row.get("task") in wanted)


def described(folder: Path) -> dict[str, Any]:
    """What is kept of the data in run.json: its folder, kind, hash and counts. Raises ``InputError`` for no data set."""
    index = load_index(folder)
    if not shards(folder, "train"):
        raise InputError(f"There is no training row in {folder}: all were held out; build it with more stories.")
    counts = {split: sum(_lines(path) for path in shards(folder, split)) for split in SPLITS}
    return {"folder": str(folder), "kind": index["kind"], "hash": content_hash(folder), "rows": counts}


def check_kind(folder: Path, kind: str) -> None:
    """Raises ``InputError`` where the folder holds rows of another kind than ``kind``."""
    found = load_index(folder)["kind"]
    if found != kind:
        raise InputError(
            f"{folder} holds {found} rows, and this method learns from {kind} rows; name another data=FOLDER."
        )


def style_note(recipe: Recipe) -> str:
    """A sentence where the rows were built for another kind of model than the base, else nothing."""
    style = load_index(recipe.data).get("style")
    if recipe.base == BUNDLED and style in ("chat", "completion"):
        return f"The rows in {recipe.data} have style {style}, and the bundled model reads slots: build them with --style slots."
    if recipe.base != BUNDLED and style == "slots":
        return (
            f"The rows in {recipe.data} have style slots, which the bundled model alone reads: build them with --style chat "
            "or completion."
        )
    return ""


def texts(row: dict[str, Any], tokenizer: Any, style: str, answer: str = "completion") -> tuple[str, str]:
    """(prompt, answer) as the model reads them. Chat: both through the tokenizer's template, end of turn included.

    Raises ``InputError`` where the row lacks one of them.
    """
    prompt, wanted = row.get("prompt"), row.get(answer)
    if not isinstance(prompt, str) or not isinstance(wanted, str):
        raise InputError(f"A row has no prompt or no {answer}: {json.dumps(row)[:80]}; build the data set again.")
    system = row.get("system")
    if style == "plain":
        return (f"{system}\n\n{prompt}" if system else prompt), wanted
    asked = [{"role": "system", "content": system}] if system else []
    asked.append({"role": "user", "content": prompt})
    before = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": wanted}], tokenize=False)
    if not whole.startswith(before):
        raise InputError("The base model's chat template changes the prompt once it is answered; give style=plain.")
    return before, whole[len(before) :]


def encode(row: dict[str, Any], tokenizer: Any, recipe: Recipe) -> dict[str, list[int]] | None:
    """``input_ids`` and ``labels`` of a row, or None where its prompt leaves no room.

    Causal: both hold prompt and completion, with ``IGNORED`` as the prompt's labels. Encoder-decoder: the prompt, and
    the completion.
    """
    asked, answer = texts(row, tokenizer, recipe.style)
    plain = recipe.style == "plain"
    end = [tokenizer.eos_token_id] if plain else []  # a template ends its turns itself
    completion = [*tokenizer(answer, add_special_tokens=False)["input_ids"], *end]
    if isinstance(recipe, Seq2Seq):
        prompt = tokenizer(asked)["input_ids"]
        if len(prompt) > recipe.max_length:
            return None
        return {"input_ids": prompt, "labels": completion[: recipe.max_target]}
    prompt = tokenizer(asked, add_special_tokens=plain)["input_ids"]
    if plain and prompt and prompt[-1] == tokenizer.eos_token_id and not asked.endswith(tokenizer.eos_token):
        prompt = prompt[:-1]  # some tokenizers end whatever they read
    if len(prompt) + min(ROOM, len(completion)) > recipe.max_length:
        return None
    completion = completion[: recipe.max_length - len(prompt)]
    return {"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion}


def load_encoded(recipe: Sft | Seq2Seq, split: Split, tokenizer: Any, cache: Path, limit: int | None = None) -> Any:
    """The split as a ``datasets.Dataset`` of ``encode``'s columns, kept under ``cache`` and made once for all processes.

    Raises ``InputError`` where no row is left.
    """
    import datasets
    from accelerate import PartialState

    datasets.disable_progress_bars()

    def encoded() -> Iterator[dict[str, list[int]]]:
        made = 0
        for row in rows(recipe.data, split, recipe.tasks):
            if limit is not None and made >= limit:
                return
            if (found := encode(row, tokenizer, recipe)) is not None:
                made += 1
                yield found

    if next(encoded(), None) is None:
        raise InputError(
            f"No {split} row of {recipe.data} fits into max_length={recipe.max_length}; raise max_length"
            f"{' or name other tasks' if recipe.tasks else ''}."
        )
    ids = datasets.List(datasets.Value("int32"))
    with PartialState().main_process_first():
        return generated(
            datasets, encoded, datasets.Features({"input_ids": ids, "labels": ids}), cache,
            [split, limit, content_hash(recipe.data), recipe.model_dump_json(), str(tokenizer)],
        )  # fmt: skip


def generated(datasets: Any, generator: Any, features: Any, cache: Path, key: list[Any]) -> Any:
    """A data set made by ``generator``, found again by ``key``: what a generator closes over is no key to rely on."""
    fingerprint = hashlib.sha256(json.dumps(key, default=str).encode()).hexdigest()[:32]
    try:
        return datasets.Dataset.from_generator(
            generator, features=features, cache_dir=str(cache), fingerprint=fingerprint
        )
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from error
        if error.__cause__ is not None:
            raise error.__cause__ from error  # a full disk, say
        raise


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
