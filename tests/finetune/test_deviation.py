"""Deviation: its properties for any embeddings, its edges, and how much of it is zero when responses are few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finetune.deviation import MEASURES, both, deviate, deviations, distances, floored, weights


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_unit(n: int, width: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, width)))


prompts = st.builds(
    random_unit, n=st.integers(1, 20), width=st.integers(2, 16), seed=st.integers(0, 2**32 - 1)
)  # fmt: skip
deviation_lists = arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1))


@given(prompts)
def test_a_response_s_distance_is_its_mean_cosine_distance_to_the_others(rows: np.ndarray) -> None:
    n = len(rows)
    plain = [np.mean([1 - rows[i] @ rows[j] for j in range(n) if j != i]) if n > 1 else 0.0 for i in range(n)]
    np.testing.assert_allclose(distances(rows), plain, atol=1e-12)


@given(prompts, prompts)
def test_weights_have_mean_one_and_stay_within_zero_and_n(one: np.ndarray, other: np.ndarray) -> None:
    n = min(len(one), len(other))
    for name, d in deviate({"semantic": one[:n], "style": other[:n]}).items():
        assert d.shape == (n,), name
        assert ((d >= 0) & (d <= 1)).all()
        delta = weights(d)
        assert delta.mean() == pytest.approx(1.0)
        assert ((delta >= 0) & (delta <= n * (1 + 1e-12))).all()


@given(prompts, st.randoms(use_true_random=False))
def test_the_order_of_the_responses_does_not_matter(rows: np.ndarray, random: object) -> None:
    order = np.array(random.sample(range(len(rows)), len(rows)))  # type: ignore[attr-defined]
    shuffled, plain = deviate({"semantic": rows[order]})["semantic"], deviate({"semantic": rows})["semantic"]
    np.testing.assert_allclose(shuffled, plain[order], atol=1e-6)


@given(deviation_lists, st.floats(0, 3))
def test_a_floor_lifts_what_is_below_it_and_nothing_else(d: np.ndarray, least: float) -> None:
    delta = weights(d)
    lifted = floored(delta, least)
    assert lifted.min() >= least
    np.testing.assert_array_equal(lifted[delta >= least], delta[delta >= least])


def test_the_floor_acts_where_the_scaling_has_put_a_zero() -> None:
    delta = weights(deviations(np.array([0.2, 0.3, 0.7])))
    assert delta.min() == 0
    assert floored(delta, 0.1).tolist() == [0.1, *delta[1:].tolist()]


def test_both_is_the_geometric_mean_and_a_measure_that_tells_nothing_apart_leaves_it_to_the_other() -> None:
    assert both(np.array([0.25, 1.0, 0.0]), np.array([1.0, 0.81, 1.0])).tolist() == [0.5, 0.9, 0.0]
    rows = random_unit(5, 4, 1)
    same = deviate({"semantic": rows, "style": np.tile([1.0, 0.0], (5, 1))})
    assert tuple(same) == MEASURES
    np.testing.assert_allclose(same["both"], np.sqrt(same["semantic"]))


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, 3)), np.array([[1.0, 0.0]]), random_unit(2, 8, 0), np.tile([0.6, 0.8], (7, 1)),
        np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ],
    ids=["no response", "one response", "two responses", "all the same", "all equally far"],
)  # fmt: skip
def test_where_no_response_stands_apart_all_weigh_one(rows: np.ndarray) -> None:
    found = deviate({"semantic": rows, "style": rows})
    assert all(weights(d).tolist() == [1.0] * len(rows) for d in found.values())


def test_noise_of_float32_is_not_taken_for_deviation() -> None:
    rows = np.tile(random_unit(1, 384, 3).astype(np.float32), (6, 1))
    assert weights(deviate({"semantic": rows + np.float32(3e-8)})["semantic"]).tolist() == [1.0] * 6


def test_deviations_that_are_nowhere_above_zero_weigh_one() -> None:
    assert weights(both(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]))).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("n", "single", "of_both"), [(4, 1 / 4, 0.4375), (16, 1 / 16, 0.1211)])
def test_with_few_responses_many_weights_are_zero(n: int, single: float, of_both: float) -> None:
    """The least of every prompt is scaled to 0; "both" is 0 where either is: 2/n - 1/n² when they are independent."""
    random = np.random.default_rng(5)
    zeros = dict.fromkeys(MEASURES, 0)
    for _ in range(2000):
        semantic, style = unit(random.normal(size=(n, 32))), unit(random.normal(size=(n, 32)))
        for name, d in deviate({"semantic": semantic, "style": style}).items():
            zeros[name] += int((weights(d) == 0).sum())
    share = {name: count / (2000 * n) for name, count in zeros.items()}
    assert share["semantic"] == share["style"] == single
    assert share["both"] == pytest.approx(of_both, abs=0.01)
    assert of_both == pytest.approx(2 / n - 1 / n**2, abs=1e-3)
