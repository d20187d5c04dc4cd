"""A server with several models in a thread, which answers as the scripted engine does and keeps who asked what with which key."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agents.engines.base import Prompt, Request
from agents.engines.scripted import answer


class RoleServer(ThreadingHTTPServer):
    """``models`` maps each model's name to the base of an adapter, or None. ``key``, if any, is asked for.

    ``reply_with`` replaces the built-in text; ``refuse`` may give a refusal of a call's body. ``cached`` of 100 prompt tokens
    of every call come from the cache; None: the server counts nothing.
    """

    daemon_threads = True

    def __init__(self, *models: str, parent: str | None = None, key: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.models = {model: parent if model != parent else None for model in models}
        self.key = key
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.reply_with: Callable[[dict[str, Any]], str | None] = lambda asked: None
        self.refuse: Callable[[dict[str, Any]], str] = lambda asked: ""
        self.cached: int | None = None

    def asked_of(self, model: str) -> list[dict[str, Any]]:
        return [asked for asked in self.asked if asked["model"] == model]


class _Handler(BaseHTTPRequestHandler):
    server: RoleServer

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        if self.path == "/metrics" and self.server.cached is not None:
            calls = len(self.server.asked)
            counts = {"prefix_cache_queries": 100 * calls, "prefix_cache_hits": self.server.cached * calls}
            lines = [f'vllm:{name}_total{{engine="0",model_name="m"}} {count}.0' for name, count in counts.items()]
            self._send(200, "text/plain", "\n".join(["# HELP vllm:x y", *lines, ""]).encode())
        elif self.path == "/v1/models" and self._allowed():
            models = [{"id": m, "object": "model", "parent": p} for m, p in self.server.models.items()]
            self._reply(200, {"object": "list", "data": models})
        else:
            self._reply(404, {"error": {"message": "Not Found"}})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed():
            return
        if self.path not in {"/v1/chat/completions", "/v1/completions"}:
            self._reply(404, {"error": {"message": "Not Found"}})
            return
        self.server.asked.append(asked | {"path": self.path})
        if refusal := self.server.refuse(asked):
            self._reply(400, {"error": {"message": refusal}})
            return
        texts = [self._text(asked, index) for index in range(asked.get("n", 1))]
        if asked.get("stream"):
            self._send(200, "text/event-stream", b"".join(self._events(asked, texts)))
        else:
            choices = [
                self._choice(index, text, "message") | {"finish_reason": "stop"} for index, text in enumerate(texts)
            ]
            used = {"prompt_tokens": 100, "completion_tokens": 20 * len(texts), "total_tokens": 120}
            self._reply(200, self._about(asked) | {"choices": choices, "usage": used})

    def _allowed(self) -> bool:
        self.server.keys.add(self.headers["Authorization"] or "")
        if self.server.key and self.headers["Authorization"] != f"Bearer {self.server.key}":
            self._reply(401, {"error": {"message": f"wrong key {self.headers['Authorization']}"}})
            return False
        return True

    def _text(self, asked: dict[str, Any], index: int) -> str:
        said = self.server.reply_with(asked)
        prompt = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
        schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
        return said if said is not None else answer(Request(prompt=Prompt(text=prompt), json_schema=schema), index)

    def _choice(self, index: int, text: str, part: str) -> dict[str, Any]:
        said: dict[str, Any] = {"text": text} if self.path == "/v1/completions" else {part: {"content": text}}
        return {"index": index, "finish_reason": None, **said}

    def _events(self, asked: dict[str, Any], texts: list[str]) -> Iterator[bytes]:
        for index, text in enumerate(texts):
            for piece, finish in ((text, None), ("", "stop")):
                event = self._about(asked) | {
                    "choices": [self._choice(index, piece, "delta") | {"finish_reason": finish}]
                }
                yield f"data: {json.dumps(event)}\n\n".encode()
        yield b"data: [DONE]\n\n"

    def _about(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"id": "1", "object": "completion", "created": 1, "model": asked["model"]}

    def _reply(self, status: int, value: object) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def role_server(*models: str, parent: str | None = None, key: str = "") -> Iterator[RoleServer]:
    """Such a server, while the block runs."""
    server = RoleServer(*models, parent=parent, key=key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
