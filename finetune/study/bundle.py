"""A study as a folder: which texts are compared, fixed when it is made.

``STUDY/study.json`` holds the systems, the prompts and the pairs of texts; ``STUDY/ratings/NAME.jsonl`` what each rater
said. Invariant: a study never changes once it is made, so every rating ever given in it stays valid; making one either
writes all of it or nothing.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from finetune.whole import write_whole
from prompts.errors import InputError
from prompts.safe import shortened

VERSION: Final = 1
FILE: Final = "study.json"


@dataclass(frozen=True)
class Pair:
    """One text of each of two systems for one prompt. ``systems`` are in the study's own order, whoever rates."""

    id: str
    prompt: str
    systems: tuple[str, str]
    texts: tuple[str, str]


@dataclass(frozen=True)
class Study:
    """``seed`` fixes which texts were taken and, with a rater's name, in which order they are shown."""

    folder: Path
    seed: int
    systems: tuple[str, ...]
    pairs: tuple[Pair, ...]


def read_outputs(path: Path) -> dict[str, list[str]]:
    """A system's texts by prompt, in the order of the file: JSON lines with ``prompt`` and ``text`` (or ``texts``, or
    ``completion``), such as the samples.jsonl of ``fabula eval``, whose folder will do.

    Raises ``InputError`` for a file that is not there, is empty, or has a line that is no such row.
    """
    found: dict[str, list[str]] = {}
    path = path / "samples.jsonl" if path.is_dir() else path
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    prompt, texts = _row(line, path, number)
                    found.setdefault(prompt, []).extend(texts)
    except OSError as error:
        raise InputError(f"There is no file {path} that can be read.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    if not found:
        raise InputError(f"{path} holds no texts; give JSON lines with prompt and text.")
    return found


def _row(line: str, path: Path, number: int) -> tuple[str, list[str]]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"Line {number} of {path} is not JSON; mend or remove it.") from error
    said = row if isinstance(row, dict) else {}
    prompt, texts = said.get("prompt"), said.get("texts", said.get("text", said.get("completion")))
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(prompt, str) or not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
        raise InputError(f'Line {number} of {path} is no row such as {{"prompt": "...", "text": "..."}}; mend it.')
    if system := said.get("system"):
        prompt = f"{system}\n\n{prompt}"
    return prompt, [text for text in texts if text.strip()]


def make_study(
    folder: Path, outputs: Mapping[str, Mapping[str, list[str]]], seed: int = 0, repeats: int = 1, common: bool = False
) -> Study:
    """Pair the systems' texts prompt by prompt: ``repeats`` pairs for each prompt and each two systems, of different
    samples as far as there are. With ``common`` prompts that not every system has are left out.

    Raises ``InputError`` for fewer than two systems, for prompts that differ, and where ``folder`` holds a study.
    """
    if (folder / FILE).exists():
        raise InputError(f"There is a study in {folder} already; choose another folder.")
    if len(outputs) < 2:
        raise InputError("A study needs the outputs of at least two systems; give --a and --b.")
    names = tuple(outputs)
    pairs: list[Pair] = []
    for prompt in _prompts(outputs, common):
        for one, other in itertools.combinations(names, 2):
            rng = random.Random(f"{seed}/{one}/{other}/{prompt}")
            drawn = [rng.sample(outputs[name][prompt], len(outputs[name][prompt])) for name in (one, other)]
            for k in range(min(repeats, *(len(texts) for texts in drawn))):
                pairs.append(Pair(f"{len(pairs):05}", prompt, (one, other), (drawn[0][k], drawn[1][k])))
    if not pairs:
        raise InputError("The systems have no prompt with a text of each; there is nothing to compare.")
    study = Study(folder, seed, names, tuple(pairs))
    _write(study)
    return study


def _prompts(outputs: Mapping[str, Mapping[str, list[str]]], common: bool) -> list[str]:
    first = next(iter(outputs))
    shared = [prompt for prompt in outputs[first] if all(texts.get(prompt) for texts in outputs.values())]
    if common:
        return shared
    for name, texts in outputs.items():
        for here, there in ((outputs[first], texts), (texts, outputs[first])):
            missing = next((prompt for prompt in here if not there.get(prompt)), None)
            if missing is not None:
                lacks, has = (name, first) if there is texts else (first, name)
                raise InputError(
                    f"The prompts differ: {lacks} has no text for {shortened(missing, 60)!r}, which {has} has; "
                    f"--common compares only the {len(shared)} prompts that all systems have."
                )
    return shared


def _write(study: Study) -> None:
    made = {
        "version": VERSION, "seed": study.seed, "systems": study.systems, "pairs": [asdict(pair) for pair in study.pairs]
    }  # fmt: skip
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
        write_whole(study.folder / FILE, json.dumps(made, indent=1))
    except OSError as error:
        raise InputError(f"The study can't be written to {study.folder}: {error.strerror}.") from error


def load_study(folder: Path) -> Study:
    """Raises ``InputError`` where ``folder`` holds no study, or one that cannot be read."""
    try:
        made: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        pairs = tuple(
            Pair(p["id"], p["prompt"], (p["systems"][0], p["systems"][1]), (p["texts"][0], p["texts"][1]))
            for p in made["pairs"]
        )
        return Study(folder, int(made["seed"]), tuple(made["systems"]), pairs)
    except OSError as error:
        raise InputError(
            f"There is no study in {folder}; make one with: fabula study new {folder} --a FILE --b FILE"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{folder / FILE} is damaged ({error!r}); make the study anew.") from error
