"""A small OpenAI-compatible server in a thread that answers as the scripted engine does: equal requests get equal answers."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agents.engines.base import Prompt, Request
from agents.engines.scripted import answer

MODEL = "scripted-1"


class ScriptedServer(ThreadingHTTPServer):
    """``asked`` counts the calls that it answered; each would have cost money."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        else:
            self._reply(404, {"error": {"message": "Not Found"}})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._reply(404, {"error": {"message": "Not Found"}})
            return
        self.server.asked += 1
        choices = [_choice(asked, index) for index in range(asked.get("n", 1))]
        if asked.get("stream"):
            self._send(200, "text/event-stream", b"".join(_events(choices)))
        else:
            used = {
                "prompt_tokens": 100,
                "completion_tokens": 20 * len(choices),
                "total_tokens": 100 + 20 * len(choices),
            }
            self._reply(200, _about("chat.completion") | {"choices": choices, "usage": used})

    def _reply(self, status: int, value: object) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def prompt_of(asked: dict[str, Any]) -> str:
    """The prompt of a call, without its system part."""
    return str(asked["messages"][-1]["content"])


def _choice(asked: dict[str, Any], index: int) -> dict[str, Any]:
    schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
    request = Request(prompt=Prompt(text=prompt_of(asked)), seed=asked.get("seed", 0), json_schema=schema)
    text = answer(request, index)
    return {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}


def _events(choices: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    for choice in choices:
        pieces = re.findall(r"\S+\s*", choice["message"]["content"])
        for number, piece in enumerate(pieces, 1):
            finish = "stop" if number == len(pieces) else None
            part = {"index": choice["index"], "delta": {"content": piece}, "finish_reason": finish}
            yield f"data: {json.dumps(_about('chat.completion.chunk') | {'choices': [part]})}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _about(kind: str) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 1, "model": MODEL}


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Such a server, while the block runs."""
    server = ScriptedServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
