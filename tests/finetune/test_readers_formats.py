"""WritingPrompts, one story a line, folders and packed corpora: read line by line, faults named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.readers import folder, lines, packed, writingprompts
from finetune.readers.base import Options, Work, blocks, folded
from finetune.readers.sources import KINDS, source_of, works
from prompts.errors import InputError

LONG = (
    "Mira walked to the harbour and looked at the boats for a long while before she went home again to sleep at last."
)


class Skipped(list[tuple[str, int | None, str]]):
    def __call__(self, file: str, line: int | None, why: str) -> None:
        self.append((file, line, why))


def all_of(read: Callable[..., Iterator[Work]], path: Path, **options: Any) -> tuple[list[Work], Skipped]:
    skipped = Skipped()
    return list(read(path, skipped, Options(**options))), skipped


def wp(tmp_path: Path, prompts: str, stories: str) -> Path:
    (tmp_path / "train.wp_source").write_text(prompts, encoding="utf-8")
    (tmp_path / "train.wp_target").write_text(stories, encoding="utf-8")
    return tmp_path


def test_prompts_lose_their_tags_and_stories_get_their_paragraphs_back(tmp_path: Path) -> None:
    path = wp(
        tmp_path, "[ WP ] A door under the sea . Who built it ?\n[EU] Gone\n",
        "`` I ca n't , '' said Mira . <newline> <newline> She did n't go ( yet ) . <newline> *** <newline> Edit : thanks\n\n",
    )  # fmt: skip
    found, skipped = all_of(writingprompts.read, path)
    assert found[0].prompt == "A door under the sea. Who built it?"
    assert found[0].paragraphs == ('"I can\'t," said Mira.', "She didn't go (yet).")
    assert found[0].group == found[0].prompt
    assert skipped == [("train.wp_target", 2, "no story")]
    for other in (path / "train.wp_target", path / "train"):
        assert [work.prompt for work in all_of(writingprompts.read, other)[0]] == [found[0].prompt]


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    path = wp(tmp_path, "one\ntwo\n", f"{LONG}\n")
    with pytest.raises(InputError, match="not the same number of lines"):
        all_of(writingprompts.read, path)
    (tmp_path / "train.wp_target").unlink()
    with pytest.raises(InputError, match=r"no partner train\.wp_target"):
        all_of(writingprompts.read, path)


def test_a_line_is_a_story(tmp_path: Path) -> None:
    path = tmp_path / "long_stories.txt"
    path.write_bytes(
        f"{LONG} <newline> {LONG}\ntoo short\n\n{LONG}<|endoftext|>\n".encode() + b"\xff" * 90 + f" {LONG}\n".encode()
    )
    found, skipped = all_of(lines.read, path)
    assert [work.paragraphs for work in found] == [(LONG, LONG), (LONG,)]
    assert [work.group for work in found] == ["long_stories.txt:1", "long_stories.txt:4"]
    assert skipped == [("long_stories.txt", 2, "only 2 words"), ("long_stories.txt", 5, "not text (it is not UTF-8)")]


def test_a_folder_of_markdown_and_text(tmp_path: Path) -> None:
    (tmp_path / "Ada Quill").mkdir()
    (tmp_path / "Ada Quill" / "one.md").write_text(
        "---\ntitle: The Lamp\n---\n\n# One\nIt was *very* dark, see [here](http://x.y).\n\n***\n\n<!-- no -->\n"
        "## Two\n\nMorning came.\n\n```\ncode\n```\n", encoding="utf-8",
    )  # fmt: skip
    (tmp_path / "two.txt").write_text("CHAPTER I\n\nIt began\nlate.\n\nCHAPTER II\n\nIt ended.\n", encoding="utf-8")
    (tmp_path / "empty.md").write_text("\n", encoding="utf-8")
    (tmp_path / ".hidden.md").write_text("Not this.\n", encoding="utf-8")
    found, skipped = all_of(folder.read, tmp_path)
    one, two = found
    assert (one.title, one.group) == ("The Lamp", "Ada Quill")
    assert [(c.title, c.paragraphs) for c in one.chapters] == [
        ("One", ("It was very dark, see here.",)), ("Two", ("Morning came.",))
    ]  # fmt: skip
    assert (two.title, two.group) == ("two", "two.txt")
    assert [c.paragraphs for c in two.chapters] == [("It began late.",), ("It ended.",)]
    assert skipped == [("empty.md", None, "no paragraph in it")]


def test_packed_rows_are_read_by_any_usual_key(tmp_path: Path) -> None:
    rows = [
        {"story": f"{LONG}\n{LONG}", "author": "Ada", "title": "a-small-lamp", "licence": "CC0"}, {"no": "text"}, ["x"],
    ]  # fmt: skip
    with gzip.open(tmp_path / "tales.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    (work,), skipped = all_of(packed.read, tmp_path)
    assert (work.title, work.group, work.licence, work.source) == ("A Small Lamp", "Ada: A Small Lamp", "CC0", "tales")
    assert work.paragraphs == (LONG, LONG)
    assert [(line, why.partition(" (")[0]) for _, line, why in skipped] == [
        (2, "no text"), (3, "not a JSON object"), (4, "not JSON")
    ]  # fmt: skip


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl.xz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"x\.jsonl\.xz is damaged"):
        all_of(packed.read, tmp_path)


def test_sources_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean gutenberg"):
        source_of(f"gutenburg:{tmp_path}")
    with pytest.raises(InputError, match="write KIND:PATH"):
        source_of(str(tmp_path))
    with pytest.raises(InputError, match="There is no file or folder"):
        source_of(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(InputError, match="has no stories"):
        list(works(source_of(f"folder:{tmp_path}"), Skipped(), Options()))
    assert "hub" in KINDS


@given(st.lists(st.text(alphabet="ab. \t\"'", min_size=1), max_size=8))
def test_blocks_keep_every_word_of_a_text_in_order(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    assert " ".join(blocks(text)).split() == folded(text).split()
