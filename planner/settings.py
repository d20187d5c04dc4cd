"""Settings and where each came from: defaults, the user's fabula.toml, the project's, the environment, then flags.

Invariant: what is used has been validated whole, and every value knows its source. No setting ever holds a key: keys are
read from the environment where they are used.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from planner.options import ROUTING, Roles, RoleSettings, Settings
from prompts.errors import InputError

FILE = "fabula.toml"
PREFIX = "FABULA_"
STORY = "story"
# Read from the environment by others: credentials, and what tests set.
_NOT_SETTINGS = {"FABULA_API_KEY", "FABULA_TEST_POSTGRES", "FABULA_TEST_VLLM", "FABULA_VLLM_PYTHON"}


@dataclass(frozen=True)
class Layer:
    """Settings from one source, flat: ``write.n`` → value. None unsets what an earlier layer set."""

    source: str
    values: Mapping[str, Any]
    path: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """The merged settings and, for every key, the source that won."""

    settings: Settings
    sources: Mapping[str, str]


def load(
    flags: Mapping[str, Any] | None = None, folder: Path | None = None, story: Mapping[str, Any] | None = None
) -> Loaded:
    """Read every layer and merge them. Flags that are None were not given.

    ``story`` is what a story remembers of its routing (planner/routing.py); flags alone win over it. Flags of the command
    line are for every role. Raises ``InputError`` that names the file and line, the variable or the flag which cannot be
    used.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers = [
        *_file_layer(user_file()), *_file_layer((folder or Path.cwd()) / FILE), _environment_layer(os.environ),
        Layer(STORY, story or {}), Layer("flag", given),
    ]  # fmt: skip
    keys = {value for layer in layers for key, value in layer.values.items() if key.endswith("key_variable")}
    merged: dict[str, Any] = {}
    sources = {key: "default" for key, _ in flat(Settings().model_dump())}
    for layer in layers:
        values = dict(layer.values)
        if layer.source == "flag":
            for key in _overruled(given, merged):
                del merged[key]
                sources[key] = "default"
            values |= _for_roles_away(given, merged)
        for key, value in values.items():
            if layer.source == "environment" and f"{PREFIX}{key.upper().replace('.', '__')}" in keys:
                continue  # a key that some setting names, not a setting
            if key not in sources:
                raise InputError(f"{_where(layer, key)}: {_unknown(key, sources)}")
            if value is None:
                merged.pop(key, None)
                sources[key] = "default"
                continue
            merged[key], sources[key] = value, layer.source
            try:  # one at a time, so that the message can name its source
                Settings.model_validate(_nested({key: value}))
            except ValidationError as error:
                raise InputError(f"{_what(layer, key, value)}: {reason(error)}.") from error
    return Loaded(Settings.model_validate(_nested(merged)), sources)


def _overruled(flags: Mapping[str, Any], merged: Mapping[str, Any]) -> list[str]:
    """Roles' settings that give way to flags: a flag is for every role.

    A role's own model, prompt style, adapter and key go with the engine and the server that they were named for.
    """
    gone: set[str] = set()
    for role in Roles.model_fields:
        own = {key: merged[f"roles.{role}.{key}"] for key in ROUTING if f"roles.{role}.{key}" in merged}
        lost = set(own) & set(flags)
        engine = own.get("engine") or ("server" if own.get("server") else merged.get("engine", "embedded"))
        if flags.get("engine", engine) != engine:
            lost = set(own)
        elif "model" in flags:
            lost |= set(own) & {"adapter"}  # it was made for another model
        if "server" in lost:
            lost |= set(own) & {"key_variable"}  # a key is for the server that it was given for
        gone |= {f"roles.{role}.{key}" for key in lost}
    written = {f"roles.generator.{key.removeprefix('write.')}" for key in flags if key.startswith("write.")}
    return sorted(gone | (written & set(merged)))


def _for_roles_away(flags: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """A flag's model for the roles that would not take it from the top level, being on an engine or a server of their own."""
    away = [role for role in Roles.model_fields if {f"roles.{role}.engine", f"roles.{role}.server"} & set(merged)]
    return {f"roles.{role}.model": flags["model"] for role in away if "model" in flags}


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
        number = _line(layer.path.read_text(encoding="utf-8").splitlines(), key)
        return f"The settings file {layer.path}" + (f", line {number}" if number else "")
    if layer.source == "environment":
        return f"The variable {PREFIX}{key.upper().replace('.', '__')}"
    if layer.source == STORY:
        return f"The story's own {key}"
    return f"--{key.rsplit('.', 1)[-1].replace('_', '-')}"


def _line(lines: list[str], key: str) -> int:
    """The line on which ``key`` is set in a TOML file; 0 when it is not to be found."""
    section = ""
    alike = 0
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[] ").replace('"', "") + "."
        name = text.split("=")[0].strip().strip('"[]')
        if key in {f"{section}{name}", name}:
            return number
        alike = alike or number * (name == key.rsplit(".", 1)[-1])
    return alike


def _what(layer: Layer, key: str, value: object) -> str:
    """Where a value stands and what it is, as the person wrote it; never what may be a key."""
    if key.endswith("key_variable"):
        return f"{_where(layer, key)}: key_variable"
    if layer.source == "flag":
        return f"{_where(layer, key)} {value}"
    return f"{_where(layer, key)}: {key.rsplit('.', 1)[-1]} = {value!r}"


_REASONS = {
    "greater_than_equal": "at least {ge:,g}", "greater_than": "more than {gt:,g}", "less_than_equal": "at most {le:,g}",
    "less_than": "less than {lt:,g}", "int_parsing": "a whole number", "int_type": "a whole number",
    "int_from_float": "a whole number", "float_parsing": "a number", "float_type": "a number", "string_type": "text",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "the name of an environment variable, such as TOGETHER_API_KEY; keys stay out of settings",
}  # fmt: skip


def reason(error: ValidationError) -> str:
    """What a value must be, in plain words."""
    first = error.errors()[0]
    wanted = _REASONS.get(first["type"])
    return f"the value must be {wanted.format(**first.get('ctx', {}))}" if wanted else first["msg"]


def _unknown(key: str, known: Mapping[str, str]) -> str:
    """That there is no such setting, with the one that was probably meant."""
    match key.split("."):
        case ["roles", role, *_] if role not in Roles.model_fields:
            return f"there is no role {role!r}{_near(role, Roles.model_fields, ', '.join(Roles.model_fields))}"
        case ["roles", role]:
            return f"roles.{role} has settings of its own, such as roles.{role}.model."
        case ["roles", role, leaf]:
            near = _near(leaf, RoleSettings.model_fields, ", ".join(RoleSettings.model_fields))
            return f"there is no setting {leaf!r} of a role{near}"
    return f"there is no setting {key!r}{_near(key, known)}"


def _near(key: str, known: Iterable[str], otherwise: str = "") -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; choose {otherwise}." if otherwise else "."
