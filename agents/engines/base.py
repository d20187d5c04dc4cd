"""What an engine is: something that continues a prompt, says how likely a text is, and counts tokens.

The agents know engines only by this protocol. Invariant: a request with a seed gives the same completions every time on
the same engine and model, whatever else the engine is doing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

Style = Literal["slots", "plain"]
OnText = Callable[[str], None]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampling(_Frozen):
    """How the next token is drawn. Temperature 0 is greedy; ``top_k`` 0, ``top_p`` 1 and ``min_p`` 0 switch each one off.

    ``repetition_penalty`` counts what was drawn; servers and the offline engine count the prompt's tokens as well.
    """

    temperature: float = Field(0.8, ge=0, le=5)
    top_k: int = Field(0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    min_p: float = Field(0.0, ge=0, lt=1)
    repetition_penalty: float = Field(1.0, ge=1, le=3)
    max_tokens: int = Field(256, ge=1)
    stop: tuple[str, ...] = ()


class Prompt(_Frozen):
    """A rendered prompt. Chat models get ``system`` and ``text`` as two messages, others the two joined by a blank line."""

    text: str
    system: str = ""

    def joined(self) -> str:
        return f"{self.system}\n\n{self.text}" if self.system else self.text


class Request(_Frozen):
    """One call: ``n`` continuations of ``prompt``; candidate ``i`` is drawn with a seed derived from (``seed``, ``i``).

    ``json_schema`` or ``regex`` (not both) constrain the text. ``ban`` names vocabulary tokens that must not be drawn (the
    slots of entities that are off stage); engines without a token mask ignore it.
    """

    prompt: Prompt
    sampling: Sampling = Sampling()
    n: int = Field(1, ge=1, le=64)
    seed: int = 0
    json_schema: dict[str, Any] | None = None
    regex: str | None = None
    ban: tuple[str, ...] = ()


class Completion(_Frozen):
    """One continuation. ``logprob`` is the sum over its ``tokens`` tokens, in nats, or None where the engine can't say."""

    text: str
    tokens: int
    prompt_tokens: int = 0
    logprob: float | None = None
    finish: Literal["stop", "length"] = "stop"


@runtime_checkable
class Engine(Protocol):
    """The five things that every engine can do. ``model`` names the model for the journal and the trace."""

    name: str
    model: str
    style: Style

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        """Return ``request.n`` completions. ``on_text`` gets the text of candidate 0 as it grows, piece by piece.

        Raises ``EngineError`` (or a child of it) when the model cannot run or does not answer.
        """
        ...

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        """Log-probabilities (nats) of every token of each text after ``prompt``."""
        ...

    def count_tokens(self, text: str) -> int:
        """Length of ``text`` in this model's tokens."""
        ...

    def close(self) -> None:
        """Free what the engine holds; calling it twice is fine."""
        ...
