"""A small OpenAI-compatible server in a thread, for tests: it answers what it is told to, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from prompts.errors import EngineError

KEY = "sk-very-secret-0123456789"
Answer = tuple[int, str, bytes]


def as_json(value: object, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(value).encode()


def choice(
    text: str | None, index: int = 0, finish: str = "stop", logprobs: list[float] | None = None
) -> dict[str, Any]:
    content = [{"token": "x", "logprob": value, "bytes": None, "top_logprobs": []} for value in logprobs or []]
    return {
        "index": index, "finish_reason": finish, "message": {"role": "assistant", "content": text},
        "logprobs": {"content": content} if logprobs else None,
    }  # fmt: skip


def completion(*choices: dict[str, Any], usage: bool = True) -> dict[str, Any]:
    used = {"prompt_tokens": 11, "completion_tokens": 6, "total_tokens": 17}
    return {
        "id": "1", "object": "chat.completion", "created": 1, "model": "tale-1", "choices": list(choices),
        "usage": used if usage else None,
    }  # fmt: skip


def stream(*parts: dict[str, Any], end: bool = True) -> Answer:
    lines = [
        json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [p]})
        for p in parts
    ]
    return 200, "text/event-stream", "".join(f"data: {line}\n\n" for line in [*lines, *["[DONE]"] * end]).encode()


def delta(text: str, finish: str | None = None, logprob: float | None = None) -> dict[str, Any]:
    content = [{"token": text, "logprob": logprob, "bytes": None, "top_logprobs": []}]
    return {
        "index": 0, "delta": {"content": text}, "finish_reason": finish,
        "logprobs": {"content": content} if logprob is not None else None,
    }  # fmt: skip


class Stub(ThreadingHTTPServer):
    """Serves ``models`` and, one after the other, ``answers``; keeps every request. ``broken`` cuts answers short."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.models = as_json({"object": "list", "data": [{"id": m, "object": "model"} for m in ("tale-1", "tale-2")]})
        self.answers: list[Answer | Callable[[str], Answer]] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.headers: dict[str, str] = {}
        self.tokens: dict[str, list[int]] = {}  # what /tokenize makes of a text; it is not there for any other
        self.busy: list[int] = []  # statuses that /tokenize answers with first
        self.broken = False


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        assert self.path == "/v1/models"
        self.reply(self.server.models)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize" and self.server.busy:
            self.reply(as_json({}, self.server.busy.pop(0)))
            return
        if self.path == "/tokenize":
            tokens = self.server.tokens.get(asked["prompt"])
            self.reply(as_json({"tokens": tokens, "count": len(tokens)} if tokens else {}, 200 if tokens else 404))
            return
        assert self.path in {"/v1/chat/completions", "/v1/completions"}
        self.server.asked.append(asked)
        answer = self.server.answers.pop(0)
        self.reply(answer(self.headers["Authorization"]) if callable(answer) else answer)

    def reply(self, answer: Answer) -> None:
        self.server.keys.append(self.headers["Authorization"])
        status, kind, body = answer
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + 50 * self.server.broken))
        self.end_headers()
        self.wfile.write(body)


def refused(act: Callable[[], object], kind: type[EngineError] = EngineError) -> str:
    """The message of the failure: one sentence without the key."""
    with pytest.raises(EngineError) as raised:
        act()
    assert type(raised.value) is kind
    message = str(raised.value)
    assert KEY not in message
    assert "\n" not in message
    return message
