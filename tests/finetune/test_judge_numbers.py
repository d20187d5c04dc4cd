"""The numbers of an evaluation against cases that are worked out by hand; nothing here needs the finetune extra."""

from __future__ import annotations

import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engines.scripted import ScriptedEngine
from finetune.judge import lexical, likelihood, spread, winning
from finetune.judge.bootstrap import estimate, exp_ratio, resamples, share
from finetune.judge.cases import Case, others
from finetune.judge.speaker import EngineSpeaker, seed_of
from prompts.errors import InputError

CASES = tuple(Case(f"{n:06}", f"Prompt {n}", (f"Story number {n} is told.",)) for n in range(12))


def test_distinct_n_counts_different_runs_of_words_in_all_texts_of_a_prompt() -> None:
    texts = ["The cat sat.", "the cat ran"]  # 6 words, 4 different; 4 pairs, 3 different
    assert lexical.distinct(texts, 1) == (4 / 6, 1.0)
    assert lexical.distinct(texts, 2) == (3 / 4, 1.0)
    assert lexical.distinct(["one", ""], 2) is None


def test_repetition_is_the_share_of_runs_of_four_words_that_were_said_before() -> None:
    # "a b c d a b c d" has 5 runs of four words, of which the last repeats the first.
    assert lexical.repeated(["a b c d a b c d", "a b c d"]) == (pytest.approx((1 / 5 + 0) / 2), 1.0)


def test_length_is_in_words() -> None:
    assert lexical.length(["One, two.", "three", ""]) == (1.0, 1.0)


def test_pairwise_distance_and_vendi_score_of_vectors_at_right_angles() -> None:
    same, apart = np.array([[1, 0], [1, 0]], np.float32), np.eye(3, dtype=np.float32)
    assert spread.pairwise(same) == (pytest.approx(0), 1)
    assert spread.pairwise(apart) == (pytest.approx(1), 1)
    assert spread.vendi(same) == (pytest.approx(1), 1)
    assert spread.vendi(apart) == (pytest.approx(3), 1)
    half = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    assert spread.vendi(half) == (pytest.approx(2), 1)
    assert spread.vendi(apart[:1]) is None


def test_the_vendi_score_of_two_texts_is_that_of_their_cosine() -> None:
    # Eigenvalues of [[1, c], [c, 1]] / 2 are (1 + c) / 2 and (1 - c) / 2.
    c = 0.6
    rows = np.array([[1, 0], [c, math.sqrt(1 - c * c)]], np.float32)
    expected = math.exp(-(0.8 * math.log(0.8) + 0.2 * math.log(0.2)))
    found = spread.vendi(rows)
    assert found is not None
    assert found[0] == pytest.approx(expected, rel=1e-5)


def test_mauve_is_asked_for_by_its_extra_and_gets_people_first(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, people = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    monkeypatch.setitem(sys.modules, "mauve", None)
    with pytest.raises(InputError, match=r"fabula\[mauve\]"):
        spread.mauve(texts, people)
    stand_in = types.ModuleType("mauve")
    stand_in.compute_mauve = lambda p_features, q_features, verbose, seed: types.SimpleNamespace(  # type: ignore[attr-defined]
        mauve=float(p_features.sum() - q_features.sum())
    )
    monkeypatch.setitem(sys.modules, "mauve", stand_in)
    assert spread.mauve(texts, people) == 6


def test_a_perplexity_is_that_of_all_tokens_and_not_a_mean_of_perplexities() -> None:
    sums = [
        likelihood.token_sums({"nats": 2.0, "tokens": 1, "words": 1}),
        likelihood.token_sums({"nats": 1.0, "tokens": 3, "words": 2}),
    ]
    assert estimate(sums, exp_ratio).value == pytest.approx(math.exp(3 / 4))
    words = [
        likelihood.word_sums({"nats": 2.0, "tokens": 1, "words": 1}),
        likelihood.word_sums({"nats": 1.0, "tokens": 3, "words": 2}),
    ]
    assert estimate(words, exp_ratio).value == pytest.approx(math.e)


def test_prompt_ranking_asks_whether_the_own_prompt_is_the_best() -> None:
    assert likelihood.ranked_first({"nats": [3.0, 3.1, 4.0]}) == (1, 1)
    assert likelihood.ranked_first({"nats": [3.0, 2.9, 4.0]}) == (0, 1)
    assert likelihood.ranked_first({"nats": [3.0, 3.0]}) == (0, 1)  # likely after any prompt
    assert likelihood.ranked_first({"nats": [3.0]}) is None


def test_rivals_have_other_prompts_and_stay_the_same() -> None:
    twins = (*CASES, Case("000099", CASES[0].prompt, ("x",)), Case("000098", CASES[1].prompt, ("y",)))
    drawn = others(CASES[0], twins, 9, seed=1)
    assert len({case.prompt for case in drawn}) == 9
    assert CASES[0].prompt not in {case.prompt for case in drawn}
    assert drawn == others(CASES[0], twins, 9, seed=1)
    assert drawn != others(CASES[0], twins, 9, seed=2)
    assert len(others(CASES[0], CASES[:3], 9, seed=1)) == 2


class Judge(ScriptedEngine):
    """Answers by ``likes``, a function of the two texts in the order in which they were shown."""

    def __init__(self, likes: object) -> None:
        def script(request: object, index: int) -> str:
            prompt = request.prompt.text  # type: ignore[attr-defined]
            first, second = prompt.split("Text 1:\n")[1].split("\n\nText 2:\n")
            return str(likes(first, second.split("\n\nWhich")[0]))  # type: ignore[operator]

        super().__init__(script)


@pytest.mark.parametrize(
    ("likes", "share"),
    [
        (lambda one, two: 1 if one == "good" else 2, 1.0),
        (lambda one, two: "Text 2." if one == "good" else "Text 1.", 0.0),
        (lambda one, two: 1, 0.5),  # always the first place
        (lambda one, two: "12 of one, a dozen of the other", 0.5),
        (lambda one, two: "", 0.5),
    ],
)  # fmt: skip
def test_the_judge_is_asked_in_both_orders_and_a_habit_is_a_tie(likes: object, share: float) -> None:
    judge = Judge(likes)
    assert winning.won(winning.ask(judge, CASES[0], "good", "bad", 1)) == (share, 1)
    assert judge.calls == 2


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10)), min_size=2, max_size=30), st.integers(0, 5))
def test_equal_seeds_give_equal_intervals(sums: list[tuple[float, float]], seed: int) -> None:
    found = estimate(sums, seed=seed, times=100)
    assert found == estimate(sums, seed=seed, times=100)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.high


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(400):
        sums = np.stack([rng.normal(3, 2, 60), np.ones(60)], 1)
        found = estimate(sums, seed=trial, times=400)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 3 <= found.high
    assert 0.90 <= covered / 400 <= 0.98


def test_a_share_that_is_all_or_none_is_not_certain() -> None:
    # Wilson: of ten, none may well be up to 0.278.
    assert share([(0, 1)] * 10) == (0, 0, pytest.approx(0.2775, abs=1e-4), 10)
    assert share([(1, 1)] * 10) == (1, pytest.approx(0.7225, abs=1e-4), 1, 10)
    mixed = [(1, 1), (0, 1), (0.5, 1)]
    assert share(mixed) == estimate(mixed)


def test_a_resample_draws_as_many_prompts_as_there_are() -> None:
    drawn = resamples(7, 3, 50)
    assert (drawn.sum(1) == 7).all()
    assert len(np.unique(drawn, axis=0)) > 40


def test_one_prompt_has_no_interval_and_none_no_number() -> None:
    assert estimate([(2.0, 1.0)]) == (2.0, None, None, 1)
    assert math.isnan(estimate([]).value)


def test_each_case_has_a_seed_of_its_own_wherever_it_stands() -> None:
    assert len({seed_of(case, 1) for case in CASES}) == len(CASES)
    assert seed_of(CASES[3], 1) == seed_of(Case("000003", "x", ()), 1) != seed_of(CASES[3], 2)


class Short(ScriptedEngine):
    context = 12

    def score(self, prompt: object, texts: object) -> list[list[float]]:
        assert self.count_tokens(prompt.joined()) + self.count_tokens(texts[0]) <= 12  # type: ignore[attr-defined, index]
        return super().score(prompt, texts)  # type: ignore[arg-type]


def test_a_prompt_too_long_for_an_engine_is_cut_at_its_beginning_and_a_text_too_long_is_left_out() -> None:
    speaker = EngineSpeaker(Short())
    long = Case("000000", " ".join(f"w{n}" for n in range(100)), ("a b c",))
    assert speaker.losses(long, "a b c") == [1, 1, 1]
    kept = speaker._prompt(long, 3).text.split()
    assert kept[-1] == "w99"
    whole = Case("000001", "short", (" ".join("abcdefghijklmnop"),))
    assert likelihood.score(speaker, whole)["tokens"] == 0
    assert likelihood.rank(speaker, whole, CASES, 2, 0)["nats"] == []


def test_nothing_of_the_judging_needs_torch_before_a_model_is_opened(tmp_path: Path) -> None:
    import subprocess

    code = "import sys, finetune.eval_cli, finetune.judge.metrics, finetune.judge.asking; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "False\n"
