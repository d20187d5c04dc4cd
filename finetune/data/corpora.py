"""Read the public corpora: ``SOURCES[name](path)`` yields raw stories, lists of normalised paragraphs.

Nothing of them goes into the repository; they are read where they lie (``--corpora``, or ``FABULA_CORPORA``, or by
default ../shared/corpora). Invariant: reading is streaming and in file order, so a build is the same every time; a row
that cannot be used is left out and named in the list that the caller gives.
"""

from __future__ import annotations

import json
import lzma
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.prose import even_paragraphs, normalise
from prompts.errors import InputError

SEGMENT = 10  # paragraphs of a book that are learnt as one story


@dataclass(frozen=True)
class RawStory:
    """A story as its source has it. ``logline`` and ``title`` are empty where the source gives none."""

    source: str
    tone: str
    paragraphs: tuple[str, ...]
    title: str = ""
    logline: str = ""


def corpora_folder() -> Path:
    return Path(os.environ.get("FABULA_CORPORA", Path(__file__).parents[2].parent / "shared" / "corpora"))


def need_corpora(names: Iterable[str], folder: Path | None = None) -> None:
    """Raises ``InputError`` that says what is expected where the folder or a file in it is missing."""
    folder = folder or corpora_folder()
    for name in names:
        if name not in SOURCES:
            raise InputError(f"There is no reader for the corpus {name!r}; choose from {', '.join(SOURCES)}.")
    missing = [f"{name}.jsonl.xz" for name in names if not (folder / f"{name}.jsonl.xz").is_file()]
    if missing:
        raise InputError(
            f"The corpora folder {folder} lacks {', '.join(missing)} (xz-packed JSON lines; each row has the fields "
            "text, source and licence): give the folder with --corpora DIR, or train on the story worlds alone with "
            "--worlds-only."
        )


def _lines(path: Path, broken: list[str], needed: tuple[str, ...] = ("text",)) -> Iterator[dict[str, Any]]:
    """The rows of a file that have the ``needed`` texts; what is wrong with any other goes into ``broken``."""
    try:
        with lzma.open(path, "rt", encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError:
                    broken.append(f"{path.name}, line {number}: not JSON")
                    continue
                fields = row if isinstance(row, dict) else {}
                lacking = [key for key in needed if not isinstance(fields.get(key), str) or not fields[key].strip()]
                if lacking:
                    broken.append(f"{path.name}, line {number}: no {' and no '.join(lacking)}")
                else:
                    yield row
    except FileNotFoundError as error:
        raise InputError(f"There is no corpus at {path}; give the folder that has it with --corpora DIR.") from error
    except (lzma.LZMAError, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); fetch it again.") from error


def _split(text: str, blank_lines: bool) -> list[str]:
    parts = re.split(r"\n\s*\n" if blank_lines else r"\n", text)
    return [p for p in (normalise(part) for part in parts) if p]


def tinystories(path: Path, broken: list[str]) -> Iterator[RawStory]:
    for row in _lines(path, broken):
        paragraphs = tuple(even_paragraphs(_split(row["text"], False)))
        if len(paragraphs) >= 2 and row["text"][:1].isupper():
            yield RawStory("tinystories", "simple", paragraphs)


def _picture_books(path: Path, broken: list[str], source: str) -> Iterator[RawStory]:
    for row in _lines(path, broken, ("text", "title")):
        paragraphs = tuple(even_paragraphs(_split(row["text"], False)))
        if len(paragraphs) >= 2:
            logline = normalise(row.get("summary") or "")
            yield RawStory(source, "folk", paragraphs[:16], normalise(row["title"]), logline)


def african_storybook(path: Path, broken: list[str]) -> Iterator[RawStory]:
    return _picture_books(path, broken, "african_storybook")


def pratham_books(path: Path, broken: list[str]) -> Iterator[RawStory]:
    return _picture_books(path, broken, "pratham_books")


def _segments(source: str, paragraphs: Iterator[str]) -> Iterator[RawStory]:
    held: list[str] = []
    for paragraph in paragraphs:
        held.append(paragraph)
        if len(held) == SEGMENT:
            yield RawStory(source, "classic", tuple(held))
            held = []
    if len(held) >= 3:
        yield RawStory(source, "classic", tuple(held))


def fairytaleqa(path: Path, broken: list[str]) -> Iterator[RawStory]:
    for row in _lines(path, broken):
        text = re.sub(r"\n(?=[a-z])", " ", row["text"])
        yield from _segments("fairytaleqa", even_paragraphs(_split(text, False)))


def gutenberg_fiction(path: Path, broken: list[str], books: int = 110, characters: int = 250_000) -> Iterator[RawStory]:
    """The simplest books first; front matter is skipped by waiting for three paragraphs of prose in a row."""
    for number, row in enumerate(_lines(path, broken)):
        if number == books:
            return
        prose: list[str] = []
        run = 0
        for paragraph in _split(row["text"][:characters], True):
            is_prose = len(paragraph) > 60 and not paragraph.isupper() and paragraph[-1] in ".!?\"':;,"
            run = run + 1 if is_prose else max(0, run - 2)
            if (is_prose and (prose or run >= 3)) or (prose and len(paragraph) < 60 and paragraph[-1] in '.!?"'):
                prose.append(paragraph)
        yield from _segments("gutenberg_fiction", even_paragraphs(prose[2:]))


SOURCES: dict[str, Callable[[Path, list[str]], Iterator[RawStory]]] = {
    "tinystories": tinystories,
    "african_storybook": african_storybook,
    "pratham_books": pratham_books,
    "fairytaleqa": fairytaleqa,
    "gutenberg_fiction": gutenberg_fiction,
}


def read(names: list[str], folder: Path | None = None, broken: list[str] | None = None) -> Iterator[RawStory]:
    """All stories of the named sources, in order; ``broken`` collects "file, line: fault" of the rows left out.

    Raises ``InputError`` for an unknown source or a missing file.
    """
    folder = folder or corpora_folder()
    need_corpora(names, folder)
    for name in names:
        yield from SOURCES[name](folder / f"{name}.jsonl.xz", [] if broken is None else broken)
