"""Settings and where each came from: defaults, the user's fabula.toml, the project's, the environment, then flags.

Invariant: what is used has been validated whole, and every value knows its source. No setting ever holds a key: keys are
read from the environment where they are used.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prompts.errors import InputError

FILE = "fabula.toml"
PREFIX = "FABULA_"
# Read from the environment by others: credentials, and what tests set.
_NOT_SETTINGS = {"FABULA_API_KEY", "FABULA_TEST_POSTGRES", "FABULA_TEST_VLLM", "FABULA_VLLM_PYTHON"}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Write(_Section):
    """How stories are written unless a flag says otherwise."""

    arc: str = "three-act"
    """Arc shape, or the path of a YAML file with one of your own."""
    paragraphs: Annotated[int, Field(ge=3, le=100_000)] = 10
    n: Annotated[int, Field(ge=0, le=64)] = 0
    """Candidates drawn for each paragraph; the best is kept. 0: what suits the engine (24 bundled, 4 served)."""
    revisions: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a draft with continuity errors is written anew."""
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, lt=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    repetition_penalty: Annotated[float, Field(ge=1, le=3)] | None = None
    max_tokens: Annotated[int, Field(ge=16, le=4096)] | None = None
    """Longest paragraph, in tokens of the model."""


class Settings(_Section):
    """Everything that can be set, with its default. ``fabula config`` shows each value and its source."""

    library: str = ""
    """Path of the story library, or a postgresql:// URL; empty: in the platform's data folder."""
    engine: Literal["embedded", "server", "scripted"] = "embedded"
    model: str = ""
    """A model folder (embedded) or a model's name (server); empty: the bundled model, or the first that is served."""
    server: str = "http://127.0.0.1:8000/v1"
    """Address of an OpenAI-compatible endpoint."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads of the embedded engine; 0: as many as there are cores, at most 4."""
    write: Write = Write()


@dataclass(frozen=True)
class Layer:
    """Settings from one source, flat: ``write.n`` → value."""

    source: str
    values: Mapping[str, Any]
    path: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """The merged settings and, for every key, the source that won."""

    settings: Settings
    sources: Mapping[str, str]


def load(flags: Mapping[str, Any] | None = None, folder: Path | None = None) -> Loaded:
    """Read every layer and merge them. Flags that are None were not given.

    Raises ``InputError`` that names the file and line, the variable or the flag which cannot be used.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers = [
        *_file_layer(user_file()), *_file_layer((folder or Path.cwd()) / FILE), _environment_layer(os.environ),
        Layer("flag", given),
    ]  # fmt: skip
    merged: dict[str, Any] = {}
    sources = {key: "default" for key, _ in flat(Settings().model_dump())}
    for layer in layers:
        for key, value in layer.values.items():
            if key not in sources:
                raise InputError(f"{_where(layer, key)}: there is no setting {key!r}{_near(key, sources)}")
            merged[key], sources[key] = value, layer.source
            try:  # one at a time, so that the message can name its source
                Settings.model_validate(_nested({key: value}))
            except ValidationError as error:
                raise InputError(f"{_what(layer, key, value)}: {_reason(error)}.") from error
    return Loaded(Settings.model_validate(_nested(merged)), sources)


def user_file() -> Path:
    """Where a user's own settings stand on this platform."""
    return platformdirs.user_config_path("fabula") / FILE


def flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested settings as dotted keys."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *path, leaf = key.split(".")
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
        inner[leaf] = value
    return nested


def _file_layer(path: Path) -> list[Layer]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The settings file {path} cannot be read: {error}.") from error
    try:
        return [Layer(str(path), dict(flat(tomllib.loads(text))), path)]
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The settings file {path} is not TOML: {error}.") from error


def _environment_layer(environment: Mapping[str, str]) -> Layer:
    """``FABULA_WRITE__N=4`` sets ``write.n``. Text is turned into numbers by validation."""
    values = {
        name.removeprefix(PREFIX).lower().replace("__", "."): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in _NOT_SETTINGS
    }
    return Layer("environment", values)


def _where(layer: Layer, key: str) -> str:
    if layer.path:
        leaf = key.rsplit(".", 1)[-1]
        lines = layer.path.read_text(encoding="utf-8").splitlines()
        number = next(
            (i for i, line in enumerate(lines, 1) if line.split("=")[0].strip().strip('"[]') in {leaf, key}), 0
        )
        return f"The settings file {layer.path}" + (f", line {number}" if number else "")
    if layer.source == "environment":
        return f"The variable {PREFIX}{key.upper().replace('.', '__')}"
    return f"--{key.rsplit('.', 1)[-1].replace('_', '-')}"


def _what(layer: Layer, key: str, value: object) -> str:
    """Where a value stands and what it is, as the person wrote it."""
    if layer.source == "flag":
        return f"{_where(layer, key)} {value}"
    return f"{_where(layer, key)}: {key.rsplit('.', 1)[-1]} = {value!r}"


_REASONS = {
    "greater_than_equal": "at least {ge:,g}", "greater_than": "more than {gt:,g}", "less_than_equal": "at most {le:,g}",
    "less_than": "less than {lt:,g}", "int_parsing": "a whole number", "int_type": "a whole number",
    "int_from_float": "a whole number", "float_parsing": "a number", "float_type": "a number", "string_type": "text",
    "literal_error": "{expected}",
}  # fmt: skip


def _reason(error: ValidationError) -> str:
    """What a value must be, in plain words."""
    first = error.errors()[0]
    wanted = _REASONS.get(first["type"])
    return f"the value must be {wanted.format(**first.get('ctx', {}))}" if wanted else first["msg"]


def _near(key: str, known: Mapping[str, str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
