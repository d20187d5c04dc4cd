"""Every model call is written down before its node returns, so a killed run resumes without paying for it twice.

``Recorded`` is an engine like any other. Invariant: the k-th call of one node at one head and attempt is made at most
once; after that its recorded completions answer, whatever the engine would say now.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from agents.engines.base import Completion, Engine, OnText, Prompt, Request, Sampling, Style
from planner.store import CallKey, Library, Output


class Recorded:
    """``engine`` behind the journal. ``tokens`` and ``seconds`` add up what was drawn in fresh calls.

    ``unasked`` says that nothing can be journalled under this key yet, which saves looking it up. ``sampling`` is put over
    that of every request, so the journal tells what the model was really asked; its ``max_tokens`` is a cap, which leaves
    shorter answers as short as they are.
    """

    def __init__(
        self, engine: Engine, role: str, library: Library, key: CallKey, unasked: bool = False,
        sampling: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self._engine, self._role, self._library, self._key, self._unasked = engine, role, library, key, unasked
        self._sampling = dict(sampling or {})
        self.name, self.model = engine.name, engine.model
        self.style: Style = engine.style
        self.calls = 0
        self.tokens = 0
        self.seconds = 0.0

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        key = self._key.model_copy(update={"call": self.calls})
        self.calls += 1
        if self._sampling:
            own = request.sampling.max_tokens
            cap = {"max_tokens": min(own, self._sampling.get("max_tokens", own))}
            drawn = Sampling.model_validate(request.sampling.model_dump() | self._sampling | cap)
            request = request.model_copy(update={"sampling": drawn})
        output = None if self._unasked else self._library.recall(key)
        if output is None:
            begun = time.perf_counter()
            completions = self._engine.complete(request, on_text)
            self.seconds += time.perf_counter() - begun
            self.tokens += sum(completion.tokens for completion in completions)
            made = Output(
                role=self._role, engine=self.name, model=self.model, prompt=request.prompt.text,
                system=request.prompt.system, seed=request.seed,
                request=request.model_dump(mode="json", exclude={"prompt", "seed"}),
                completions=[completion.model_dump(mode="json") for completion in completions],
            )  # fmt: skip
            output = self._library.record(key, made)
            if output is made:
                return completions
        elif on_text:
            on_text(str(output.completions[0]["text"]))
        self.name, self.model = output.engine, output.model  # who really wrote it
        return tuple(Completion.model_validate(completion) for completion in output.completions)

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        return self._engine.score(prompt, texts)

    def count_tokens(self, text: str) -> int:
        return self._engine.count_tokens(text)

    def close(self) -> None:
        self._engine.close()
