"""An engine without a model, for tests, demonstrations and measuring what the planner itself costs.

It answers every kind of request that the agents make, from the words of the prompt and the seed alone. Invariant: equal
requests get equal answers, and no answer depends on the length of the story.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from agents.engines.base import Completion, OnText, Prompt, Request, Style

Script = Callable[[Request, int], str]
_WHO = re.compile(r"^On stage: (.*?)\. Nobody", re.MULTILINE)
_SO_FAR = re.compile(r"^Summary so far: (.*)$", re.MULTILINE)
_VERBS = ("looked at", "waited for", "asked about", "listened to", "thought of", "spoke of", "turned to", "wrote down")
_THINGS = (
    "the rain",
    "the far road",
    "an old song",
    "the open door",
    "the next morning",
    "a long silence",
    "the light",
)
_WORDS: dict[str, tuple[str, ...]] = {
    "role": ("baker", "ferry pilot", "gardener"), "trait": ("stubborn", "curious", "proud"),
    "goal": ("to find the truth", "to come home", "to keep a promise"), "name": ("Ada", "Bert", "Cleo", "Dov"),
    "happens": ("They meet and disagree.", "Something is lost.", "The truth comes out."), "change": ("they know more",),
}  # fmt: skip


class ScriptedEngine:
    """``script`` (request, candidate number → text) overrides the built-in answers; ``calls`` counts what was asked.

    The variable ``SCRIPTED_DELAY`` (seconds) makes every call take time, and ``SCRIPTED_LOG`` (a path) gets a line with a digest
    of every request before it is answered: with them a test can kill a run in the midst of a call and count calls made twice.
    """

    name = "scripted"
    style: Style = "plain"

    def __init__(self, script: Script | Sequence[str] | None = None, model: str = "scripted-1") -> None:
        self.model = model
        self.calls = 0
        self.prompt_tokens = 0
        self._lines = iter(script) if isinstance(script, Sequence) else None
        self._script: Script = script if callable(script) else answer

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        self.calls += 1
        if log := os.environ.get("SCRIPTED_LOG"):
            with open(log, "a", encoding="ascii") as file:
                file.write(digest(request.prompt.text, request.seed) + "\n")
        time.sleep(float(os.environ.get("SCRIPTED_DELAY", "0")))
        length = self.count_tokens(request.prompt.joined())
        self.prompt_tokens += length
        texts = [
            next(self._lines) if self._lines is not None else self._script(request, index) for index in range(request.n)
        ]
        if on_text:
            for word in re.findall(r"\S+\s*", texts[0]):
                on_text(word)
        return tuple(
            Completion(
                text=text, tokens=self.count_tokens(text), prompt_tokens=length, logprob=-float(self.count_tokens(text))
            )
            for text in texts
        )

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        return [[-1.0] * self.count_tokens(text) for text in texts]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None:
        return


def digest(prompt: str, seed: int) -> str:
    """What tells two calls apart."""
    return hashlib.blake2b(f"{seed}/{prompt}".encode(), digest_size=8).hexdigest()


def answer(request: Request, index: int) -> str:
    """The built-in answer: JSON for a schema, a title, a summary, or a paragraph about who is on stage."""
    rng = random.Random(f"{request.seed}/{index}")
    text = request.prompt.text
    if request.json_schema is not None:
        return json.dumps(instance(request.json_schema, rng))
    if text.endswith("Title:"):
        return f"The {rng.choice(('Last', 'First', 'Hidden', 'Second'))} {rng.choice(('Door', 'Letter', 'Winter', 'Road'))}"
    if so_far := _SO_FAR.search(text):
        kept = [] if so_far.group(1).startswith("(") else re.findall(r"[^.]+\.", so_far.group(1))[-5:]
        return " ".join([*(sentence.strip() for sentence in kept), f"Then came {rng.choice(_THINGS)}."])
    who = _WHO.search(text)
    people = who.group(1).split(", ") if who else ["They"]
    lines = [
        f"{_capital(rng.choice(people))} {rng.choice(_VERBS)} {rng.choice(_THINGS)}." for _ in range(rng.randint(6, 9))
    ]
    return " ".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def instance(schema: dict[str, Any], rng: random.Random, key: str = "") -> Any:
    """A value that fits the parts of JSON Schema which Fabula's own schemas use."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema["type"] == "object":
        return {name: instance(part, rng, name) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        parts = schema.get("prefixItems") or [schema["items"]] * schema.get("minItems", 1)
        return [instance(part, rng, key) for part in parts]
    if key in {"places", "things"} or "(the" in schema.get("pattern", ""):
        return rng.choice(("the mill", "the harbour", "the old road", "the clock tower"))
    return rng.choice(_WORDS.get(key, ("something",)))
