"""A model as it is judged: it writes texts for a prompt, and says how likely a text is after one.

Opened from a few words: ``bundled``, ``server:URL`` or ``server:URL#MODEL``, ``offline:MODEL``, ``embedded:FOLDER``,
``scripted``, or the folder of a run, of an adapter, of a packed or a Hugging Face model, or an id on the Hub. Invariant: the
losses of all models are of the same tokens' worth of text: the text alone, neither its prompt nor the mark of its end.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Protocol

from agents.engines import open_engine
from agents.engines.base import Engine, Prompt, Request, Sampling
from finetune.judge.cases import Case
from prompts.errors import EngineError, InputError

_ENGINES: Final = ("bundled", "scripted", "embedded", "server", "offline")


class TooLong(EngineError):
    """A text to be scored doesn't fit into the model's context."""


class Speaker(Protocol):
    """``scores`` is False for a model that can only write."""

    scores: bool

    def write(self, case: Case, n: int, sampling: Sampling, seed: int) -> list[str]:
        """``n`` texts for the case's prompt; equal seeds give equal texts. Raises ``EngineError``."""
        ...

    def losses(self, case: Case, text: str) -> list[float]:
        """Negative log-probabilities, in nats, of the tokens of ``text`` after the case's prompt.

        Raises ``TooLong`` for a text that doesn't fit, ``EngineError`` when the model cannot run.
        """
        ...

    def close(self) -> None: ...


def open_speaker(spec: str) -> Speaker:
    """Raises ``InputError`` or ``EngineError`` for a model that is not there or cannot run."""
    kind = spec.partition(":")[0]
    if kind in _ENGINES or (Path(spec) / "fabula.json").is_file():
        return EngineSpeaker(open_named(spec))
    from finetune.judge.local import LocalSpeaker

    return LocalSpeaker(spec)


def open_named(spec: str) -> Engine:
    """The engine that ``spec`` names; a bare folder is a packed model. Raises ``InputError`` where it names none."""
    kind, _, rest = spec.partition(":")
    if kind == "bundled":
        return open_engine("embedded")
    if kind == "server":
        url, _, model = rest.partition("#")
        if not url:
            raise InputError(f"{spec} names no address; give server:http://host:port/v1 or server:URL#MODEL.")
        return open_engine("server", model, url)
    if kind in _ENGINES:
        return open_engine(kind, rest)
    if (Path(spec) / "fabula.json").is_file():
        return open_engine("embedded", spec)
    raise InputError(
        f"{spec} is no engine; give bundled, server:URL, server:URL#MODEL, offline:MODEL, embedded:FOLDER or scripted."
    )


def seed_of(case: Case, seed: int) -> int:
    """A seed of its own for each case, whichever cases there are beside it."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{case.id}".encode(), digest_size=4).digest(), "big") >> 1


class EngineSpeaker:
    """One of Fabula's engines. A prompt too long for a model of a known context is shortened from its beginning."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.scores = engine.name != "server"

    def write(self, case: Case, n: int, sampling: Sampling, seed: int) -> list[str]:
        prompt = self._prompt(case, sampling.max_tokens)
        done = self.engine.complete(Request(prompt=prompt, sampling=sampling, n=n, seed=seed_of(case, seed)))
        if len(done) < n:
            raise EngineError(f"{self.engine.model} gave {len(done)} texts of {n}; try again, what was made is kept.")
        return [completion.text for completion in done]

    def losses(self, case: Case, text: str) -> list[float]:
        room = self.engine.count_tokens(text)
        if room + 3 > (getattr(self.engine, "context", None) or room + 3):
            raise TooLong(f"A text of {room} tokens doesn't fit into the context of {self.engine.model}.")
        return [-value for value in self.engine.score(self._prompt(case, room), [text])[0]]

    def close(self) -> None:
        self.engine.close()

    def _prompt(self, case: Case, room: int) -> Prompt:
        prompt = Prompt(text=case.prompt, system=case.system)
        context = getattr(self.engine, "context", None)
        if context is None:
            return prompt
        words = prompt.joined().split(" ")
        while len(words) > 1 and self.engine.count_tokens(" ".join(words)) + room + 2 > context:
            words = words[max(1, len(words) // 20) :]
        return prompt if len(words) == len(prompt.joined().split(" ")) else Prompt(text=" ".join(words))
