"""The engine that runs a Llama model inside Fabula, on the CPU, with nothing but onnxruntime.

The prompt is run once; its cache is shared out to the candidates, which are decoded as one batch. Invariant: candidate
``i`` of a request depends on the model, the prompt, the sampling and (seed, i), and on nothing else: not on how many
candidates there are, nor on what was asked before. Nothing is written to disk and nothing is fetched.

What the numbers mean: ``tokens`` and ``logprob`` cover every token that was drawn, those of a stop string included,
except the token that ends the text. ``logprob`` is the model's own, before penalty, mask and temperature.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from agents.engines.base import Completion, OnText, Prompt, Request, Style
from agents.engines.metrics import Counts
from prompts.errors import EngineError, ModelMissing

BUNDLED: Final = Path(__file__).resolve().parent.parent / "models" / "small"


class EmbeddedEngine:
    """A model from ``folder`` (packed, or an ordinary Hugging Face Llama folder), the bundled one by default.

    ``threads`` is the number of cores to compute with. Safe to call from several threads, one request runs at a time;
    ``on_text`` is called while the engine is busy, so it must not call the engine's model itself.
    """

    name = "embedded"

    def __init__(
        self,
        folder: Path | None = None,
        threads: int | None = None,
        compute: Literal["float", "int8"] | None = None,
    ) -> None:
        # Imported here, so that importing the agents costs nothing to those who use a server.
        from agents.engines import decoder, packed

        folder = BUNDLED if folder is None else folder
        model = packed.read(folder)
        self.model = model.name
        self.style: Style = model.style
        self.context = min(model.config.context, decoder.MAX_CONTEXT)
        self._config = model.config
        self._max_rows = decoder.MAX_ROWS
        self._tokenizer = _tokenizer(folder)
        self._silent = {*model.config.eos, *([] if model.config.pad is None else [model.config.pad])}
        self._tokens: Any = None  # llguidance's table, made when a constraint is first used
        self.prompt_counts = Counts()
        """Prompt tokens so far, each prompt counted once, and those of them that the one before had left in the cache."""
        self._lock = threading.Lock()
        self._decoder: decoder.Decoder | None = decoder.Decoder(model, threads, compute)

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        """See ``Engine``. Candidates are decoded in batches of up to 16."""
        with self._lock:
            model = self._running()
            ids = self._encode(request.prompt, request.sampling.max_tokens)
            grammar = self._grammar(request)
            first = self._prefill(model, ids)
            done: list[Completion] = []
            for begin in range(0, request.n, self._max_rows):
                numbers = range(begin, min(begin + self._max_rows, request.n))
                batch = [self._candidate(request, i, grammar, on_text) for i in numbers]
                _decode(model, batch, first, len(ids))
                done += [candidate.completion(len(ids)) for candidate in batch]
            return tuple(done)

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        """See ``Engine``; the prompt is run once. The end of a text is not scored."""
        from agents.engines.sampling import log_probability

        with self._lock:
            model = self._running()
            tokens = [self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
            ids = self._encode(prompt, max((len(t) for t in tokens), default=0))
            first = self._prefill(model, ids)
            scores: list[list[float]] = []
            for text in tokens:
                rows = [first, *(model.follow(text[:-1]) if len(text) > 1 else [])]
                scores.append([log_probability(row, token) for row, token in zip(rows, text, strict=False)])
            return scores

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def close(self) -> None:
        with self._lock:
            self._decoder = None

    def _prefill(self, model: Any, ids: list[int]) -> Any:
        first = model.prefill(ids)
        self.prompt_counts += Counts(asked=len(ids), remembered=model.reused, prompt=len(ids))
        return first

    def _running(self) -> Any:
        if self._decoder is None:
            raise EngineError("The embedded engine was closed; open a new one.")
        return self._decoder

    def _encode(self, prompt: Prompt, room: int) -> list[int]:
        ids: list[int] = self._tokenizer.encode(prompt.joined()).ids
        if not ids:
            raise EngineError("The prompt is empty; give the model something to go on from.")
        if len(ids) + room > self.context:
            raise EngineError(
                f"The prompt takes {len(ids)} tokens and {room} more are asked for, but {self.model} has room for "
                f"{self.context}; shorten the prompt or ask for less."
            )
        if max(ids) >= self._config.vocab:
            raise ModelMissing(
                f"The tokenizer of {self.model} is not that of its weights; copy the whole model folder."
            )
        return ids

    def _grammar(self, request: Request) -> Any:
        if request.json_schema is None and request.regex is None:
            return None
        if request.json_schema is not None and request.regex is not None:
            raise EngineError("A request takes a JSON schema or a regex, not both; leave one out.")
        from agents.engines.constraint import Grammar, token_table

        if self._tokens is None:
            self._tokens = token_table(self._tokenizer, self._config.vocab, self._config.eos)
        return Grammar(self._tokens, request.json_schema, request.regex)

    def _candidate(self, request: Request, number: int, grammar: Any, on_text: OnText | None) -> _Candidate:
        from agents.engines.sampling import generator
        from agents.engines.writer import Writer

        listener = on_text if number == 0 else None
        return _Candidate(
            request=request,
            random=generator(request.seed, number),
            writer=Writer(self._tokenizer, request.sampling.stop, listener),
            matcher=None if grammar is None else grammar.matcher(),
            open_tokens=self._open_tokens(request),
            silent=self._silent,
            eos=self._config.eos,
        )

    def _open_tokens(self, request: Request) -> NDArray[np.bool_] | None:
        """bool [vocab], False for the banned tokens; None when nothing is banned."""
        banned = [i for i in map(self._tokenizer.token_to_id, request.ban) if i is not None and i < self._config.vocab]
        if not banned:
            return None
        mask = np.ones(self._config.vocab, np.bool_)
        mask[banned] = False
        return mask


@dataclass
class _Candidate:
    """One continuation in the making."""

    request: Request
    random: np.random.Generator
    writer: Any
    matcher: Any
    open_tokens: NDArray[np.bool_] | None
    silent: set[int]
    eos: tuple[int, ...]
    drawn: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finish: Literal["stop", "length"] | None = None

    def take(self, logits: NDArray[np.float32]) -> None:
        """Draw the next token from ``logits`` [vocab] and see whether the text is at its end."""
        from agents.engines.sampling import draw, log_probability

        token = draw(logits, self.request.sampling, self.drawn, self.random, self._allowed())
        if token in self.eos:
            self.finish = "stop"
            return
        self.drawn.append(token)
        self.logprob += log_probability(logits, token)
        stopped = token not in self.silent and self.writer.push(token)
        complete = self.matcher is not None and self.matcher.take(token)
        if stopped or complete:
            self.finish = "stop"
        elif len(self.drawn) >= self.request.sampling.max_tokens:
            self.finish = "length"

    def completion(self, prompt_tokens: int) -> Completion:
        return Completion(
            text=self.writer.finish(),
            tokens=len(self.drawn),
            prompt_tokens=prompt_tokens,
            logprob=self.logprob,
            finish=self.finish or "length",
        )

    def _allowed(self) -> NDArray[np.bool_] | None:
        if self.matcher is None:
            return self.open_tokens
        allowed: NDArray[np.bool_] = self.matcher.allowed()
        return allowed if self.open_tokens is None else allowed & self.open_tokens


def _decode(model: Any, batch: list[_Candidate], first: NDArray[np.float32], position: int) -> None:
    """Draw until every candidate of ``batch`` is finished. ``first`` [vocab] are the logits after the prompt."""
    for candidate in batch:
        candidate.take(first)
    rows = list(range(len(batch)))  # which candidate each row of the cache writes
    model.fork(len(rows))
    while True:
        alive = [row for row, number in enumerate(rows) if batch[number].finish is None]
        if not alive:
            return
        if len(alive) < len(rows):
            model.keep(alive, position)
            rows = [rows[row] for row in alive]
        logits = model.step([batch[number].drawn[-1] for number in rows], position)
        position += 1
        for row, number in enumerate(rows):
            batch[number].take(logits[row])


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelMissing(f"{folder} has no tokenizer.json; copy the whole model folder.")
    try:
        tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:
        raise ModelMissing(f"{path} is not a tokenizer ({error}); fetch the model again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
