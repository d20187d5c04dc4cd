"""An HTTP proxy on the loopback that does to calls what networks and servers do: it refuses, resets, stalls and lies.

It keeps the account that the tests need: which answers reached the client whole, and whether one of them was asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What happens to one call. The first ones never reach the server; of the others it has done the work."""

    REFUSED = "refused"
    BUSY = "429 with Retry-After"
    INTERNAL = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    HTML = "wrong content type"
    EMPTY = "no choices"
    VANISHED = "404, the model vanished"
    RESET = "reset in the midst of the answer"
    SILENT = "no answer at all"
    STALLED = "a stall in the midst of the answer"
    RESTARTED = "the server restarted in the midst of the answer"


# The status and body that the proxy answers with in the server's place.
_IN_PLACE: dict[Fault, tuple[int, str, str]] = {
    Fault.BUSY: (429, "application/json", '{"error": {"message": "too many requests"}}'),
    Fault.INTERNAL: (500, "application/json", '{"error": {"message": "out of memory"}}'),
    Fault.BAD_GATEWAY: (502, "text/html", "<html>Bad gateway</html>"),
    Fault.UNAVAILABLE: (503, "text/plain", "starting"),
    Fault.HTML: (200, "text/html", "<html>Hello</html>"),
    Fault.EMPTY: (200, "application/json", '{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'),
    Fault.VANISHED: (404, "application/json", '{"error": {"message": "The model does not exist."}}'),
}  # fmt: skip


class FaultProxy:
    """Passes calls on to ``upstream`` (a port). ``decide`` gets the number of each request, from 0, and says its fault.

    ``delivered`` has the bodies of a model's calls whose answer reached the client whole, in order; ``again`` those of them
    that were asked once more afterwards. ``faults`` lists what was really done. ``up`` says whether anybody listens.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.decide: Callable[[int], Fault | None] = lambda _: None
        self.retry_after = "0"
        self.down_seconds = 0.1
        self.up = threading.Event()
        self.asked = 0
        self.times: list[float] = []
        self.faults: list[Fault] = []
        self.delivered: list[dict[str, Any]] = []
        self.again: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=128)
        self.port = self._server.sockets[0].getsockname()[1]
        self.up.set()

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for writer in list(self._connections):
            _reset(writer)

    async def _down(self) -> None:
        """Be a server that is not there for a while."""
        self.up.clear()
        await self.close()
        await asyncio.sleep(self.down_seconds)
        await self.listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                await self._handle(head, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _handle(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        fault = self.decide(self.asked)
        self.asked += 1
        self.times.append(asyncio.get_running_loop().time())
        paid = b"/completions " in head.split(b"\r\n")[0]
        if paid and _key(body) in self._seen:
            self.again.append(json.loads(body))
        if fault is None:
            writer.write(await self._ask(head, body))
            await writer.drain()
            if paid:
                self._seen.add(_key(body))
                self.delivered.append(json.loads(body))
            return
        self.faults.append(fault)
        if fault is Fault.REFUSED:
            await self._down()
        elif fault in _IN_PLACE:
            writer.write(_made_up(fault, self.retry_after))
            await writer.drain()
        else:
            await self._break_off(fault, await self._ask(head, body), writer)

    async def _break_off(self, fault: Fault, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """Send nothing or half of an answer, and then hang or end."""
        start = answer.index(b"\r\n\r\n") + 4
        half = start + (len(answer) - start) // 2
        if fault is not Fault.SILENT:
            writer.write(answer[:half])
            await writer.drain()
        if fault is Fault.RESET:
            _reset(writer)
        elif fault is Fault.RESTARTED:
            await self._down()
        else:
            await writer.wait_closed()  # until the client gives up

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        """The server's whole answer, its connection's end left out."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(_with_header(head, b"Connection: close") + body)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
        top, _, rest = answer.partition(b"\r\n\r\n")
        lines = [line for line in top.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        return b"\r\n".join(lines) + b"\r\n\r\n" + rest


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


def _key(body: bytes) -> str:
    """What tells two calls apart: all of them, but for how the answer comes."""
    asked = json.loads(body)
    return json.dumps({name: value for name, value in asked.items() if not name.startswith("stream")}, sort_keys=True)


def _with_header(head: bytes, header: bytes) -> bytes:
    lines = [line for line in head.rstrip(b"\r\n").split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, header, b"", b""])


def _made_up(fault: Fault, retry_after: str) -> bytes:
    status, kind, body = _IN_PLACE[fault]
    more = f"Retry-After: {retry_after}\r\n" if fault is Fault.BUSY else ""
    return f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a machine that crashed does: with a reset, not with an orderly end."""
    with contextlib.suppress(OSError, AttributeError):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@contextmanager
def fault_proxy(upstream: int) -> Iterator[FaultProxy]:
    """A proxy before the server on the port ``upstream``, in a thread, while the block runs."""
    proxy = FaultProxy(upstream)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(proxy.listen(), loop).result(10)
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(proxy), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(proxy: FaultProxy) -> None:
    await proxy.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
