"""One story a line: plain text in which each line is a whole story.

Paragraphs are parted by ``<newline>``, ``<p>`` or a written-out ``\\n``; a line without any is one long paragraph, which the
builder cuts at sentence ends. Invariant: a line is read at a time, whatever the file's size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from finetune.readers.base import MAX_CHARACTERS, Chapter, Options, Skip, Work, files_of, folded, opened

_PARTS = re.compile(r"<\s*(?:newline|/?p|br\s*/?)\s*>|\\r?\\n|\\n", re.I)
_END = re.compile(r"<\|?\s*(?:end ?of ?text|endoftext|eos|/s|s|bos)\s*\|?>", re.I)
LEAST_WORDS = 20


def read(path: Path, skip: Skip, options: Options) -> Iterator[Work]:
    """A work for each line of each text file; the group is the line itself, since nothing else is known of it."""
    for file in files_of(path, (".txt", ".txt.gz", ".txt.xz"), "texts"):
        with opened(file) as handle:
            number = 0
            while line := handle.readline(MAX_CHARACTERS + 1):
                number += 1
                if len(line) > MAX_CHARACTERS:
                    skip(file.name, number, f"longer than {MAX_CHARACTERS:,} characters; split it")
                    while line and not line.endswith("\n"):
                        line = handle.readline(MAX_CHARACTERS)
                    continue
                if not line.strip():
                    continue
                if fault := fault_of(line):
                    skip(file.name, number, fault)
                    continue
                paragraphs = tuple(p for p in map(folded, _PARTS.split(_END.sub(" ", line))) if p)
                yield Work(
                    f"{file.name}:{number}", options.source or file.stem, (Chapter(paragraphs),),
                    licence=options.licence or "unknown", place=f"{file.name}, line {number}",
                )  # fmt: skip


def fault_of(line: str) -> str:
    """Why a line is no story; empty where it is one."""
    words = line.split()
    if len(words) < LEAST_WORDS:
        return f"only {len(words)} word{'s' if len(words) != 1 else ''}"
    if line.count("\ufffd") > 0.01 * len(line) or "\x00" in line:
        return "not text (it is not UTF-8)"
    return ""
