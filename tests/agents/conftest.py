"""The stub server, started and stopped around a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from stub_server import KEY, Stub


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setenv("FABULA_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
