"""Any OpenAI-compatible endpoint: vLLM, llama-server, Ollama, LM Studio, a hosted API.

The key comes from the environment and is never stored or logged. Invariant: every failure to answer is an ``EngineError``
with one sentence that names the endpoint and says what to do; the story that asked is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from agents.engines.base import Completion, OnText, Prompt, Request, Style
from prompts.errors import EngineError, ServerUnreachable

if TYPE_CHECKING:
    import openai

KEY_VARIABLES = ("FABULA_API_KEY", "OPENAI_API_KEY")
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 600.0
# More than the stories in flight; httpx keeps 100 connections by default.
_CONNECTIONS = 512


class ServerEngine:
    """Chat completions of ``model`` at ``url`` (with its ``/v1``). An empty ``model`` takes the first one that is served.

    Raises ``ServerUnreachable`` when nobody answers there.
    """

    name = "server"
    style: Style = "plain"

    def __init__(self, url: str, model: str = "", retries: int = 3) -> None:
        import httpx2
        import openai

        self.url = url
        key = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), "none")
        limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        timeout = httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        http = httpx2.Client(limits=limits, timeout=timeout)
        self._client = openai.OpenAI(base_url=url, api_key=key, max_retries=retries, timeout=timeout, http_client=http)
        served = self.models()
        if model and served and model not in served:
            raise EngineError(f"The server at {url} does not serve {model!r}; it serves {', '.join(served)}.")
        self.model = model or (served[0] if served else "")
        if not self.model:
            raise EngineError(f"The server at {url} serves no model; load one there, or name it with --model.")

    def models(self) -> list[str]:
        """The names of the models that the server offers."""
        with _explained(self.url, self._client.api_key):
            return [model.id for model in self._client.models.list().data]

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        """One call for all ``request.n`` candidates; only a single candidate is streamed, since streams cost CPU time."""
        with _explained(self.url, self._client.api_key):
            if on_text and request.n == 1:
                return (self._stream(request, on_text),)
            answer = self._client.chat.completions.create(**self._arguments(request))
            used = answer.usage
            completions = tuple(
                Completion(
                    text=choice.message.content or "", tokens=_tokens(choice, used, len(answer.choices)),
                    prompt_tokens=used.prompt_tokens if used else 0, logprob=_logprob(choice),
                    finish="length" if choice.finish_reason == "length" else "stop",
                )
                for choice in answer.choices
            )  # fmt: skip
        if not completions:
            raise EngineError(
                f"The server at {self.url} answered without a text; look at its log, then continue the story."
            )
        if on_text:
            on_text(completions[0].text)
        return completions

    def _arguments(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        extra: dict[str, Any] = {}
        # Sampling that OpenAI's API lacks goes in the body, as vLLM, llama-server and others read it.
        if sampling.top_k:
            extra["top_k"] = sampling.top_k
        if sampling.min_p:
            extra["min_p"] = sampling.min_p
        if sampling.repetition_penalty != 1:
            extra["repetition_penalty"] = sampling.repetition_penalty
        messages = [{"role": "system", "content": request.prompt.system}] if request.prompt.system else []
        messages.append({"role": "user", "content": request.prompt.text})
        arguments: dict[str, Any] = {
            "model": self.model, "messages": messages, "n": request.n, "seed": request.seed, "logprobs": True,
            "temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": sampling.max_tokens,
        }  # fmt: skip
        if sampling.stop:
            arguments["stop"] = list(sampling.stop)
        if request.json_schema is not None:
            schema = {"name": "answer", "schema": request.json_schema}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.regex is not None:
            extra["structured_outputs"] = {"regex": request.regex}
        return arguments | ({"extra_body": extra} if extra else {})

    def _stream(self, request: Request, on_text: OnText) -> Completion:
        pieces: list[str] = []
        finish = "stop"
        total = 0.0
        tokens = 0
        for chunk in self._client.chat.completions.create(**self._arguments(request), stream=True):
            for choice in chunk.choices:
                if choice.delta.content:
                    pieces.append(choice.delta.content)
                    on_text(choice.delta.content)
                if choice.logprobs and choice.logprobs.content:
                    total += sum(token.logprob for token in choice.logprobs.content)
                    tokens += len(choice.logprobs.content)
                finish = choice.finish_reason or finish
        text = "".join(pieces)
        return Completion(
            text=text, tokens=tokens or self.count_tokens(text), logprob=total if tokens else None,
            finish="length" if finish == "length" else "stop",
        )  # fmt: skip

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        """Not in the chat interface of OpenAI-compatible servers, so this raises ``EngineError``."""
        raise EngineError("A chat endpoint cannot score a given text; use the embedded engine for that.")

    def count_tokens(self, text: str) -> int:
        """An estimate, a token for every four characters: the servers have no common way to count."""
        return -(-len(text) // 4)

    def close(self) -> None:
        self._client.close()


def _tokens(choice: Any, used: Any, choices: int) -> int:
    if choice.logprobs and choice.logprobs.content:
        return len(choice.logprobs.content)
    return used.completion_tokens // choices if used else 0


def _logprob(choice: Any) -> float | None:
    logprobs: Iterable[Any] | None = choice.logprobs.content if choice.logprobs else None
    return sum(token.logprob for token in logprobs) if logprobs else None


class _explained:  # noqa: N801 - reads as a statement: with _explained(url)
    """Turn the client library's errors into one sentence each."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import httpx2
        import openai

        if isinstance(error, openai.APIConnectionError):
            raise ServerUnreachable(
                f"No answer from the server at {self.url}; start it or correct the address, then try again."
            ) from error
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            raise EngineError(f"The server at {self.url} wants another key; set {KEY_VARIABLES[0]}.") from error
        if isinstance(error, openai.APIStatusError):
            raise EngineError(
                f"The server at {self.url} refused the request ({error.status_code}): {_reason(error, self.key)}"
            ) from error
        if isinstance(error, httpx2.HTTPError):
            raise ServerUnreachable(
                f"The server at {self.url} broke off its answer; look at its log, then continue the story."
            ) from error
        # Attribute and type errors come from answers of another shape: the client library hands them on unchecked.
        if isinstance(error, openai.OpenAIError | ValueError | AttributeError | TypeError):
            raise EngineError(
                f"The answer of the server at {self.url} cannot be read: is it OpenAI-compatible?"
            ) from error


def _reason(error: openai.APIStatusError, key: str) -> str:
    """What the server says of its refusal, on one line; some servers repeat the key, which is left out."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    message = inner.get("message") if isinstance(inner, dict) else None
    return " ".join(str(message or error.message).replace(key, "***").split())[:300]
