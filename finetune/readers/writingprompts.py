"""WritingPrompts: NAME.wp_source and NAME.wp_target, a prompt and its story on the same line of each.

Tags such as ``[ WP ]`` are taken off the prompt, ``<newline>`` parts paragraphs, and the tokenised spelling (`` `` Hello , ''``)
is put back into plain text. Invariant: prompt and story stay together; files of different lengths are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from finetune.readers.base import Chapter, Options, Skip, Work, files_of, folded, opened
from prompts.errors import InputError

SOURCE = "WritingPrompts"
_TAG = re.compile(r"^\s*(?:[\[({]\s*([A-Za-z]{2,4})\s*[\])}]\s*)+:?\s*")
_NEWLINE = re.compile(r"(?:\s*<\s*newline\s*>\s*)+", re.I)
_REMARK = re.compile(r"^(?:edit|ps|p\.s\.|thanks for reading|obligatory|\(?this is my first)\b", re.I)


def read(path: Path, skip: Skip, options: Options) -> Iterator[Work]:
    """A work for each pair of lines. ``path``: a folder, one of the two files, or their name without the ending.

    Raises ``InputError`` where a file has no partner, or the two have not the same number of lines.
    """
    for source in _sources(path):
        target = source.with_suffix(".wp_target")
        if not target.is_file():
            raise InputError(f"{source} has no partner {target.name}: prompts and stories come in pairs of files.")
        with opened(source) as prompts, opened(target) as stories:
            for number, (said, told) in enumerate(zip_longest(prompts, stories), 1):
                if said is None or told is None:
                    raise InputError(
                        f"{source.name} and {target.name} have not the same number of lines; fetch them again."
                    )
                prompt, paragraphs = prompt_of(said), paragraphs_of(told)
                if not prompt or not paragraphs:
                    skip((target if prompt else source).name, number, "no story" if prompt else "no prompt")
                    continue
                yield Work(
                    prompt, options.source or SOURCE, (Chapter(paragraphs),), licence=options.licence or "unknown",
                    prompt=prompt, place=f"{source.name}, line {number}",
                )  # fmt: skip


def _sources(path: Path) -> list[Path]:
    if path.suffix in {".wp_source", ".wp_target"}:
        path = path.with_suffix(".wp_source")
    elif not path.is_dir():
        path = path.with_name(f"{path.name}.wp_source")
    return files_of(path, (".wp_source",), "prompts")


def prompt_of(line: str) -> str:
    """The prompt without its tags."""
    return untokenised(_TAG.sub("", _NEWLINE.sub(" ", line)))


def paragraphs_of(line: str) -> tuple[str, ...]:
    """The paragraphs of a story; rules and the author's remarks about the post are left out."""
    parts = [untokenised(part) for part in _NEWLINE.split(line)]
    return tuple(p for p in parts if re.search(r"\w", p) and not _REMARK.match(p))


def untokenised(text: str) -> str:
    """Plain spelling again: quotes and marks stand where a person would put them."""
    text = re.sub(r"``\s*", '"', text)
    text = re.sub(r"\s*''", '"', text)
    text = re.sub(r"\s+(n['’]t\b|['’](?:s|m|d|ll|re|ve)\b)", r"\1", text, flags=re.I)
    text = re.sub(r"\s+([,.!?;:%)\]}]|\.\.\.)", r"\1", text)
    return folded(re.sub(r"([(\[{$])\s+", r"\1", text))
