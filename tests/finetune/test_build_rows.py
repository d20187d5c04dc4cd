"""From stories of any kind to rows: through the prompt files in use, the same every time, faults named and counted."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from corpus_samples import NAMES, story_text
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.engines.base import Completion, Request
from agents.engines.scripted import ScriptedEngine
from finetune.build.make import Wish, build
from finetune.build.plain_rows import dropped
from finetune.build.textrank import key_sentences, scores
from finetune.build.told import Common, stretches, tell
from finetune.data.folder import load_index, read_rows
from finetune.readers.base import Chapter, Options, Work
from finetune.readers.sources import source_of
from prompts.errors import EngineError, InputError


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """Forty stories as JSON lines, the tenth line broken."""
    path = tmp_path / "tales.jsonl"
    lines = [
        json.dumps({"text": story_text(n), "title": f"Tale {n}", "author": f"Writer {n % 20}", "licence": "CC0"})
        for n in range(40)
    ]
    lines.insert(9, '{"text": "it ends in the midst')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def wish(stories: Path, out: Path, *tasks: str, **more: Any) -> Wish:
    return Wish(out, (source_of(f"corpora:{stories}"),), tasks or ("generator", "summarizer"), **{"held": 0.2, **more})


def work(number: int = 1, copies: int = 1) -> Work:
    return Work("book", "made up", (Chapter(tuple(story_text(number).split("\n")) * copies),), title="The Pier")


def test_generator_rows_go_from_tags_summary_beat_and_last_paragraph_to_the_next(stories: Path, tmp_path: Path) -> None:
    index = build(wish(stories, tmp_path / "data", tag_dropout=0.0))
    rows = [r for split in ("train", "held") for r in read_rows(tmp_path / "data", split)]
    assert index["tasks"]["generator"] == sum(r["task"] == "generator" for r in rows) > 60
    texts = [" ".join(story_text(n).split()) for n in range(40)]
    for row in (r for r in rows if r["task"] == "generator"):
        assert row["licence"] == "CC0"
        assert row["system"].startswith("You are a novelist.")
        assert "Write the next paragraph" in row["prompt"]
        assert any(row["completion"] in text for text in texts)
        last = re.search(r"Last paragraph: (.*)", row["prompt"])
        assert last
        assert last[1] == "(none yet)" or last[1] != row["completion"]
        assert any(name in row["system"] for name in NAMES)
    second = next(r for r in rows if r["task"] == "generator" and "(none yet)" not in r["prompt"])
    assert "Story so far: (it begins here)" not in second["prompt"]


def test_summarizer_rows_go_from_summary_and_paragraph_to_the_next_summary(stories: Path, tmp_path: Path) -> None:
    build(wish(stories, tmp_path / "data", "summarizer", style="completion", held=0.0))
    for row in read_rows(tmp_path / "data", "train"):
        assert "system" not in row
        assert row["prompt"].startswith("You keep the running summary")
        before = re.search(r"Summary so far: (.*)", row["prompt"])
        paragraph = re.search(r"New paragraph: (.*)", row["prompt"])
        assert before
        assert paragraph
        kept = "" if before[1] == "(nothing yet)" else before[1]
        assert row["completion"].startswith(kept)
        assert row["completion"].removeprefix(kept).strip() in paragraph[1]


def test_the_same_wish_builds_the_same_data_set(stories: Path, tmp_path: Path) -> None:
    one, two = (build(wish(stories, tmp_path / name)) for name in "ab")
    assert one["hash"] == two["hash"]
    assert build(wish(stories, tmp_path / "c", seed=18))["hash"] != one["hash"]


def test_no_writer_is_both_learnt_from_and_held_out(stories: Path, tmp_path: Path) -> None:
    build(wish(stories, tmp_path / "data"))
    groups = [{r["group"] for r in read_rows(tmp_path / "data", split)} for split in ("train", "held")]
    assert all(groups)
    assert not groups[0] & groups[1]


def test_slots_rows_are_those_that_the_bundled_model_knows(stories: Path, tmp_path: Path) -> None:
    build(wish(stories, tmp_path / "data", "generator", style="slots", held=0.0))
    rows = list(read_rows(tmp_path / "data", "train"))
    assert rows
    for row in rows:
        assert row["prompt"].startswith("<|write|>")
        assert row["prompt"].endswith("<|text|>")
        assert not any(re.search(rf"\b{name}\b", row["completion"]) for name in NAMES)


def test_a_prompt_with_a_story_gives_a_story_row(tmp_path: Path) -> None:
    rows = [{"prompt": f"Write tale {n}.", "text": story_text(n)} for n in range(5)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    build(wish(tmp_path / "p.jsonl", tmp_path / "data", "story", held=0.0, story_words=150))
    found = {r["prompt"]: r["completion"] for r in read_rows(tmp_path / "data", "train")}
    assert set(found) == {r["prompt"] for r in rows}
    assert all(story_text(n).startswith(found[f"Write tale {n}."].split("\n\n")[0]) for n in range(5))
    assert all(len(text.split()) <= 150 for text in found.values())


def test_outlines_premises_and_titles_are_made_where_the_text_says_enough(tmp_path: Path) -> None:
    told = (
        "Mira, a lamp maker, was brave and lived near the harbour with a cat. Mira wanted to find the lost ship. "
        "Nobody knew where the ship lay. The harbour was grey that day, and the harbour master slept.\n"
        "Mira rowed out of the harbour alone. She looked for a week and Mira saw nothing but water and gulls.\n"
    ) + "\n".join(
        f"On day {n} Mira found a plank. She kept the plank, for it said {n} in red letters. Mira rowed on."
        for n in range(40)
    )
    (tmp_path / "p.jsonl").write_text(json.dumps({"text": told, "title": "The Lost Ship", "author": "A"}) + "\n")
    build(wish(tmp_path / "p.jsonl", tmp_path / "data", "outline", "premise", "title", held=0.0))
    rows = {r["task"]: r for r in read_rows(tmp_path / "data", "train")}
    assert set(rows) == {"outline", "premise", "title"}
    beats = json.loads(rows["outline"]["completion"])["beats"]
    assert f"each of these {len(beats)} steps" in rows["outline"]["prompt"]
    assert all(set(beat) == {"happens", "on_stage", "place", "change"} for beat in beats)
    assert all(beat["happens"] in told and beat["happens"].endswith(".") for beat in beats)
    assert "- Mira (she), lamp maker; brave; wants to find the lost ship\n" in rows["outline"]["prompt"]
    cast = json.loads(rows["premise"]["completion"])["cast"]
    assert cast[0] == {
        "name": "Mira", "pronouns": "she", "role": "lamp maker", "trait": "brave", "goal": "to find the lost ship"
    }  # fmt: skip
    assert rows["title"]["completion"] == "The Lost Ship"


def test_copies_of_a_story_are_learnt_once(tmp_path: Path) -> None:
    rows = [{"text": story_text(n), "title": title} for n in (1, 2) for title in ("One", "Another")]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    index = build(wish(tmp_path / "p.jsonl", tmp_path / "data", "generator", held=0.0))
    assert index["left_out"]["near copies"] == 2
    assert index["works"] == 4


def test_tags_are_dropped_at_the_wished_rate() -> None:
    (told,) = tell(work(), Common().counts, "1")
    rng = random.Random(1)
    premises = [dropped(told.premise, 0.15, rng) for _ in range(2000)]
    for tag in ("genre", "setting"):
        share = sum(getattr(p, tag) != getattr(told.premise, tag) for p in premises) / 2000
        assert 0.12 < share < 0.18 or getattr(told.premise, tag) == "any"


def test_long_chapters_are_told_as_several_stories_and_no_paragraph_is_lost() -> None:
    found = list(stretches(work(copies=40)))
    assert len(found) > 1
    assert max(len(paragraphs) for _, paragraphs in found) <= 40
    assert (
        " ".join(p for _, paragraphs in found for p in paragraphs).split()
        == " ".join(work(copies=40).paragraphs).split()
    )


def test_textrank_prefers_what_the_others_speak_of() -> None:
    texts = [
        "The ship left the harbour.",
        "A ship in the harbour is safe.",
        "The harbour and the ship were old.",
        "Soup is hot.",
    ]
    ranked = scores(texts)
    assert min(ranked) == ranked[3]
    assert sum(ranked) == pytest.approx(1)
    assert key_sentences(" ".join(texts))[0] != texts[3]
    assert key_sentences('"Go!" he said. The old ship left the harbour again.') == [
        "The old ship left the harbour again."
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(["The ship left.", "Mira saw the old ship go.", '"Stop!" said Oskar.', "It was."]), max_size=30
    )
)
def test_key_sentences_are_sentences_of_the_text_in_order(parts: list[str]) -> None:
    found = key_sentences(" ".join(parts), 2)
    assert len(found) <= 2
    assert all(sentence in " ".join(parts) for sentence in found)


class _Summing(ScriptedEngine):
    """Sums up as "Summary N."; gone from its ``last``-th call on."""

    def __init__(self, last: int = 10**9) -> None:
        super().__init__()
        self.last = last

    def complete(self, request: Request, on_text: Any = None) -> tuple[Completion, ...]:
        if self.calls >= self.last:
            raise EngineError("The server is gone.")
        self.calls += 1
        return (Completion(text=f"Summary {len(request.prompt.text)}.", tokens=2),)


def test_a_served_model_writes_the_summaries_and_is_never_asked_twice(stories: Path, tmp_path: Path) -> None:
    few = Options(limit=6)
    first, second, third = _Summing(7), _Summing(), _Summing()
    with pytest.raises(EngineError, match="gone"):
        build(wish(stories, tmp_path / "data", options=few), lambda: first)
    assert not (tmp_path / "data").exists()
    index = build(wish(stories, tmp_path / "data", options=few), lambda: second)
    build(wish(stories, tmp_path / "whole", options=few), lambda: third)
    assert first.calls + second.calls == third.calls
    assert load_index(tmp_path / "whole")["hash"] == index["hash"]
    assert {path.name for path in tmp_path.iterdir()} == {"tales.jsonl", "data", "whole"}
    row = next(r for r in read_rows(tmp_path / "data", "train") if r["task"] == "summarizer")
    assert re.fullmatch(r"Summary \d+\.", row["completion"])


def test_a_wish_without_a_source_or_a_task_is_refused(tmp_path: Path, stories: Path) -> None:
    with pytest.raises(InputError, match="Name one source"):
        Wish(tmp_path, (), ("generator",))
    with pytest.raises(InputError, match="--summaries server goes with chat"):
        build(wish(stories, tmp_path / "d", "generator", style="slots"), _Summing)
    assert list(tell(Work("g", "s", (Chapter(("It rained. It was cold.",) * 9),)), Common().counts, "1")) == []
    assert Options().split == "train"
