"""Posts with scores: the usual spellings are read, what lacks a score is named and the rest kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune.readers import posts
from finetune.readers.base import Options, Post
from finetune.readers.sources import source_of, works


def read(tmp_path: Path, *rows: object) -> tuple[list[Post], list[tuple[int | None, str]]]:
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    skipped: list[tuple[int | None, str]] = []
    return list(posts.read(path, lambda _, line, why: skipped.append((line, why)), Options())), skipped


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "P", "responses": [{"text": "A", "score": 5}, {"text": "B", "score": 2}]},
        {"title": "[WP] P", "comments": [{"body": "A", "ups": 5}, {"body": "B", "ups": "2"}]},
        {"writing_prompt": "P", "stories": ["A", "B"], "upvotes": [5, 2]},
        {"history": "P", "human_ref_A": "A", "human_ref_B": "B", "score_A": 5, "score_B": 2},
        {"question": "P", "chosen": "A", "rejected": "B", "chosen_score": 5, "score_rejected": 2},
    ],
)
def test_every_documented_spelling_gives_the_same_post(tmp_path: Path, row: object) -> None:
    (post,), skipped = read(tmp_path, row)
    assert skipped == []
    assert post.prompt == post.group == "P"
    assert [(r.text, r.score) for r in post.responses] == [("A", 5.0), ("B", 2.0)]


def test_rows_of_one_response_each_are_put_together_by_their_prompt(tmp_path: Path) -> None:
    rows = [{"prompt": p, "story": s, "score": n} for p, s, n in (("P", "A", 1), ("P", "B", 2), ("Q", "C", 3))]
    found, _ = read(tmp_path, *rows)
    assert [(post.prompt, len(post.responses)) for post in found] == [("P", 2), ("Q", 1)]


def test_what_cannot_be_used_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    found, skipped = read(
        tmp_path,
        {"prompt": "P", "responses": [{"text": "A", "score": 1}, {"text": "B"}, {"text": "", "score": 3}, "[deleted]"]},
        {"responses": []},
        {"prompt": "Q", "responses": []},
        {"prompt": "R", "responses": ["A", "B"], "scores": [1]},
        {"prompt": "S", "responses": [{"text": "A", "score": float("nan")}]},
    )
    assert [[r.text for r in post.responses] for post in found] == [["A"]]
    assert [why.partition(" (")[0] for _, why in skipped] == [
        "a response without a score", "a response without text", "a response without text", "no prompt", "no responses",
        "2 responses and 1 scores", "a response without a score",
    ]  # fmt: skip
    assert [line for line, _ in skipped] == [1, 1, 1, 2, 3, 4, 5]


def test_the_best_response_is_a_story_to_learn_from(tmp_path: Path) -> None:
    read(tmp_path, {"prompt": "P", "responses": [{"text": "A", "score": 1}, {"text": "B\n\nC", "score": 2}]})
    (work,) = works(source_of(f"posts:{tmp_path / 'posts.jsonl'}"), lambda *named: None, Options())
    assert (work.prompt, work.paragraphs) == ("P", ("B", "C"))
