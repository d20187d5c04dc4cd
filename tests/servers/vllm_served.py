"""A server that tests write with, as the fixture ``vllm_server`` hands it out, and calls to it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.serving.flags import Plan

START_SECONDS = 400  # 30 on two idle cores


@dataclass(frozen=True)
class Served:
    """A running server. ``url`` ends in ``/v1``; ``base``, ``generator`` and ``summarizer`` are the models it answers to.

    ``plan`` says what it was started with: the folders of the base model and of the adapters, and the Python of vLLM.
    """

    url: str
    base: str
    generator: str
    summarizer: str
    plan: Plan
    log: Path

    def complete(self, model: str, prompt: str | list[str], **more: Any) -> dict[str, Any]:
        """What ``/v1/completions`` answers."""
        return post(self.plan.port, "/v1/completions", {"model": model, "prompt": prompt, **more})


def post(port: int, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One call to a server on the loopback: a POST of ``body``, or a GET without one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        text = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, (answer.status, content[:500])
        return json.loads(content)
    finally:
        connection.close()
