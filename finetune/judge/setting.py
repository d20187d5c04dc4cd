"""An evaluation's folder: what is judged on which prompts and how, fixed when it is begun.

``OUT/evaluation.json`` holds the settings and the models, ``OUT/cases.jsonl`` the prompts, ``OUT/NAME/`` what a model made.
Invariant: everything in the folder was made under one set of settings; models may be added, nothing may be changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.engines.base import Sampling
from finetune.data.folder import load_index
from finetune.judge.cases import Case, draw_cases
from finetune.whole import write_whole
from prompts.errors import InputError

FILE: Final = "evaluation.json"
PEOPLE: Final = "people"
"""The name under which the references stand, as texts to win against and as a row of the table."""
_NAME: Final = re.compile(r"[\w][\w.+-]{0,59}")


class Settings(BaseModel):
    """``rows`` prompts, ``samples`` texts each; of the first ``ranked`` prompts it is asked whether a model tells them from
    ``rivals`` others. ``judge`` is an engine, which compares each model's first text with that of ``against``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    data_hash: str = ""
    task: str = ""
    rows: int = Field(50, ge=1)
    samples: int = Field(4, ge=1, le=64)
    seed: int = Field(0, ge=0)
    ranked: int = Field(20, ge=0)
    rivals: int = Field(9, ge=1)
    sampling: Sampling = Sampling(temperature=1.0)
    judge: str = ""
    against: str = PEOPLE


@dataclass(frozen=True)
class Evaluation:
    """``models`` maps a name to where the model is."""

    out: Path
    settings: Settings
    models: dict[str, str]
    cases: tuple[Case, ...]

    def path(self, name: str, file: str) -> Path:
        return self.out / name / file


def named_models(specs: list[str]) -> dict[str, str]:
    """``[NAME=]MODEL`` as name and model; a name is taken from the model where none is given. Raises ``InputError``."""
    found: dict[str, str] = {}
    for given in specs:
        name, mark, spec = given.partition("=")
        if not mark or "/" in name or ":" in name:
            spec = given
            name = re.sub(r"[^\w.+-]+", "-", Path(given.rpartition("#")[2] or given).name).strip("-.") or "model"
        if not _NAME.fullmatch(name) or name == PEOPLE:
            raise InputError(
                f"A model can't be called {name!r}; give --model NAME=MODEL with a name of letters and digits."
            )
        if name in found:
            raise InputError(f"Two models are called {name}; name them: --model NAME=MODEL.")
        if spec.partition("#")[0] == "server:":
            raise InputError(f"{spec} names no address; give server:http://host:port/v1 or server:URL#MODEL.")
        if not spec:
            raise InputError(f"--model {given} names no model; give --model NAME=MODEL.")
        found[name] = spec
    return found


def begin(out: Path, data: Path | None, given: Mapping[str, Any], models: Mapping[str, str]) -> Evaluation:
    """The evaluation in ``out``, new or gone on with. ``given`` are the settings that somebody named (None: not named).

    Raises ``InputError`` where they are not those that it was begun with, where nothing says what to judge, and for settings
    that are out of range.
    """
    wished = {key: value for key, value in given.items() if value is not None}
    kept = _kept(out)
    if kept is None:
        if data is None or not models:
            raise InputError(
                f"There is no evaluation in {out} to go on with; begin one: fabula eval DATA --model MODEL --out {out}"
            )
        settings, known = _new(data, wished), dict(models)
        if PEOPLE != settings.against not in known:
            raise InputError(f"--against {settings.against} is none of the models ({', '.join(known)}), nor {PEOPLE}.")
        cases = draw_cases(data, settings.rows, settings.seed, settings.task)
        _write(out, settings, known, cases)
        return Evaluation(out, settings, known, cases)
    settings, known = kept
    if data is not None and (found := load_index(data).get("hash", "")) != settings.data_hash:
        raise InputError(
            f"{out} was begun on other data ({settings.data}, {settings.data_hash[:12]}, not {found[:12]}); give another --out."
        )
    settings = _same(out, settings, wished)
    for name, spec in models.items():
        if known.setdefault(name, spec) != spec:
            raise InputError(f"In {out}, {name} is {known[name]}; give {spec} another name: --model NAME={spec}.")
    cases = _read_cases(out)
    _write(out, settings, known, None)
    return Evaluation(out, settings, known, cases)


def _new(data: Path, wished: Mapping[str, Any]) -> Settings:
    flat = {key: value for key, value in wished.items() if key in Settings.model_fields}
    drawn = {"temperature": 1.0} | {key: value for key, value in wished.items() if key in Sampling.model_fields}
    try:
        made = Settings(
            data=str(data), data_hash=str(load_index(data).get("hash", "")), sampling=Sampling(**drawn), **flat
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}, not {first['input']!r}."
        ) from error
    if made.sampling.temperature == 0 and made.samples > 1:
        raise InputError("At temperature 0 all samples are the same; give --samples 1, or a temperature.")
    return made


def _same(out: Path, settings: Settings, wished: Mapping[str, Any]) -> Settings:
    """The settings that were kept, a judge added if there was none; raises ``InputError`` where others are wished."""
    if not settings.judge and wished.get("judge"):
        settings = settings.model_copy(
            update={"judge": wished["judge"], "against": wished.get("against", settings.against)}
        )
    now = settings.model_dump() | settings.sampling.model_dump()
    for key, value in wished.items():
        if now[key] != value:
            flag = key.replace("_", "-")
            raise InputError(
                f"{out} was begun with {flag} {now[key]}, not {value}; give another --out, or leave --{flag} out."
            )
    return settings


def _kept(out: Path) -> tuple[Settings, dict[str, str]] | None:
    path = out / FILE
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        return Settings.model_validate(made["settings"]), dict(made["models"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} can't be read; give another --out, or remove the folder.") from error


def _read_cases(out: Path) -> tuple[Case, ...]:
    path = out / "cases.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return tuple(Case(r["id"], r["prompt"], tuple(r["references"]), r["system"]) for r in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged; give another --out, or remove the folder.") from error


def forget(evaluation: Evaluation, name: str) -> None:
    """Take a model out that could not be opened and of which nothing is kept, so that its name is free again."""
    if any(evaluation.path(name, "").glob("*.jsonl")):
        return
    settings, known = _kept(evaluation.out) or (evaluation.settings, dict(evaluation.models))
    left = {key: spec for key, spec in known.items() if key != name}
    if left:
        _write(evaluation.out, settings, left, None)
    else:
        (evaluation.out / FILE).unlink(missing_ok=True)  # nothing was judged: it can be begun anew, with other settings


def _write(out: Path, settings: Settings, models: dict[str, str], cases: tuple[Case, ...] | None) -> None:
    """Cases first: a folder with settings is whole."""
    files = {FILE: json.dumps({"settings": settings.model_dump(mode="json"), "models": models}, indent=1) + "\n"}
    if cases is not None:
        files = {"cases.jsonl": "".join(json.dumps(asdict(case)) + "\n" for case in cases), **files}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_whole(out / name, text)
    except OSError as error:
        raise InputError(f"The evaluation can't be written to {out}: {error.strerror}.") from error
