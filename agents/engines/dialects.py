"""How a request is put to a server: as a chat, as a text to go on with, or in the bundled model's own slots.

``PromptStyle`` "chat" is for models with a chat template, "completion" for base models, "slots" for the bundled model and
what was fine-tuned from it; "auto" finds out. Invariant: all of them render the same prompt, and only what differs from a
server's defaults is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from agents.engines.base import Completion, Request

PromptStyle = Literal["auto", "chat", "completion", "slots"]
PROMPT_STYLES: tuple[PromptStyle, ...] = ("auto", "chat", "completion", "slots")
# What some servers refuse and a story can do without; the most dispensable last.
OPTIONAL = (
    "logprobs", "seed", "top_k", "min_p", "repetition_penalty", "n", "logit_bias", "stream_options", "top_p", "temperature"
)  # fmt: skip
_BANNED = -100  # the least that the interface allows: never drawn


def arguments(request: Request, style: PromptStyle, model: str, banned: Iterable[int] = ()) -> dict[str, Any]:
    """The body of a call in ``style``, as the client library takes it; ``banned`` are token ids."""
    sampling = request.sampling
    made: dict[str, Any] = {
        "model": model, "n": request.n, "seed": request.seed, "temperature": sampling.temperature,
        "top_p": sampling.top_p, "max_tokens": sampling.max_tokens, **_prompt(request, style),
    }  # fmt: skip
    extra: dict[str, Any] = {}
    # Sampling that OpenAI's API lacks goes in the body, as vLLM, llama-server and others read it.
    if sampling.top_k:
        extra["top_k"] = sampling.top_k
    if sampling.min_p:
        extra["min_p"] = sampling.min_p
    if sampling.repetition_penalty != 1:
        extra["repetition_penalty"] = sampling.repetition_penalty
    stop = [*sampling.stop]
    if style == "slots":
        # Slots and control tokens are special tokens, and are the text.
        extra |= {"add_special_tokens": False, "skip_special_tokens": False, "spaces_between_special_tokens": False}
    elif style == "completion" and request.json_schema is None and request.regex is None:
        stop.append("\n\n")  # a base model would write on and on
    if stop:
        made["stop"] = stop
    if bias := {str(token): _BANNED for token in banned}:
        made["logit_bias"] = bias
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": request.json_schema}
        form = {"type": "json_schema", "json_schema": schema}
        (made if style == "chat" else extra)["response_format"] = form
    if request.regex is not None:
        extra["structured_outputs"] = {"regex": request.regex}
    return made | ({"extra_body": extra} if extra else {})


def _prompt(request: Request, style: PromptStyle) -> dict[str, Any]:
    if style == "chat":
        messages = [{"role": "system", "content": request.prompt.system}] if request.prompt.system else []
        return {"messages": [*messages, {"role": "user", "content": request.prompt.text}], "logprobs": True}
    # A base model goes on best on a new line; the small model was taught to go on at once.
    joined = request.prompt.joined()
    return {"prompt": joined if style == "slots" else joined.rstrip("\n") + "\n", "logprobs": 1}


def without(made: Mapping[str, Any], dropped: Iterable[str], renamed: bool) -> dict[str, Any]:
    """The body without what this server refuses; ``renamed``: it calls max_tokens max_completion_tokens."""
    gone = set(dropped)
    kept = {name: value for name, value in made.items() if name not in gone}
    if extra := {name: value for name, value in made.get("extra_body", {}).items() if name not in gone}:
        kept["extra_body"] = extra
    else:
        kept.pop("extra_body", None)
    if renamed and "max_tokens" in kept:
        kept["max_completion_tokens"] = kept.pop("max_tokens")
    return kept


def refused_part(message: str, made: Mapping[str, Any]) -> str | None:
    """Which dispensable part of the body a server's refusal speaks of; None where it is about something else."""
    present = {**made, **made.get("extra_body", {})}
    for name in OPTIONAL:
        word = rf"['\"`]{name}['\"`]" if len(name) < 3 else rf"\b{name}\b"  # an n alone may stand anywhere
        if name in present and re.search(word, message):
            return name
    return None


def completion_of(choice: Any, tokens: int, prompt_tokens: int) -> Completion:
    """A choice of either interface. ``tokens`` is what to say where the choice does not list them."""
    message = getattr(choice, "message", None)
    text = choice.text if message is None else message.content
    listed = log_probabilities(choice)
    return Completion(
        text=text or "", tokens=len(listed) if listed else tokens, prompt_tokens=prompt_tokens,
        logprob=sum(listed) if listed else None, finish="length" if choice.finish_reason == "length" else "stop",
    )  # fmt: skip


def log_probabilities(choice: Any) -> list[float]:
    """Of each token of a choice or a piece of one, nats; empty where the server does not say."""
    found = getattr(choice, "logprobs", None)
    if not found:
        return []
    if getattr(found, "token_logprobs", None):
        return [value for value in found.token_logprobs if value is not None]
    return [token.logprob for token in getattr(found, "content", None) or ()]
