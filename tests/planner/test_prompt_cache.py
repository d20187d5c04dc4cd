"""The share of the prompts that engines had in their caches: asked for seldom, and never for what was there before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents.engines.metrics import Counts
from planner import prompt_cache
from planner.session import Session


def _server(asked: list[float], made: Callable[[], Counts | None]) -> Callable[..., Counts | None]:
    def counts(url: str, seconds: float) -> Counts | None:
        asked.append(seconds)
        return made()

    return counts


def test_the_cache_rate_is_asked_for_once_a_draft(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(prompt_cache, "counts", _server(asked, lambda: Counts(100.0 * len(asked), 80.0 * len(asked))))
    assert session.cache_rate(session.proposal()) is None, "the scripted engine has no cache"
    for engine in session.context.engines.values():
        engine.url = "http://here/v1"  # type: ignore[attr-defined]
    session.write_paragraph()
    assert [session.cache_rate(session.proposal()) for _ in range(3)] == [None] * 3
    assert len(asked) == 1, "what was counted before the story was opened is not its own"
    session.propose()
    assert [session.cache_rate(session.proposal()) for _ in range(3)] == [pytest.approx(0.8)] * 3
    assert len(asked) == 2
    assert max(asked) <= 0.5


def test_a_server_that_counts_nothing_is_asked_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(prompt_cache, "counts", _server(asked, lambda: None))
    for engine in session.context.engines.values():
        engine.url = "http://here/v1"  # type: ignore[attr-defined]
    for _ in range(3):
        session.write_paragraph()
        assert session.cache_rate(session.proposal()) is None
    assert len(asked) == 1
