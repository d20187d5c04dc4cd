"""Which reader reads what: ``KIND:PATH`` as a person writes it.

Invariant: a source is checked before the first row is built, so that a misspelt path costs no time.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from finetune.readers import folder, gutenberg, hub, lines, packed, posts, writingprompts
from finetune.readers.base import Options, Post, Skip, Work
from prompts.errors import InputError

KINDS: Final[dict[str, str]] = {
    "gutenberg": "Project Gutenberg texts (.txt), a file or a folder",
    "corpora": "JSON lines with a text in each row (.jsonl, .jsonl.xz, ...), a file or a folder",
    "folder": "a folder of .txt and .md files, a story each",
    "lines": "text files with one story a line",
    "wp": "WritingPrompts, pairs of .wp_source and .wp_target",
    "hub": "a Hugging Face data set, by id or as a local folder",
    "posts": "posts with scored responses (JSON lines)",
}
_WORKS: Final[dict[str, Callable[[Path, Skip, Options], Iterator[Work]]]] = {
    "gutenberg": gutenberg.read, "corpora": packed.read, "folder": folder.read, "lines": lines.read,
    "wp": writingprompts.read,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    kind: str
    place: str

    @property
    def has_posts(self) -> bool:
        return self.kind == "posts"


def source_of(said: str) -> Source:
    """A source from ``KIND:PATH``. Raises ``InputError`` that names the kinds, or the near one."""
    kind, colon, place = said.partition(":")
    if not colon or not place.strip():
        raise InputError(f"{said!r} is no source; write KIND:PATH, with one of the kinds {', '.join(KINDS)}.")
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(KINDS)}."
        raise InputError(f"There is no reader for {kind!r}; {hint}")
    if kind not in {"hub", "wp"} and not Path(place).expanduser().exists():
        raise InputError(f"There is no file or folder {place}.")
    return Source(kind, place if kind == "hub" else str(Path(place).expanduser()))


def works(source: Source, skip: Skip, options: Options) -> Iterator[Work]:
    """The stories of a source, ``options.limit`` at most (0: all); the best response of each of its posts."""
    if source.kind == "hub":
        found = hub.read(source.place, skip, options)
    elif source.has_posts:
        found = (work for post in posts.read(Path(source.place), skip, options) if (work := best(post)))
    else:
        found = _WORKS[source.kind](Path(source.place), skip, options)
    return islice(found, options.limit or None)


def responses(source: Source, skip: Skip, options: Options) -> Iterator[Post]:
    """The posts of a source. Raises ``InputError`` where it has no scores."""
    if not source.has_posts:
        raise InputError(f"{source.kind}:{source.place} has no scored responses; the source for them is posts:PATH.")
    return islice(posts.read(Path(source.place), skip, options), options.limit or None)


def best(post: Post) -> Work | None:
    """The response with the most votes as a story that answers the prompt."""
    from finetune.readers.base import Chapter, blocks

    response = max(post.responses, key=lambda r: r.score)
    paragraphs = tuple(p for part in response.text.splitlines() for p in blocks(part)) if response.text else ()
    if not paragraphs:
        return None
    return Work(
        post.group, post.source, (Chapter(paragraphs),), licence=post.licence, prompt=post.prompt, place=post.place
    )
