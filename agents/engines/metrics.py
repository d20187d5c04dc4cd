"""What a vLLM server counts of its prompts: how much of them it remembered from earlier ones.

Invariant: a server that counts nothing, or doesn't answer at once, is no error: then there is nothing to report. No key is
sent: vLLM tells these numbers to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SECONDS = 2.0
_LARGEST = 8 * 2**20  # bytes; a server's metrics are some hundred kilobytes
# A sample of Prometheus' text format: a name, labels in braces perhaps, a value.
_SAMPLE = re.compile(r"^vllm:(\w+?)(?:_total)?(?:\{.*\})?\s+([0-9.eE+-]+)(?:\s+[0-9]+)?$")
_COUNTED = {"prefix_cache_queries": "asked", "prefix_cache_hits": "remembered", "prompt_tokens": "prompt",
            "generation_tokens": "written"}  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """Tokens since the server started, or between two looks: ``asked`` of the prefix cache and ``remembered`` by it, of all
    ``prompt`` tokens, and ``written``.
    """

    asked: float = 0
    remembered: float = 0
    prompt: float = 0
    written: float = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.asked + other.asked, self.remembered + other.remembered, self.prompt + other.prompt,
            self.written + other.written,
        )  # fmt: skip

    def since(self, before: Counts) -> Counts | None:
        """What was counted since ``before``; None after a restart, which begins at nothing."""
        made = Counts(
            self.asked - before.asked, self.remembered - before.remembered, self.prompt - before.prompt,
            self.written - before.written,
        )  # fmt: skip
        return made if min(made.asked, made.remembered, made.prompt, made.written) >= 0 else None

    @property
    def hit_rate(self) -> float | None:
        """The share of prompt tokens that the prefix cache remembered, 0 to 1; None when nothing was asked of it."""
        return self.remembered / self.asked if self.asked else None


def read(text: str) -> Counts | None:
    """The counts in a server's metrics, summed over its models and processes; None when they aren't vLLM's."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        sample = _SAMPLE.match(line.strip())
        if sample and (name := _COUNTED.get(sample[1])):
            try:
                found[name] = found.get(name, 0) + float(sample[2])
            except ValueError:
                return None
    return Counts(**found) if found else None


def counts(url: str, seconds: float = _SECONDS) -> Counts | None:
    """The counts of the server at ``url`` (with its ``/v1``); None when it doesn't tell any within some ``seconds``."""
    import httpx2

    address = url.split("?", 1)[0].rstrip("/").removesuffix("/v1") + "/metrics"
    try:
        with (
            httpx2.Client(timeout=seconds) as client,
            client.stream("GET", address) as answer,
        ):
            if answer.status_code != 200 or int(answer.headers.get("content-length", 0)) > _LARGEST:
                return None
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST:
                    return None
            return read(body.decode("utf-8", "replace"))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError):
        return None


class Meter:
    """What servers count from the making of this object on."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._before = {url: found for url in dict.fromkeys(urls) if (found := counts(url))}

    def read(self) -> Counts | None:
        """The tokens of all servers since then; None when none of them counts."""
        total: Counts | None = None
        for url, before in self._before.items():
            now = counts(url)
            if now and (made := now.since(before)):
                total = made + (total or Counts())
        return total

    def says(self) -> str:
        """The share of prompt tokens that the servers remembered, in words; empty when they don't tell."""
        made = self.read()
        if made is None or made.hit_rate is None:
            return ""
        return f"prefix cache: {100 * made.hit_rate:.0f} % of prompt tokens"
