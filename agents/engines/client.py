"""Calls to an OpenAI-compatible server: asked again where that helps, and explained in one sentence where it doesn't.

The key comes from the environment and is never stored or logged. Invariant: every failure leaves as an ``EngineError``
with one sentence that names the endpoint and says what to do, and a call whose answer has come is never made again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from prompts.errors import EngineError, ServerUnreachable

if TYPE_CHECKING:
    import openai
    import tenacity

T = TypeVar("T")
KEY_VARIABLES = ("FABULA_API_KEY", "OPENAI_API_KEY")
UNNAMED = "name the environment variable that holds it in the key_variable of the role's own settings"
"""What to do where a role's own server wants a key and none was given for it."""
RETRIES = 7
"""Tries after the first one. With waits of 0.5, 1, 2 ... 20 s they last about 50 s: the time in which a server restarts."""
TIMEOUT = 600.0
"""Seconds that a whole answer may take, and STALL the longest silence within a stream."""
STALL = 120.0
_CONNECT_SECONDS = 5.0
_PASSING = {408, 429, 500, 502, 503, 504}
_FIRST_CONTACT = 2  # a wrong address should be told at once
_LONGEST_WAIT = 120.0  # whatever a server asks for with Retry-After
# More than the stories in flight; httpx keeps 100 connections by default.
_CONNECTIONS = 512
_IDLE_SECONDS = 2.0  # vLLM ends a connection that was idle for five, perhaps just as a call goes out on it


class Unreadable(Exception):
    """An answer that came whole and holds no text."""


class Client:
    """A server at ``url`` (with its ``/v1``). ``key_variable`` names the environment variable that holds its key.

    Empty, ``KEY_VARIABLES`` are looked into; None, no key is sent, whatever the environment holds.
    ``sleep`` waits between tries (seconds).
    """

    def __init__(
        self, url: str, key_variable: str | None = "", timeout: float = TIMEOUT, retries: int = RETRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        import httpx2
        import openai

        self.url, self.retries, self._sleep = url, retries, sleep
        self.shown = without_secrets(url)
        self.names = () if key_variable is None else (key_variable,) if key_variable else KEY_VARIABLES
        self._key = next((os.environ[name] for name in self.names if os.environ.get(name)), "none")
        limits = httpx2.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_IDLE_SECONDS
        )
        whole = httpx2.Timeout(timeout, connect=_CONNECT_SECONDS)
        self.streaming = httpx2.Timeout(timeout, connect=_CONNECT_SECONDS, read=min(timeout, STALL))
        self._http = httpx2.Client(limits=limits, timeout=whole)
        # The waiting is done here, so that streams and empty answers are asked for again like all the rest.
        self.api = openai.OpenAI(
            base_url=url, api_key=self._key, max_retries=0, timeout=whole, http_client=self._http
        )  # fmt: skip

    def models(self) -> list[str]:
        """The names of the models that the server offers. Raises ``ServerUnreachable`` soon when nobody answers."""
        return self.call(lambda: [model.id for model in self.api.models.list().data], min(self.retries, _FIRST_CONTACT))

    def token_count(self, model: str, text: str) -> int | None:
        """How many tokens a vLLM server makes of ``text``; None from a server that doesn't tell.

        Raises ``ServerUnreachable`` when it doesn't answer at all: that says nothing of what it could tell.
        """
        import httpx2

        try:
            ids = self.call(lambda: self.token_ids(model, text), min(self.retries, _FIRST_CONTACT))
        except ServerUnreachable as error:
            if isinstance(error.__cause__, httpx2.HTTPStatusError):
                return None  # a server that has no such path may say so in any way
            raise
        return None if ids is None else len(ids)

    def token_ids(self, model: str, text: str) -> list[int] | None:
        """The tokens that a vLLM server makes of ``text``; None from a server that doesn't tell. To be called within ``call``.

        Raises ``httpx2.HTTPError`` for what may pass: taken for a no, it would change how a story is written.
        """
        root = self.url.rstrip("/").removesuffix("/v1")
        answer = self._http.post(
            f"{root}/tokenize", json={"model": model, "prompt": text, "add_special_tokens": False},
            headers={"Authorization": f"Bearer {self._key}"}, timeout=_CONNECT_SECONDS,
        )  # fmt: skip
        if answer.status_code in _PASSING:
            answer.raise_for_status()
        try:
            tokens = answer.json()["tokens"] if answer.status_code == 200 else None
        except (ValueError, KeyError, TypeError):
            return None
        return tokens if isinstance(tokens, list) and all(isinstance(token, int) for token in tokens) else None

    def post(self, path: str, made: dict[str, Any]) -> SimpleNamespace:
        """The answer to a call whose arguments are those of the client library. To be called within ``call``.

        Its own classes for arguments and answers are left out: building them takes more time than all else of a call does.
        """
        import httpx2

        body = {name: value for name, value in made.items() if name != "extra_body"} | made.get("extra_body", {})
        answer = self.api.post(path, cast_to=httpx2.Response, body=body)
        read = json.loads(answer.content, object_hook=lambda found: SimpleNamespace(**found))
        if not isinstance(read, SimpleNamespace):
            raise Unreadable
        return read

    def call(self, act: Callable[[], T], retries: int | None = None) -> T:
        """What ``act`` returns; it is done again while its failure may pass. Raises ``EngineError``."""
        import tenacity

        tries = (self.retries if retries is None else retries) + 1
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(tries), wait=_wait, sleep=self._sleep, reraise=True,
            retry=tenacity.retry_if_exception(_may_pass),
        )  # fmt: skip
        with _explained(self):
            return retrying(act)

    def close(self) -> None:
        self.api.close()


def without_secrets(url: str) -> str:
    """An address for people: without a user's password and without a query, where keys are sometimes put."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else host + parts.path


def _may_pass(error: BaseException) -> bool:
    """Whether the same call may well succeed in a while."""
    import httpx2
    import openai

    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"  # nobody waits for money
    if isinstance(error, openai.APIStatusError):
        return error.status_code in {408, 409} or error.status_code >= 500
    # What can't be read may come from a proxy whose server is just starting, an error within a stream from one that fails.
    return isinstance(
        error,
        openai.APIError | httpx2.HTTPError | Unreadable | ValueError
        | AttributeError | TypeError,
    )  # fmt: skip


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds until the next try: 0.5 and twice as many each time, up to 20, with jitter; more if the server asks for it."""
    import tenacity

    jittered = float(tenacity.wait_random_exponential(multiplier=0.5, max=20)(state))
    backoff: float = max(jittered, min(0.25 * 2.0 ** int(state.attempt_number), 10.0))
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    try:
        return min(max(backoff, float(asked)), _LONGEST_WAIT)
    except ValueError:
        return backoff


class _explained:  # noqa: N801 - reads as a statement: with _explained(client)
    """Turn the client library's errors into one sentence each."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import httpx2
        import openai

        url = self.client.shown
        if isinstance(error, openai.APIConnectionError):
            raise ServerUnreachable(
                f"No answer from the server at {url}; start it or correct the address, then try again."
            ) from error
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            wants = f"another key; set {self.client.names[0]}" if self.client.names else f"a key; {UNNAMED}"
            raise EngineError(f"The server at {url} wants {wants}.") from error
        if isinstance(error, openai.NotFoundError):
            raise EngineError(
                f"The server at {url} no longer has what was asked for ({_reason(error, self.client._key)}); load the "
                "model there again or choose another, then continue the story."
            ) from error
        if isinstance(error, openai.APIStatusError):
            raise EngineError(
                f"The server at {url} refused the request ({error.status_code}): {_reason(error, self.client._key)}"
            ) from error
        if isinstance(error, httpx2.HTTPError):
            raise ServerUnreachable(
                f"The server at {url} broke off its answer; look at its log, then continue the story."
            ) from error
        if isinstance(error, Unreadable):
            raise EngineError(
                f"The server at {url} answered without a text; look at its log, then continue the story."
            ) from error
        # Attribute and type errors come from answers of another shape: the client library hands them on unchecked.
        if isinstance(error, openai.OpenAIError | ValueError | AttributeError | TypeError):
            raise EngineError(f"The answer of the server at {url} cannot be read: is it OpenAI-compatible?") from error


def _reason(error: openai.APIStatusError, key: str) -> str:
    """What the server says of its refusal, on one line; some servers repeat the key, which is left out."""
    return " ".join(refusal(error).replace(key, "***").split())[:300]


def refusal(error: openai.APIStatusError) -> str:
    """The server's own words."""
    body: Any = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    message = inner.get("message") if isinstance(inner, dict) else None
    return str(message or error.message)
