"""Which processes a server has, by what Linux tells of them under /proc."""

from __future__ import annotations

import os
from pathlib import Path


def members(port: int) -> list[int]:
    """The processes of the vLLM server on ``port``: its front process leads the group that all others are in."""
    fronts = [
        pid for pid in processes() if f"--port\0{port}\0".encode() in command_line(pid) and b"vllm" in command_line(pid)
    ]
    return [pid for pid in processes() for front in fronts if alive(pid) and group_of(pid) == front]


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
