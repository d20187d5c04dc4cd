"""Files that are whole or as they were, and rows that are on the disk before anything is done because of them.

Invariant: a process killed at any instant leaves a file as it was or as it was to be, and of rows at most the beginning of one
more, which ``cut_rows`` takes away. What the system says of a full disk is left to the caller (``OSError``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` by way of a file beside ``path``."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def add_row(file: IO[bytes], row: dict[str, Any]) -> None:
    """Add a row to JSON lines that are open for appending; it is on the disk when this returns."""
    file.write(json.dumps(row).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def whole_rows(path: Path) -> list[bytes]:
    """The lines of a file that were ended; none where there is no file."""
    return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []


def cut_rows(path: Path) -> None:
    """Drop the end of a line that a killed process had not finished, so that the next one begins a line."""
    whole = sum(len(line) + 1 for line in whole_rows(path))
    if path.is_file() and path.stat().st_size > whole:
        os.truncate(path, whole)
