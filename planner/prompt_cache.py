"""How much of the prompts the engines had in their caches, since a story was opened.

Invariant: it costs a front end nothing: a server is asked at most once for each draft, for half a second at most, and one
that counts nothing is never asked again. No key is sent (agents/engines/metrics.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from agents.engines.base import Engine
from agents.engines.metrics import Counts, counts

_SECONDS = 0.5


class CacheMeter:
    """What the engines of one open story counted."""

    def __init__(self) -> None:
        self._before: dict[str, Counts | None] = {}
        self._place: object = None
        self._rate: float | None = None

    def rate(self, engines: Iterable[Engine], place: object) -> float | None:
        """The share of prompt tokens that needed no computing, 0 to 1; None while nobody knows.

        ``place`` tells drafts apart: as long as it is the same, what was read last is the answer.
        """
        if place == self._place:
            return self._rate
        self._place = place
        distinct = list({id(engine): engine for engine in engines}.values())
        found = [made for engine in distinct if (made := getattr(engine, "prompt_counts", None))]
        urls = dict.fromkeys(url for engine in distinct if (url := getattr(engine, "url", "")))
        found += [made for url in urls if (made := self._of_server(url))]
        self._rate = sum(found, Counts()).hit_rate
        return self._rate

    def _of_server(self, url: str) -> Counts | None:
        if url not in self._before:
            self._before[url] = counts(url, _SECONDS)
            return None
        before = self._before[url]
        now = counts(url, _SECONDS) if before else None
        if before is None or now is None:
            return None
        made = now.since(before)
        if made is None:
            self._before[url] = now  # the server was started anew
        return made
