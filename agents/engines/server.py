"""Any OpenAI-compatible endpoint: vLLM, llama-server, Ollama, LM Studio, a hosted API.

It finds out how the model wants to be asked, and leaves out what a server refuses and a story can do without. Invariant:
``complete`` returns ``request.n`` texts or raises an ``EngineError``; the story that asked is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.engines import dialects
from agents.engines.base import Completion, OnText, Prompt, Request, Style
from agents.engines.client import KEY_VARIABLES, RETRIES, TIMEOUT, Client, Unreadable, refusal
from agents.engines.dialects import PromptStyle
from prompts.errors import EngineError, NoStructuredOutput

if TYPE_CHECKING:
    import openai

__all__ = ["KEY_VARIABLES", "ServerEngine"]

_CONTROL = "<|write|>"  # one token for the bundled model and its children, several for all others
_STRUCTURED = ("response_format", "json_schema", "structured", "guided", "grammar")
_TOKENIZER = Path(__file__).parent.parent / "models" / "small" / "tokenizer.json"
_LISTED = 8
"""Models that a message names: a hosted interface has hundreds."""
_ADAPTED = 12
"""How often one call is put differently before its refusal stands."""


class ServerEngine:
    """``model`` at ``url`` (with its ``/v1``). An empty ``model`` takes the first one that is served.

    ``prompt`` is how the model is asked (agents/engines/dialects.py). Raises ``ServerUnreachable`` when nobody answers
    there, and ``EngineError`` for a model that is not served.
    """

    name = "server"

    def __init__(
        self, url: str, model: str = "", *, prompt: PromptStyle = "auto", key_variable: str | None = "",
        timeout: float = TIMEOUT, retries: int = RETRIES,
    ) -> None:  # fmt: skip
        self.url = url
        self._client = Client(url, key_variable, timeout, retries)
        try:
            self.model = self._chosen(model, self.models())
        except BaseException:
            self.close()
            raise
        self._certain = prompt != "auto"
        if prompt == "auto":
            prompt = "slots" if self._client.token_count(self.model, _CONTROL) == 1 else "chat"
        self.prompt: PromptStyle = prompt
        self.style: Style = "slots" if prompt == "slots" else "plain"
        self._dropped: set[str] = set()
        self._renamed = False
        self._ids: dict[str, int | None] = {}

    def models(self) -> list[str]:
        """The names of the models that the server offers."""
        return self._client.models()

    def _chosen(self, model: str, served: list[str]) -> str:
        """The model to write with: the one that was named, if it is served, else the first."""
        if model and served and model not in served:
            near = get_close_matches(model, served, n=1)
            listed = ", ".join(served[:_LISTED]) + (
                f" and {len(served) - _LISTED} more" if len(served) > _LISTED else ""
            )
            raise EngineError(
                f"The server at {self._client.shown} does not serve {model!r}; "
                + (f"did you mean {near[0]!r}? " if near else "") + f"It serves {listed}."
            )  # fmt: skip
        if not model and not served:
            raise EngineError(
                f"The server at {self._client.shown} serves no model; load one there, or name it with --model."
            )
        return model or served[0]

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        """Usually one call for all ``request.n`` candidates; a server that gives fewer at once is asked for the rest, and
        where it fails then, those that came are returned.

        Text is streamed only when somebody listens, since a stream costs CPU time for every token. Raises
        ``NoStructuredOutput`` when the server takes no JSON schema.
        """
        shown = _Shown(on_text) if on_text else None
        found: list[Completion] = []
        while len(found) < request.n:
            rest = request.model_copy(update={"n": request.n - len(found), "seed": request.seed + len(found)})
            try:
                found += self._client.call(partial(self._ask, rest, None if found else shown))
            except EngineError:
                if not found:
                    raise
                break  # what was delivered is paid for: fewer candidates are better than paying twice
        return tuple(found[: request.n])

    def _ask(self, request: Request, shown: _Shown | None) -> list[Completion]:
        """One call, put differently as long as the server says what it does not like."""
        import openai

        for _ in range(_ADAPTED):
            made = dialects.arguments(request, self.prompt, self.model, self._banned(request))
            made = dialects.without(made, self._dropped, self._renamed)
            try:
                return self._stream(made, shown) if shown else self._whole(made, request.n)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not self._adapt(error, made, request):
                    raise
        raise EngineError(f"The server at {self._client.shown} refuses every form of this request; look at its log.")

    def _adapt(self, error: openai.APIStatusError, made: dict[str, Any], request: Request) -> bool:
        """Take a refusal to heart; False where nothing can be done about it."""
        said = refusal(error)
        low = said.lower()
        if "chat template" in low and self.prompt == "chat" and not self._certain:
            self.prompt = "completion"
            return True
        if "max_completion_tokens" in low and not self._renamed:
            self._renamed = True
            return True
        if (request.json_schema or request.regex) and any(word in low for word in _STRUCTURED):
            raise NoStructuredOutput(
                f"The server at {self._client.shown} takes no JSON schema for {self.model!r}; choose another model for this role."
            ) from error
        part = dialects.refused_part(said, made)
        if part and part not in self._dropped:
            self._dropped.add(part)
            return True
        return False

    def _whole(self, made: dict[str, Any], n: int) -> list[Completion]:
        answer = self._client.post("/completions" if "prompt" in made else "/chat/completions", made)
        if not answer.choices:
            raise Unreadable
        used = getattr(answer, "usage", None)
        share = used.completion_tokens // len(answer.choices) if used else 0
        return [
            dialects.completion_of(choice, share, used.prompt_tokens if used else 0)
            for choice in sorted(answer.choices, key=lambda choice: getattr(choice, "index", 0) or 0)
        ]

    def _stream(self, made: dict[str, Any], shown: _Shown) -> list[Completion]:
        """Every candidate from one stream; the first is shown as it grows."""
        api = self._client.api
        asked = {**made, "stream": True, "timeout": self._client.streaming}
        if "stream_options" not in self._dropped:
            asked["stream_options"] = {"include_usage": True}
        grown: dict[int, _Growing] = {}
        prompt_tokens = 0
        shown.begin()
        for chunk in (api.completions if "prompt" in made else api.chat.completions).create(**asked):
            prompt_tokens = chunk.usage.prompt_tokens if getattr(chunk, "usage", None) else prompt_tokens
            for choice in chunk.choices or ():
                growing = grown.setdefault(choice.index or 0, _Growing())
                piece = growing.feed(choice)
                if piece and not choice.index:
                    shown.feed(piece)
        if not grown:
            raise Unreadable
        return [grown[index].done(prompt_tokens, self) for index in sorted(grown)]

    def _banned(self, request: Request) -> list[int]:
        """Token ids of the slots that must not be drawn, as far as the server tells them."""
        if self.prompt != "slots":
            return []
        for slot in request.ban:
            if slot not in self._ids:
                ids = self._client.token_ids(self.model, slot)
                self._ids[slot] = ids[0] if ids and len(ids) == 1 else None
        return [token for slot in request.ban if (token := self._ids[slot]) is not None]

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        """Not in the interface that these servers share, so this raises ``EngineError``."""
        raise EngineError("A server cannot score a given text; use the embedded engine for that.")

    def count_tokens(self, text: str) -> int:
        """Exact for the bundled model and its children; else an estimate, a token for every four characters.

        The servers have no common way to count, and asking one for every sentence would take longer than it is worth.
        """
        if self.style == "slots":
            return len(_bundled_tokenizer().encode(text, add_special_tokens=False).ids)
        return -(-len(text) // 4)

    def close(self) -> None:
        self._client.close()


class _Growing:
    """One candidate of a stream."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.logprobs: list[float] = []
        self.finish = ""

    def feed(self, choice: Any) -> str:
        delta = getattr(choice, "delta", None)
        piece = (choice.text if delta is None else delta.content) or ""
        self.pieces.append(piece)
        self.logprobs += dialects.log_probabilities(choice)
        self.finish = choice.finish_reason or self.finish
        return piece

    def done(self, prompt_tokens: int, engine: ServerEngine) -> Completion:
        text = "".join(self.pieces)
        return Completion(
            text=text, tokens=len(self.logprobs) or engine.count_tokens(text), prompt_tokens=prompt_tokens,
            logprob=sum(self.logprobs) if self.logprobs else None, finish="length" if self.finish == "length" else "stop",
        )  # fmt: skip


class _Shown:
    """What somebody has seen of a text. A stream that is begun again shows only what goes on from there."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text, self._seen, self._text = on_text, "", ""

    def begin(self) -> None:
        self._text = ""

    def feed(self, piece: str) -> None:
        self._text += piece
        if len(self._text) > len(self._seen) and self._text.startswith(self._seen):
            new, self._seen = self._text[len(self._seen) :], self._text
            self._on_text(new)


@cache
def _bundled_tokenizer() -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(_TOKENIZER))
