"""Reading what a model wrote when nothing held it to a form: JSON in whatever wrapping, or lines of ``key: value``.

Invariant: no text raises anything here. What cannot be read gives nothing, and the caller says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

import json_repair

# More than any answer of use. json_repair takes a millisecond a bracket where a model wrote nothing but brackets.
_LONGEST, _MOST_BRACKETS = 100_000, 1_000
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
# Some servers leave the opening mark to the prompt. A string in JSON has no line end, so none is cut in two by the second form.
_THOUGHT = re.compile(r"\s*<think>.*?</think>|.*</think>[ \t]*\n", re.DOTALL)
_BULLET = re.compile(r"^(?:[-*•+>#|]+|\(?\d+[.):])\s+")
_KEYED = re.compile(r"^([A-Za-z][A-Za-z _-]{0,30}?)\s*\d{0,3}\s*[:=]\s*(.*)$")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def objects(text: str) -> Iterator[Any]:
    """The JSON objects and arrays that ``text`` can be read as, the likeliest reading first, some more than once.

    The text itself, what stands in a fence, what begins at the first bracket, and then the same mended: trailing commas,
    single quotes, comments, quotes within strings, an end that is missing.
    """
    for value in _readings(_answer(text)):
        if isinstance(value, dict | list) and value:
            tidy = None
            with suppress(RecursionError):  # nested a thousand deep, which is no answer
                tidy = _tidy(value)
            if tidy is not None:
                yield tidy


def pairs(text: str, keys: Collection[str]) -> list[tuple[str, str]]:
    """The lines of ``text`` as (key, value): the key is one of ``keys``, ``"#"`` for another line with a number or a bullet,
    and ``""`` for the rest. Keys may have another case and a number behind them; emphasis, fences and empty lines go.
    """
    found = []
    for row in _answer(text).splitlines():
        bare = re.sub(r"\*\*|__|`", "", row).strip()
        numbered = _BULLET.match(bare) is not None
        line = _tidy(_BULLET.sub("", bare))
        if not line:
            continue
        keyed = _KEYED.match(line)
        key = re.sub(r"[ _-]+", " ", keyed[1]).strip().lower() if keyed else ""
        if keyed and key in keys:
            found.append((key, keyed[2].strip().strip('"')))
        else:
            found.append(("#" if numbered else "", line))
    return found


def whole_part(text: str) -> str:
    """``text``, which a token limit cut off, up to its last closed JSON object, or to its last whole line without one.

    What was being written at the cut looks like a value and is half of one.
    """
    begin = text.find("{")
    if begin < 0:
        return text.rpartition("\n")[0]
    end, quoted, escaped = 0, False, False
    for index in range(begin, len(text)):
        sign = text[index]
        if escaped or (quoted and sign == "\\"):
            escaped = not escaped
        elif sign == '"':
            quoted = not quoted
        elif sign == "}" and not quoted:
            end = index + 1
    return text[:end]


def _answer(text: str) -> str:
    """Without what a reasoning model thought aloud, and of bounded length."""
    found = _THOUGHT.match(text)
    return text[found.end() if found else 0 :][:_LONGEST]


def _readings(text: str) -> Iterator[Any]:
    fences = [match[1].strip() for match in _FENCE.finditer(text)]
    yield _strict(text.strip())
    for part in (text, *fences):
        yield _strict(_from_bracket(part), more=True)
    for body in filter(None, map(_from_bracket, (*fences, text))):
        # What follows the last bracket is talk; where there is none, the end is missing and is made up for.
        for part in {body[: body.rfind("}") + 1] or body: 0, body: 0}:
            value = _mended(part)
            yield value
            if isinstance(value, list) and body.startswith("{"):  # the object, and what was made of the talk behind it
                yield from value
    yield from _within(text)


def _from_bracket(text: str) -> str:
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    # A list of objects is one reading; a bracket in the talk before an object is not.
    at = min(starts, default=-1)
    if at >= 0 and text[at] == "[" and not re.match(r"\[\s*\{", text[at:]):
        at = text.find("{")
    return text[at:] if at >= 0 else ""


def _strict(text: str, more: bool = False) -> Any:
    """``text`` as JSON, None where it is none; with ``more``, whatever may follow it."""
    try:
        return json.JSONDecoder().raw_decode(text)[0] if more else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mended(text: str) -> Any:
    if text.count("{") + text.count("[") > _MOST_BRACKETS:
        return None
    try:
        return json_repair.loads(text, skip_json_loads=True)
    except Exception:  # it promises to read everything, and what it raises where it can't is nowhere said
        return None


def _within(text: str) -> Iterator[Any]:
    """Every outermost object, wherever it stands: for talk that has brackets of its own."""
    at, tried = text.find("{"), 0
    while at >= 0 and tried < 100:
        tried += 1
        try:
            value, end = json.JSONDecoder().raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _tidy(value: Any) -> Any:
    """``value`` with every string on one line and free of what no database and no file keeps."""
    if isinstance(value, str):
        return " ".join(_UNPRINTABLE.sub(" ", value).split())
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, dict):
        return {_tidy(key): _tidy(item) for key, item in value.items()}
    return value
