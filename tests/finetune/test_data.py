"""Corpora become rows: names leave, quotes are mended, broken rows are counted, held-out stories stay out."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from corpus_samples import WORLDS, WriteCorpus, story_text
from tokenizers import Tokenizer

from finetune.config import Pretrain, load_config
from finetune.data.build import build_corpora, held_corpus_stories, is_held, slot_corpora, slotted_stories
from finetune.data.corpora import SOURCES, need_corpora, read
from finetune.data.names import slot_story
from finetune.data.prose import LONGEST, count_words, even_paragraphs, is_plain, normalise, sentences
from finetune.data.rows import TASKS, Shares, rows, split_members
from finetune.data.shards import COMPLETION, PROMPT, Shards
from finetune.tokenizer import special_tokens
from finetune.worlds.model import load_worlds
from finetune.worlds.teller import tell
from prompts.control import CONTROL
from prompts.errors import InputError
from prompts.load import render

CONFIGS = WORLDS.parents[1] / "configs"
NAME = re.compile(r"\b(?:Tom|Mira|Oskar|Lena|Piet|Ada|Hugo|Nora|Emil|Ruth)\b")


def count(text: str) -> int:
    return len(text.split())


def test_names_become_slots_numbered_by_their_first_appearance() -> None:
    text = (
        "One day Karl sat by the water, and he waited. There Anna found him, and she gave Karl a stone. He smiled.",
        "Then Anna went home. She was glad. At home they asked for Karl. He had gone to sea, said Anna, and she wept.",
    )
    slotted = slot_story(text, ("What Anna Gave",), Counter({"one": 9, "then": 9, "what": 9, "gave": 9}), 0)
    assert slotted.cast == ("<he1>", "<she2>")
    assert slotted.clean == (True, True)
    assert slotted.paragraphs[0].startswith("One day <he1> sat by the water, and he waited.")
    assert "Anna" not in " ".join((*slotted.paragraphs, *slotted.texts))
    assert "Karl" not in " ".join((*slotted.paragraphs, *slotted.texts))


def test_a_paragraph_with_a_name_that_no_rule_settles_is_not_clean() -> None:
    names = ("Anna", "Karl", "Otto", "Lisa", "Fritz", "Berta")
    text = tuple(f"In the rain {name} waited, and nobody saw {name} for the rest of the day." for name in names)
    slotted = slot_story(text, (), Counter(), 0)
    assert len(slotted.cast) == 4
    left = [not re.search("|".join(names), paragraph) for paragraph in slotted.paragraphs]
    assert list(slotted.clean) == left


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("“Come,” she said—and went…", '"Come," she said, and went...'),
        ("‘Come in,’ said Mr. Fox.", '"Come in," said Mr Fox.'),
        ("It was late -- too late.", "It was late, too late."),
        ("Don't   go", "Don't go"),
        ("_Never_ a café.", "Never a cafe."),
    ],
)
def test_quotes_dashes_and_accents_become_plain(given: str, wanted: str) -> None:
    assert normalise(given) == wanted


@pytest.mark.parametrize("text", ['He said "come.', "A [note] here.", "In 1924 it rained.", "CHAPTER ONE", "No end"])
def test_what_is_not_prose_is_not_plain(text: str) -> None:
    assert not is_plain(text)


def test_sentences_end_where_a_quote_ends() -> None:
    assert sentences('"Go!" he said. "Now?" It rained.') == ['"Go!" he said.', '"Now?"', "It rained."]


def test_paragraphs_are_cut_to_even_length_and_lose_no_word() -> None:
    given = [" ".join(["It rained on the long road."] * n) for n in (1, 2, 60, 3, 9, 1)]
    made = list(even_paragraphs(given))
    assert all(count_words(paragraph) <= LONGEST for paragraph in made)
    assert " ".join(made).split() == " ".join(given).split()[: len(" ".join(made).split())]
    assert sum(map(count_words, made)) >= sum(map(count_words, given)) - 15


def test_a_paragraph_is_not_cut_inside_speech() -> None:
    speech = '"' + " ".join(["We walked all night."] * 22) + '"'
    made = list(even_paragraphs([f"{speech} Then it was day. {' '.join(['They slept for a while.'] * 12)}"]))
    assert made[0].count('"') % 2 == 0


def test_broken_rows_are_left_out_counted_and_named(write_corpus: WriteCorpus, tmp_path: Path) -> None:
    good: list[object] = [{"text": story_text(n), "source": "made up", "licence": "CC0"} for n in range(6)]
    folder = write_corpus("tinystories", [good[0], "{not json", *good[1:3], {"source": "x"}, "", "[1]", *good[3:]])
    counts, broken = slot_corpora(["tinystories"], tmp_path / "slotted.jsonl", folder)
    assert broken == [
        "tinystories.jsonl.xz, line 2: not JSON",
        "tinystories.jsonl.xz, line 5: no text",
        "tinystories.jsonl.xz, line 7: no text",
    ]
    assert counts["rows that cannot be read"] == 3
    assert counts["tinystories kept"] + counts["tinystories dropped"] == 6


def test_every_reader_gives_stories_of_at_least_two_paragraphs(write_corpus: WriteCorpus) -> None:
    for name in SOURCES:
        row = {"title": "The Pier", "summary": "Two friends sit.", "text": story_text(1).replace("\n", "\n\n") + "\n"}
        folder = write_corpus(name, [row, {**row, "text": row["text"] * 4}])
    stories = list(read(list(SOURCES), folder))
    assert {story.source for story in stories} == set(SOURCES)
    assert all(len(story.paragraphs) >= 2 for story in stories)


def test_missing_corpora_say_what_is_expected(tmp_path: Path, write_corpus: WriteCorpus) -> None:
    with pytest.raises(InputError, match=r"lacks fairytaleqa.jsonl.xz .*text, source and licence.*--worlds-only"):
        need_corpora(["fairytaleqa"], tmp_path)
    with pytest.raises(InputError, match="no reader for the corpus 'novels'"):
        need_corpora(["novels"], tmp_path)
    folder = write_corpus("tinystories", [{"text": story_text(n)} for n in range(40)])
    whole = (folder / "tinystories.jsonl.xz").read_bytes()
    (folder / "tinystories.jsonl.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is damaged"):
        list(read(["tinystories"], folder))


@pytest.fixture
def slotted(write_corpus: WriteCorpus, tmp_path: Path) -> Path:
    folder = write_corpus("tinystories", [{"text": story_text(n)} for n in range(150)])
    slot_corpora(["tinystories"], tmp_path / "slotted.jsonl", folder)
    return tmp_path / "slotted.jsonl"


def test_the_held_out_part_is_split_by_story(slotted: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    held = list(held_corpus_stories(slotted))
    trained = [story for story in slotted_stories(slotted) if not is_held(story)]
    assert held
    assert trained
    build_corpora(slotted, tmp_path / "data", tokenizer)
    texts = {}
    for part in ("train", "held"):
        shards = Shards(tmp_path / "data" / part)
        decoded = []
        for number in range(len(shards)):
            tokens, kinds = shards.row(number)
            assert set(kinds.tolist()) == {PROMPT, COMPLETION}
            decoded.append(tokenizer.decode(tokens[kinds == COMPLETION].tolist(), skip_special_tokens=False))
        texts[part] = set(decoded)
    paragraphs = {p.text for story in held for p in story.paragraphs} - {p.text for s in trained for p in s.paragraphs}
    assert paragraphs
    assert not {f"{text}<|end|>" for text in paragraphs} & texts["train"]
    assert {f"{text}<|end|>" for text in paragraphs} & texts["held"]
    assert not any(NAME.search(text) for text in texts["train"])


def test_a_build_gives_the_same_bytes_again(slotted: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    once, twice = (build_corpora(slotted, tmp_path / name, tokenizer)["sha256"] for name in "ab")
    assert once == twice


def test_rows_are_made_by_the_prompt_files(two_worlds: Path) -> None:
    story = tell(load_worlds(two_worlds)[0], 3)
    whole = list(rows(story, Shares(1, 1, 1, 1, 1), random.Random(0), count))
    assert {row.task for row in whole} == set(TASKS)
    generator = next(row for row in whole if row.task == "generator")
    paragraph, cast = story.paragraphs[0], split_members(story)[0]
    tags = re.search(r"<\|tags\|>([^,]*), (.*?), (?:first|third) person, \w+(?:, ([^<]+))?", generator.prompt)
    assert tags
    _, prompt = render(
        "generator/paragraph", "slots", genre=tags[1], tone=tags[2], pov=story.pov, tense=story.tense, cast=cast,
        theme=tags[3] or "", summary="", last="", purpose=paragraph.purpose, number=1,
        total=sum(p.part == 1 for p in story.paragraphs), part=1,
        parts=paragraph.parts, beat=paragraph.beat, stage=paragraph.stage,
    )  # fmt: skip
    assert (generator.prompt, generator.completion) == (prompt, paragraph.text)
    for row in whole:
        assert row.prompt.startswith(tuple(CONTROL))
        assert "{" not in row.prompt
    json.loads(next(row.completion for row in whole if row.task == "premise"))


def test_special_tokens_come_first_and_are_never_cut(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in special_tokens()] == list(range(len(special_tokens())))
    text = '<|write|><she1> had 12 keys, and <place2>\'s "door".<|end|>'
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("pretrain_*.yaml")), ids=lambda path: path.stem)
def test_every_pretraining_config_parses_and_shows_its_launch_line(path: Path) -> None:
    assert isinstance(load_config(path), Pretrain)
    assert path.read_text().startswith(f"# python -m finetune train pretrain --config finetune/configs/{path.name} ")


def test_a_wrong_key_is_named_with_the_near_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("learning_rat: 1\nmodel: {hiden: 3}\ndata: [{folder: x}]\nminutes: soon\n")
    with pytest.raises(InputError) as caught:
        load_config(path)
    message = str(caught.value)
    assert str(path) in message
    assert "no setting learning_rat (did you mean learning_rate?)" in message
    assert "no setting model.hiden (did you mean hidden?)" in message
    assert "minutes:" in message
    for text, fault in (("- 1\n", "holds no settings"), ("a: [", "is not YAML")):
        path.write_text(text)
        with pytest.raises(InputError, match=fault):
            load_config(path)
