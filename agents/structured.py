"""One structured answer from an engine: asked for by JSON schema, read tolerantly, validated, and asked for once more.

Invariant: what is returned has been validated, and nothing was lost on the way: every call goes through the engine that was
given, so that a journal has all of them, and ``BadOutput`` carries what the model wrote. At most three calls are made, of
which a server that refuses schemas answers only the last two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agents.answers import objects, pairs, whole_part
from agents.engines.base import Completion, Engine, Prompt, Request
from prompts.errors import BadOutput, NoStructuredOutput
from prompts.load import render

M = TypeVar("M", bound=BaseModel)
Pairs = list[tuple[str, str]]
_OTHER_SEED = 7_919
# A rejected answer goes into the prompt that asks again; a model has to read it, and need not read all of a ramble.
_SHOWN = 4_000
_MOST_ROOM = 4_096  # tokens; more than many servers have for an answer
_REASONS = {"missing": "is missing", "string_too_short": "is too short", "string_too_long": "is too long"}


@dataclass(frozen=True)
class Lines:
    """The same question for a model that writes no JSON: its prompt, the ``keys`` that its answer's lines begin with, and what
    makes an object of them (see ``agents.answers.pairs``)."""

    prompt: Prompt
    keys: frozenset[str]
    read: Callable[[Pairs], Any]


@dataclass(frozen=True)
class _Refused:
    """An answer that cannot be used, and why, as the rest of a sentence."""

    raw: str
    reason: str
    cut: bool
    json: bool


def ask(engine: Engine, request: Request, kind: type[M], what: str, lines: Lines | None = None) -> M:
    """The likeliest of ``request.n`` answers that validates as ``kind``.

    Where none does, the engine is asked once more with another seed: a model that reads names is shown its answer and what
    is wrong with it, and is asked for ``lines`` where it wrote no JSON or its server takes no schema. ``what`` names the
    answer in the sentence of the ``BadOutput`` that is raised when that fails too.
    """
    asked = request
    try:
        completions = engine.complete(request)
    except NoStructuredOutput:
        if lines is None:
            raise
        asked = _in_lines(request, lines.prompt)
        completions = engine.complete(asked)
    answer = _likeliest(completions, kind, lines)
    if not isinstance(answer, _Refused):
        return answer
    second = _again(engine, asked, answer, lines)
    try:
        completions = engine.complete(second)
    except NoStructuredOutput:  # the story went on at another server
        if lines is None:
            raise
        completions = engine.complete(_again(engine, _in_lines(second, lines.prompt), answer, lines))
    answer = _likeliest(completions, kind, lines)
    if isinstance(answer, _Refused):
        raise BadOutput(
            f"The model's {what} is not the JSON that was asked for, nor was it when asked again ({answer.reason}); the story "
            "is kept: continue it to ask anew, or with another model.",
            answer.raw,
        )
    return answer


def _in_lines(request: Request, prompt: Prompt) -> Request:
    return request.model_copy(update={"prompt": prompt, "json_schema": None})


def _again(engine: Engine, asked: Request, refused: _Refused, lines: Lines | None) -> Request:
    """The request of the repair turn."""
    changes: dict[str, Any] = {"seed": (asked.seed + _OTHER_SEED) % 2**32}
    if (
        refused.cut and engine.style != "slots"
    ):  # there was too little room, so there is more now; the small model has no more
        tokens = asked.sampling.max_tokens
        room = max(tokens, min(2 * tokens, _MOST_ROOM))
        changes["sampling"] = asked.sampling.model_copy(update={"max_tokens": room})
    if engine.style == "slots":  # it cannot read a complaint; another draw is what helps it
        return asked.model_copy(update=changes)
    in_lines = lines is not None and (asked.json_schema is None or not refused.json)
    prompt = lines.prompt if lines is not None and in_lines else asked.prompt
    system, text = render(
        "repair/lines" if in_lines else "repair/json", "plain", system=prompt.system, question=prompt.text,
        answer=_shown(refused.raw), problem=refused.reason,
    )  # fmt: skip
    changes |= {"prompt": Prompt(system=system, text=text)} | ({"json_schema": None} if in_lines else {})
    return asked.model_copy(update=changes)


def _shown(raw: str) -> str:
    text = raw.strip()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}\n[...]\n{text[-_SHOWN // 2 :]}"


def _likeliest(completions: Sequence[Completion], kind: type[M], lines: Lines | None) -> M | _Refused:
    """The likeliest completion that validates, the earlier one of equals; else why the first one does not."""
    valid: list[tuple[float, M]] = []
    refused: list[_Refused] = []
    for completion in completions:
        answer = _read(completion, kind, lines)
        if isinstance(answer, _Refused):
            refused.append(answer)
        else:
            valid.append(((completion.logprob or 0.0) / max(completion.tokens, 1), answer))
    return max(valid, key=lambda pair: pair[0])[1] if valid else refused[0]


def _read(completion: Completion, kind: type[M], lines: Lines | None) -> M | _Refused:
    text, cut = completion.text, completion.finish == "length"
    whole = whole_part(text) if cut else text
    json = "{" in text
    readings: Iterable[Any] = objects(whole)
    reason = "" if json else "it is not JSON"
    if lines and not json and (found := pairs(whole, lines.keys)):
        readings = chain(readings, [lines.read(found)])
        if any(key in lines.keys for key, _ in found):
            reason = ""  # those lines can be told what they lack
    for value in readings:
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            reason = reason or _sentence(error)
    if cut:
        reason = f"it was cut off after {completion.tokens} tokens"
    return _Refused(text, reason or "it is not JSON", cut, json)


def _sentence(error: ValidationError) -> str:
    """What is wrong, of at most three places, such as ``cast.1.goal is missing``."""
    said = []
    for problem in error.errors(include_url=False, include_input=False)[:3]:
        place = ".".join(map(str, problem["loc"])) or "it"
        reason = _REASONS.get(problem["type"]) or f"is wrong ({problem['msg']})"
        said.append(f"{place} {reason}")
    return ", ".join(said)
