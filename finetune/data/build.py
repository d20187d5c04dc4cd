"""Build data sets: corpora to slotted stories (cached); stories of worlds, of corpora and our own to tokenised rows.

Invariant: a build depends on its settings, the corpora, the world and story files alone; a held-out story or premise never
gives a training row.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from finetune.data.corpora import read
from finetune.data.derive import derive
from finetune.data.folder import DataFolder
from finetune.data.names import lowercase_words
from finetune.data.rows import GENERATOR_ALONE, CountTokens, Row, Shares, rows, text_rows
from finetune.data.shards import ShardWriter
from finetune.data.varied import Noise, fewer_slots
from finetune.stories.model import FOLDER as WRITTEN
from finetune.stories.model import is_held as is_held_premise
from finetune.stories.model import written
from finetune.stories.slots import slotted, slotted_all
from finetune.worlds.model import load_worlds
from finetune.worlds.teller import Member, Paragraph, Story, tell
from prompts.errors import InputError

OWN_SHARES = Shares(generator=1.0, summarizer=0.35, outline=0.35, premise=1.0, title=1.0)
CORPUS_SHARES = Shares(generator=1.0, summarizer=0.22, outline=0.3, premise=0.0, title=1.0)
HELD_SEEDS = 1_000_000  # seeds from here on tell held-out stories


def slot_corpora(names: list[str], out: Path, folder: Path | None = None) -> tuple[Counter[str], list[str]]:
    """Write the slotted stories of the corpora to ``out`` (JSON lines).

    Returns how many stories of each source were kept and dropped, and a line for every row that could not be read.
    """
    common = lowercase_words(p for raw in read(names, folder) for p in raw.paragraphs)
    counts: Counter[str] = Counter()
    broken: list[str] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    with part.open("w") as file:
        for number, raw in enumerate(read(names, folder, broken)):
            story = derive(raw, common, number)
            counts[f"{raw.source} {'kept' if story else 'dropped'}"] += 1
            if story:
                file.write(json.dumps(asdict(story)) + "\n")
    part.rename(out)
    counts["rows that cannot be read"] = len(broken)
    return counts, broken


def slotted_stories(path: Path) -> Iterator[Story]:
    if not path.is_file():
        raise InputError(f"There are no slotted corpora at {path}; run `fabula data corpora` first.")
    with path.open() as file:
        for line in file:
            data = json.loads(line)
            data["members"] = {key: Member(**m) for key, m in data["members"].items()}
            data["paragraphs"] = tuple(
                Paragraph(**{**p, "stage": tuple(p["stage"]), "facts": tuple(p["facts"])}) for p in data["paragraphs"]
            )
            yield Story(**data)


def is_held(story: Story) -> bool:
    """Whether a corpus story is kept out of training; its first paragraph alone decides, so no copy of it slips in."""
    return zlib.crc32(story.paragraphs[0].text.encode()) % 50 == 0


def held_corpus_stories(path: Path) -> Iterator[Story]:
    """The corpus stories that no training row comes from."""
    return (story for story in slotted_stories(path) if is_held(story))


def token_counter(tokenizer: Tokenizer) -> CountTokens:
    @lru_cache(200_000)
    def count(text: str) -> int:
        return len(tokenizer.encode(text).ids)

    return count


def world_stories(folder: Path | None, stories: int, held_out: bool, skip_faulty: bool = False) -> Iterator[Story]:
    """``stories`` tellings of every world. A world that cannot be told raises, or is left out with ``skip_faulty``."""
    for world in load_worlds(folder) if not skip_faulty else _usable_worlds(folder):
        first = HELD_SEEDS if held_out else 0
        told: set[str] = set()
        for seed in range(first, first + stories):
            try:
                story = tell(world, seed)
            except ValueError:
                if skip_faulty:
                    continue
                raise
            key = "\n".join(p.text for p in story.paragraphs)
            if key not in told:
                told.add(key)
                yield story


def _usable_worlds(folder: Path | None) -> list[Any]:
    from finetune.worlds.model import WorldError, load_world

    worlds = []
    for path in sorted((folder or Path(__file__).parents[1] / "worlds" / "stories").glob("*.yaml")):
        try:
            worlds.append(load_world(path))
        except WorldError as error:
            print(f"left out: {str(error).splitlines()[0]}")
    return worlds


def _write(
    stories: Iterator[Story], out: Path, tokenizer: Tokenizer, shares: Shares, context: int, **about: Any
) -> dict[str, Any]:
    writer = ShardWriter(out, tokenizer, context)
    count = token_counter(tokenizer)
    for number, story in enumerate(stories):
        added = list(rows(story, shares, random.Random(f"{story.world}/{number}"), count))
        writer.add(added)
        writer.counts[f"rows of {story.world}"] += len(added)
    return writer.close(**about)


def build_corpora(slotted: Path, out: Path, tokenizer: Tokenizer, context: int = 512) -> dict[str, Any]:
    """Rows of the corpora into ``out/train`` and, from every fiftieth story, ``out/held``."""

    _write(held_corpus_stories(slotted), out / "held", tokenizer, CORPUS_SHARES, context, source="corpora, held out")
    trained = (story for story in slotted_stories(slotted) if not is_held(story))
    return _write(trained, out / "train", tokenizer, CORPUS_SHARES, context, source="corpora")


def build_worlds(
    out: Path, tokenizer: Tokenizer, stories: int = 250, held: int = 5, folder: Path | None = None, context: int = 512,
    skip_faulty: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Rows of ``stories`` tellings a world into ``out/train``; ``held`` tellings with unseen seeds into ``out/held``."""
    told = world_stories(folder, held, True, skip_faulty)
    _write(told, out / "held", tokenizer, Shares(), context, source="worlds, held-out seeds")
    told = world_stories(folder, stories, False, skip_faulty)
    return _write(told, out / "train", tokenizer, Shares(), context, source="worlds", stories_a_world=stories)


def varied_stories(folder: Path | None, stories: int, held_out: bool) -> Iterator[tuple[Story, random.Random, Noise]]:
    """``stories`` tellings of every world with the noise that their rows are asked with (``finetune.data.varied``)."""
    traits = sorted({t for world in load_worlds(folder) for role in world.cast.values() for t in role.traits})
    odd: list[str] = []
    for place, whole in enumerate(world_stories(folder, stories, held_out)):
        rng = random.Random(f"{'held' if held_out else 'train'}/{whole.world}/{place}")
        story = fewer_slots(whole, traits, rng)
        yield story, rng, Noise(story, whole, rng, tuple(odd))
        odd = [*odd[-40:], rng.choice(story.paragraphs).beat]


def build_varied(
    out: Path, tokenizer: Tokenizer, stories: int = 110, held: int = 5, folder: Path | None = None, context: int = 512
) -> dict[str, Any]:
    """``build_worlds`` with prompts as they come in use."""
    found: dict[str, Any] = {}
    for split, number in (("held", held), ("train", stories)):
        writer, count = ShardWriter(out / split, tokenizer, context), token_counter(tokenizer)
        for story, rng, noise in varied_stories(folder, number, split == "held"):
            added = list(rows(story, Shares(), rng, count, noise))
            writer.add(added)
            writer.counts[f"rows of {story.world}"] += len(added)
        found = writer.close(source="worlds, prompts varied", stories_a_world=number, varied=True)
    return found


def build_plain(out: Path, tokenizer: Tokenizer, folder: Path | None = None, context: int = 512) -> dict[str, Any]:
    """Our own stories as mere text (``text_rows``), split as ``build_own`` splits them."""
    found: dict[str, Any] = {}
    for split, held in (("held", True), ("train", False)):
        writer = ShardWriter(out / split, tokenizer, context)
        for story in slotted_all(p for p in written(folder or WRITTEN) if is_held_premise(p.id) is held):
            writer.add(text_rows(story))
        found = writer.close(source="own stories as mere text")
    return found


def build_prompts(
    out: Path, count: CountTokens, folder: Path | None = None, replace: bool = False, worlds: int = 24
) -> dict[str, Any]:
    """Generator rows of our own stories that are trained on and of ``worlds`` tellings of every world, as a data set for
    ``fabula data responses``; returns its index."""
    with DataFolder(out, "sft", 0.0, replace) as data:
        for row, group, source in _asked(count, folder or WRITTEN, worlds):
            data.add(
                {"prompt": row.prompt, "completion": row.completion, "task": row.task, "group": group, "source": source,
                 "licence": "Apache-2.0"}
            )  # fmt: skip
        return data.finish(style="slots")


def _asked(count: CountTokens, folder: Path, worlds: int) -> Iterator[tuple[Row, str, str]]:
    for premise in written(folder):
        if not is_held_premise(premise.id):
            for story in slotted(premise):
                for row in rows(story, GENERATOR_ALONE, random.Random(premise.id), count):
                    yield row, premise.id, "own stories"
    for story, rng, noise in varied_stories(None, worlds, False):
        for row in rows(story, GENERATOR_ALONE, rng, count, noise):
            yield row, f"{story.world} {story.logline}", "worlds"


def build_own(out: Path, tokenizer: Tokenizer, folder: Path | None = None, context: int = 512) -> dict[str, Any]:
    """Rows of our own stories (``finetune/stories``): whole premises into ``out/train`` or, every tenth, ``out/held``."""
    premises = list(written(folder or WRITTEN))
    told = slotted_all(premise for premise in premises if is_held_premise(premise.id))
    _write(told, out / "held", tokenizer, OWN_SHARES, context, source="own stories, held-out premises")
    told = slotted_all(premise for premise in premises if not is_held_premise(premise.id))
    return _write(told, out / "train", tokenizer, OWN_SHARES, context, source="own stories")


def tokenizer_texts(
    slotted: Path | None, characters: int = 12_000_000, stories_a_world: int = 40, worlds: Path | None = None
) -> Iterator[str]:
    """Text that the tokenizer learns from: told worlds and their premises, and the simplest part of the corpora.

    Without ``slotted`` the worlds alone are learnt from.
    """
    from finetune.data.rows import premise_json

    for story in world_stories(worlds, stories_a_world, False, skip_faulty=True):
        yield from (text for p in story.paragraphs for text in (p.text, p.beat, p.summary))
        yield from (story.title, story.logline, premise_json(story))
    used = 0
    if slotted is None:
        return
    for corpus_story in slotted_stories(slotted):
        for paragraph in corpus_story.paragraphs:
            used += len(paragraph.text)
            yield paragraph.text
        if used > characters:
            return
