"""What every reader of stories gives: works in chapters and paragraphs, or posts with scored responses.

Invariant: a reader is an iterator that holds one work at a time; what it cannot use it names (file, line, why) through
``skip`` and goes on, and only a source that cannot be read at all ends it with one sentence.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from prompts.errors import InputError

Skip = Callable[[str, int | None, str], None]
"""Told of every row or file that is left out: its file, its line (from 1) and why."""
MAX_CHARACTERS: Final = 64_000_000
"""A single work longer than this is no book; it would have to lie in memory whole."""
_PACKED: Final[dict[str, Callable[..., IO[str]]]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


@dataclass(frozen=True)
class Chapter:
    """A chapter; ``title`` is empty where the source has none."""

    paragraphs: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True)
class Work:
    """A book or a story. ``group`` is the book, author or prompt by which data are split; ``prompt`` what it answers."""

    group: str
    source: str
    chapters: tuple[Chapter, ...]
    licence: str = "unknown"
    title: str = ""
    author: str = ""
    prompt: str = ""
    summary: str = ""
    tone: str = ""
    place: str = ""
    """Where it was read: the file, and the line if it has one."""

    @property
    def paragraphs(self) -> tuple[str, ...]:
        return tuple(paragraph for chapter in self.chapters for paragraph in chapter.paragraphs)


@dataclass(frozen=True)
class Response:
    text: str
    score: float
    author: str = "person"


@dataclass(frozen=True)
class Post:
    """A prompt and what was written for it, with the readers' scores (upvotes, say)."""

    prompt: str
    responses: tuple[Response, ...]
    group: str
    source: str
    licence: str = "unknown"
    place: str = ""


@dataclass(frozen=True)
class Options:
    """What a person says of a source that does not say it itself."""

    licence: str = ""
    source: str = ""
    text_column: str = ""
    group_column: str = ""
    split: str = "train"
    limit: int = 0
    columns: dict[str, str] = field(default_factory=dict)


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """A text file, unpacked by its ending (.gz, .xz, .bz2); what is not UTF-8 in it becomes a question mark.

    Raises ``InputError`` where the file is not there, cannot be read or is damaged.
    """
    try:
        with _PACKED.get(path.suffix.lower(), open)(path, "rt", encoding="utf-8", errors="replace") as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged ({error}); fetch it again.") from error
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


def json_lines(path: Path, skip: Skip) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of every line of a JSON lines file; empty lines are passed over, broken ones named."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                skip(path.name, number, f"not JSON ({str(error).partition(':')[0]})")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                skip(path.name, number, "not a JSON object")


def files_of(path: Path, endings: Iterable[str], what: str) -> list[Path]:
    """``path`` itself if it is a file, else all files below it with one of the ``endings``, by name.

    Raises ``InputError`` where there is none; ``what`` says in words what was looked for.
    """
    wanted = tuple(endings)
    if path.exists() and not path.is_dir():
        return [path]  # a pipe as well
    if not path.is_dir():
        raise InputError(f"There is no file or folder {path}.")
    found = sorted(
        p for p in path.rglob("*") if p.name.lower().endswith(wanted) and p.is_file() and not _hidden(p, path)
    )
    if not found:
        raise InputError(f"The folder {path} has no {what} ({', '.join(wanted)}).")
    return found


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def folded(text: str) -> str:
    """A paragraph on one line: hard line breaks are spaces, what cannot be seen is taken out."""
    return " ".join(re.sub(r"[\u200b\ufeff\u00ad\x00-\x08\x0e-\x1f]", "", text).split())


def blocks(text: str) -> list[str]:
    """The paragraphs of a plain text, parted by blank lines, each on one line.

    A text without blank lines has a paragraph a line, unless its lines were broken at a width.
    """
    parts = [part for part in re.split(r"\n[ \t\r]*\n", text) if part.strip()]
    if len(parts) == 1:
        lines = [line for line in text.splitlines() if line.strip()]
        ended = sum(line.rstrip()[-1:] in ".!?\"'”’" for line in lines)
        if len(lines) > 1 and ended >= 0.8 * len(lines):
            parts = lines
    return [p for p in map(folded, parts) if p]


def text_of(value: Any) -> str:
    """A field as text: empty for what is none."""
    return value.strip() if isinstance(value, str) else ""
