"""The three kinds of text data set, and what each row of them must have.

    sft         prompt, completion, task (and "system" where it is apart from the prompt)
    responses   prompt, responses: [{text, score, author?}, ...]
    preference  prompt, chosen, rejected, chosen_score, rejected_score

Every row also has ``group`` (the book, author or prompt by which train and held are split), ``source`` and ``licence``.
Invariant: a row in which ``fault_of`` finds nothing can be trained on.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, get_args

Kind = Literal["sft", "responses", "preference"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
_TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "sft": ("prompt", "completion", "task"),
    "responses": ("prompt",),
    "preference": ("prompt", "chosen", "rejected"),
}
_NUMBERS: Final[dict[str, tuple[str, ...]]] = {"preference": ("chosen_score", "rejected_score")}


def fault_of(row: dict[str, Any], kind: Kind) -> str:
    """What is wrong with a row of this kind, in a few words; empty where nothing is."""
    for name in (*_TEXTS[kind], "group", "source"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            return f"no {name}"
    for name in _NUMBERS.get(kind, ()):
        if not is_number(row.get(name)):
            return f"no number as {name}"
    if kind == "responses":
        responses = row.get("responses")
        if not isinstance(responses, list) or not responses:
            return "no responses"
        for response in responses:
            text, score = (response.get("text"), response.get("score")) if isinstance(response, dict) else (None, None)
            if not isinstance(text, str) or not text.strip():
                return "a response without text"
            if not is_number(score):
                return "a response without a score"
    return ""


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that can be a score."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def texts_of(row: dict[str, Any]) -> list[str]:
    """Every text of a row that makes it the row that it is."""
    texts = [row[name] for name in ("prompt", "completion", "chosen", "rejected") if name in row]
    return [*texts, *(response["text"] for response in row.get("responses", ()))]
