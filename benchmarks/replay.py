"""The smallest client that sends recorded calls to a server again: what the server does when nothing else costs time.

A lane is a list of calls that follow each other on one connection, as the calls of one story do; all lanes run at once.
Invariant: the bytes of a call's body are sent as they are, and while the lanes run nothing of an answer is looked at but its
length and whether it is one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One POST: ``path`` below the server's root, and its JSON body."""

    path: str
    body: bytes


@dataclass(frozen=True)
class Window(Generic[T]):
    """``seconds`` in which every lane was at work, and what was read off at its two ends."""

    seconds: float
    before: T
    after: T


def replay(port: int, lanes: Sequence[Sequence[Call]], seconds: float, read: Callable[[], T]) -> Window[T]:
    """Send the calls of every lane, for at most ``seconds`` and until the first lane is at its end; then break off.

    ``read`` reads a counter. Raises ``RuntimeError`` when an answer is not 200.
    """
    return asyncio.run(_replay(port, lanes, seconds, read))


async def _replay(port: int, lanes: Sequence[Sequence[Call]], seconds: float, read: Callable[[], T]) -> Window[T]:
    streams = [await asyncio.open_connection("127.0.0.1", port, limit=1 << 20) for _ in lanes]
    before, begun = read(), time.perf_counter()
    running = [
        asyncio.create_task(_lane(reader, writer, lane)) for (reader, writer), lane in zip(streams, lanes, strict=True)
    ]
    ended, _ = await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    took, after = time.perf_counter() - begun, read()
    for task in running:
        task.cancel()
    for _, writer in streams:
        writer.close()
    await asyncio.gather(*(running), return_exceptions=True)
    for task in ended:
        task.result()  # raises what ended it
    return Window(took, before, after)


async def _lane(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: Sequence[Call]) -> None:
    for call in calls:
        head = f"POST {call.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
        writer.write(f"{head}{len(call.body)}\r\n\r\n".encode() + call.body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(int(line[15:]) for line in answer.split("\r\n") if line.startswith("content-length:"))
        body = await reader.readexactly(length)
        if " 200 " not in answer[:20]:
            raise RuntimeError(f"The server answered {answer[:40]!r}: {body[:300]!r}")
