"""Responses become pairs: which two are taken, what gives none, and what each pair says of its chosen response."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.build.pairs import COPIES, EQUAL, NEAR, ONE, PairPlan, Tally, build_pairs, choose, pairs_of
from finetune.data.folder import DataFolder, load_index, read_rows
from finetune.embeddings import Embedder, Vectors, load_embedder
from prompts.errors import InputError


@dataclass
class Places:
    """Embeds a text as the direction of the number in it, in degrees; remembers how many it was asked for."""

    name: str = "places"
    asked: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        angles = np.radians([float(text.split()[-1]) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def prompt(number: int, *responses: tuple[float, float]) -> dict[str, Any]:
    """A row whose responses are (angle, score)."""
    texts = [{"text": f"response {angle:g}", "score": score} for angle, score in responses]
    return {"prompt": f"prompt {number}", "responses": texts, "group": f"group {number}", "source": "s", "licence": "l"}


@pytest.fixture
def places() -> dict[str, Embedder]:
    return {"semantic": Places(), "style": Places()}


def made(rows: list[dict[str, Any]], plan: PairPlan, embedders: dict[str, Embedder]) -> tuple[list[Any], Tally]:
    tally = Tally()
    return list(pairs_of(iter(rows), plan, embedders, tally)), tally


def scores_of(pairs: list[Any]) -> list[tuple[float, float]]:
    return [(pair["chosen_score"], pair["rejected_score"]) for pair in pairs]


FIVE = prompt(1, (0, 20), (10, 14), (90, 16), (5, 2), (20, 4))


def test_gap_takes_every_two_that_differ_enough_and_best_worst_takes_one(places: dict[str, Embedder]) -> None:
    pairs, _ = made([FIVE], PairPlan(), places)
    assert scores_of(pairs) == [(20, 14), (20, 4), (20, 2), (16, 4), (16, 2), (14, 4), (14, 2)]
    assert scores_of(made([FIVE], PairPlan(select="best_worst"), places)[0]) == [(20, 2)]
    some, _ = made([FIVE], PairPlan(most=3), places)
    assert len(some) == 3
    assert {pair["chosen"] + pair["rejected"] for pair in some} < {p["chosen"] + p["rejected"] for p in pairs}
    assert some == made([FIVE], PairPlan(most=3), places)[0]


def test_divpo_takes_the_most_diverse_of_the_best_against_the_least_diverse_of_the_worst(
    places: dict[str, Embedder],
) -> None:
    pairs, _ = made([FIVE], PairPlan(select="divpo"), places)  # within a quarter of 18: from 15.5 up, from 6.5 down
    assert scores_of(pairs) == [(16, 4)]
    assert pairs[0]["chosen"] == "response 90"
    assert scores_of(made([FIVE], PairPlan(select="divpo", rho=0.0), places)[0]) == [(20, 2)]


def test_a_pair_says_how_far_its_chosen_response_stands_apart(places: dict[str, Embedder]) -> None:
    pairs, _ = made([FIVE], PairPlan(), places)
    by_text = {pair["chosen"]: pair for pair in pairs}
    assert by_text["response 90"]["deviation"] == {"semantic": 1, "style": 1, "both": 1}
    assert 0 < by_text["response 10"]["delta"]["both"] < 1 < by_text["response 90"]["delta"]["both"]
    assert all(pair["group"] == "group 1" and pair["licence"] == "l" for pair in pairs)


def test_what_gives_no_pair_is_counted_and_nothing_of_it_is_embedded(places: dict[str, Embedder]) -> None:
    rows = [
        prompt(1, (0, 9)), prompt(2, (0, 7), (50, 7), (90, 7)), prompt(3, (0, 7), (50, 4)),
        prompt(4, (0, 7), (0, 30), (0, 1)), FIVE,
    ]  # fmt: skip
    pairs, tally = made(rows, PairPlan(), places)
    assert len(pairs) == 7
    assert tally.left_out == {ONE: 2, EQUAL: 1, NEAR: 1, COPIES: 2}
    assert tally.prompts == 5
    assert len(places["style"].asked) == 5  # type: ignore[attr-defined]


def test_two_responses_are_equally_far_apart_and_weigh_one(places: dict[str, Embedder]) -> None:
    pairs, _ = made([prompt(1, (0, 9), (70, 1))], PairPlan(), places)
    assert pairs[0]["delta"] == {"semantic": 1, "style": 1, "both": 1}


def test_fewer_responses_a_prompt_are_a_part_of_more(places: dict[str, Embedder]) -> None:
    row = prompt(1, *((angle, angle) for angle in range(0, 160, 10)))

    def used(count: int) -> set[str]:
        pairs, _ = made([row], PairPlan(responses=count, gap=0), places)
        assert len(pairs) == count * (count - 1) / 2
        return {text for pair in pairs for text in (pair["chosen"], pair["rejected"])}

    assert used(2) < used(4) < used(8) < used(16)


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.floats(0, 1)), min_size=2, max_size=12),
    st.sampled_from(["gap", "best_worst", "divpo"]), st.floats(0, 12), st.floats(0, 0.49),
)  # fmt: skip
def test_the_chosen_response_is_always_the_better_one_by_the_gap(
    responses: list[tuple[int, float]], select: Any, gap: float, rho: float
) -> None:
    scores = [score for score, _ in responses]
    pairs = choose(scores, np.array([d for _, d in responses]), PairPlan(select=select, gap=gap, rho=rho))
    assert len(set(pairs)) == len(pairs)
    for chosen, rejected in pairs:
        assert scores[chosen] > scores[rejected]
        assert scores[chosen] - scores[rejected] >= gap
    if select == "gap":
        wanted = sum(a > b and a - b >= gap for a in scores for b in scores)
        assert len(pairs) == wanted
    else:
        assert len(pairs) <= 1


def responses_folder(out: Path, rows: list[dict[str, Any]]) -> Path:
    with DataFolder(out, "responses", held=0.3) as folder:
        for row in rows:
            assert folder.add(row)
        folder.finish()
    return out


def test_a_data_set_of_responses_becomes_one_of_pairs_with_the_same_prompts_held_out(
    tmp_path: Path, places: dict[str, Embedder]
) -> None:
    rows = [prompt(n, (n, 20), (2 * n + 40, 14), (90.5, n % 7), (20.5, 2)) for n in range(1, 41)]
    source = responses_folder(tmp_path / "responses", [*rows, prompt(99, (1, 3))])
    index = build_pairs(source, tmp_path / "pairs", PairPlan(), embedders=places)
    assert index == load_index(tmp_path / "pairs")
    assert index["kind"] == "preference"
    assert index["pairs"]["prompts"] == 41
    assert index["pairs"]["left_out"] == {ONE: 1}
    assert index["pairs"]["embedders"] == {"semantic": "places", "style": "places"}
    assert 0 < index["pairs"]["share_of_delta_0"]["semantic"] <= index["pairs"]["share_of_delta_0"]["both"]
    assert index["counts"]["train"] + index["counts"]["held"] == index["pairs"]["pairs"]
    for split in ("train", "held"):
        before = {row["group"] for row in read_rows(source, split)}  # type: ignore[arg-type]
        assert {row["group"] for row in read_rows(tmp_path / "pairs", split)} <= before  # type: ignore[arg-type]
    assert index["counts"]["held"] > 0


def test_embeddings_are_kept_so_that_the_next_plan_embeds_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "vectors.sqlite"
    words = ["ran", "slept", "was told of it", "had been there"]
    row = {
        "prompt": "p", "group": "g", "source": "s",
        "responses": [{"text": f"She {word} and I laughed.", "score": 9 * n} for n, word in enumerate(words)],
    }  # fmt: skip
    source = responses_folder(tmp_path / "responses", [row])
    plan = PairPlan(semantic="style")
    build_pairs(source, tmp_path / "one", plan, cache=cache)
    before = cache.read_bytes()
    build_pairs(source, tmp_path / "two", PairPlan(semantic="style", select="divpo"), cache=cache)
    assert cache.read_bytes() == before
    assert load_index(tmp_path / "two")["pairs"]["embedders"]["style"] == load_embedder("style").name


def test_nothing_to_pair_is_one_sentence_that_says_why_and_leaves_nothing_behind(
    tmp_path: Path, places: dict[str, Embedder]
) -> None:
    source = responses_folder(tmp_path / "responses", [prompt(1, (1, 3)), prompt(2, (1, 3), (2, 1))])
    with pytest.raises(InputError, match=r"gives no pair: of 2 prompts there were 1 .* one response.*; lower gap"):
        build_pairs(source, tmp_path / "pairs", PairPlan(), embedders=places)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["responses"]


def test_pairs_of_pairs_are_refused(tmp_path: Path, places: dict[str, Embedder]) -> None:
    source = responses_folder(tmp_path / "responses", [FIVE])
    build_pairs(source, tmp_path / "pairs", PairPlan(), embedders=places)
    with pytest.raises(InputError, match="holds preference rows"):
        build_pairs(tmp_path / "pairs", tmp_path / "again", PairPlan(), embedders=places)
    assert json.loads((tmp_path / "pairs" / "data.json").read_text())["pairs"]["plan"]["select"] == "gap"
