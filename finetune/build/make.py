"""From sources to a data set: read, leave out what came before, make rows, write them.

Invariant: one work is in memory at a time. The same sources and settings give the same data set, to the byte.
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from agents.engines.base import Engine
from finetune.build import plain_rows
from finetune.build.summaries import Extractive, Served, Summaries
from finetune.build.told import Common, tell
from finetune.data.folder import DataFolder
from finetune.data.kinds import Kind
from finetune.data.rows import TASKS as SLOT_TASKS
from finetune.readers.base import Options, Work
from finetune.readers.sources import Source, responses, works
from prompts.errors import InputError

RESPONSES: Final = "responses"
TASKS: Final = (*plain_rows.TASKS, RESPONSES)
_EVERY = 2.0
"""Seconds between two lines of progress."""
StyleName = Literal["chat", "completion", "slots"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What to build. ``held`` is the share of books, authors or prompts kept out of training; ``tag_dropout`` of tags."""

    out: Path
    sources: tuple[Source, ...]
    tasks: tuple[str, ...]
    style: StyleName = "chat"
    options: Options = field(default_factory=Options)
    held: float = 0.02
    tag_dropout: float = 0.15
    story_words: int = 1000
    keep_copies: bool = False
    seed: int = 17
    replace: bool = False

    def __post_init__(self) -> None:
        known = {"slots": (*SLOT_TASKS, RESPONSES)}.get(self.style, TASKS)
        if strange := [task for task in self.tasks if task not in known]:
            raise InputError(f"{strange[0]!r} is no task of style {self.style}; choose from {', '.join(known)}.")
        if not self.tasks or not self.sources:
            raise InputError("Name one source at least (--from KIND:PATH), and one task (--tasks).")
        if RESPONSES in self.tasks and len(self.tasks) > 1:
            raise InputError("Responses are a data set of their own: build them apart, with --tasks responses alone.")


def build(wish: Wish, engine: Callable[[], Engine] | None = None, say: Say = lambda line: None) -> dict[str, Any]:
    """Build a data set and return what its data.json says; ``engine`` writes the summaries if it is given.

    Raises ``InputError`` for what cannot be read, built or written, and ``EngineError`` when the model does not answer.
    """
    kind: Kind = "responses" if RESPONSES in wish.tasks else "sft"
    if engine and wish.style == "slots":
        raise InputError("Style slots has summaries of its own; --summaries server goes with chat or completion.")
    kept = wish.out.with_name(f"{wish.out.name}.answers")
    with ExitStack() as stack:
        folder = stack.enter_context(DataFolder(wish.out, kind, wish.held, wish.replace))
        summaries: Summaries = stack.enter_context(Served(engine(), kept)) if engine else Extractive()
        made = _posts(wish, folder) if kind == "responses" else _rows(wish, folder, summaries)
        begun = said = time.monotonic()
        for number, row in enumerate(made, 1):
            folder.add(row)
            if (now := time.monotonic()) - said >= _EVERY:
                said = now
                say(
                    f"{number:,} rows, {number / (now - begun):,.0f} a second, from {folder.left_out['works']:,} stories"
                )
        about = {
            "style": wish.style, "asked_for": list(wish.tasks), "seed": wish.seed, "tag_dropout": wish.tag_dropout,
            "summaries": "none" if kind == "responses" else "served" if engine else "extractive",
            "works": folder.left_out.pop("works", 0),
        }  # fmt: skip
        index = folder.finish(**about)
    kept.unlink(missing_ok=True)
    return index


def _works(wish: Wish, folder: DataFolder) -> Iterator[Work]:
    """The works of all sources, without the chapters that are much like one that came before."""
    for source in wish.sources:
        for work in works(source, folder.skip, wish.options):
            folder.left_out["works"] += 1
            if not wish.keep_copies:
                fresh = tuple(c for c in work.chapters if not folder.copy(" ".join(c.paragraphs)))
                if not fresh:
                    continue
                work = replace(work, chapters=fresh)  # noqa: PLW2901 - the same work, less its copies
            yield work


def _rows(wish: Wish, folder: DataFolder, summaries: Summaries) -> Iterator[dict[str, Any]]:
    style = plain_rows.Style(wish.style == "chat", wish.tag_dropout, wish.story_words)
    common = Common()
    count = None
    for work in _works(wish, folder):
        common.add(work)
        seed = zlib.crc32(f"{wish.seed}/{work.group}/{work.place}".encode("utf-8", "surrogatepass"))
        before = sum(folder.report.counts.values())
        if wish.style == "slots":
            from finetune.build.slot_rows import counter, slot_rows

            count = count or counter()
            yield from slot_rows(work, wish.tasks, common.counts, seed, count)
        else:
            if "story" in wish.tasks:
                yield from plain_rows.story_rows(work, style)
            rng = random.Random(seed)
            for told in tell(work, common.counts, str(wish.seed)):
                yield from plain_rows.rows(told, wish.tasks, style, summaries, rng)
        folder.left_out["stories without a row (too short, or nobody in them has a name)"] += (
            sum(folder.report.counts.values()) == before
        )


def _posts(wish: Wish, folder: DataFolder) -> Iterator[dict[str, Any]]:
    for source in wish.sources:
        for post in responses(source, folder.skip, wish.options):
            folder.left_out["works"] += 1
            told: Sequence[str] = [response.text for response in post.responses]
            if not wish.keep_copies and folder.copy("\n".join([post.prompt, *told])):
                continue
            yield {
                "prompt": post.prompt, "group": post.group, "source": post.source, "licence": post.licence,
                "responses": [{"text": r.text, "score": r.score, "author": r.author} for r in post.responses],
            }  # fmt: skip
