from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from tidegauge_processor.performance.attribution import attribution_ndcg, mean_magnitude

weights = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 100), min_size=1)


def test_the_number_is_that_of_the_formula() -> None:
    # heaviest first now: b, c, a; in the reference they weigh 2, 1, 4
    gain = 2 / np.log2(2) + 1 / np.log2(3) + 4 / np.log2(4)
    best = 4 / np.log2(2) + 2 / np.log2(3) + 1 / np.log2(4)
    found = attribution_ndcg({"a": 4.0, "b": 2.0, "c": 1.0}, {"a": 0.1, "b": 0.9, "c": 0.5})
    assert found == pytest.approx(gain / best, rel=1e-15)


@given(weights)
def test_it_is_that_of_scikit_learn_where_nothing_ties(reference: dict[str, float]) -> None:
    names = sorted(reference)
    live = dict(zip(names, np.random.default_rng(len(names)).permutation(len(names)) + 1.0, strict=True))
    found = attribution_ndcg(reference, live)
    if len(names) > 1:  # scikit-learn refuses a single one
        expected = ndcg_score([[reference[name] for name in names]], [[live[name] for name in names]])
        assert found == pytest.approx(expected, rel=1e-12)


@given(weights, st.floats(0.01, 100))
def test_the_same_ranking_is_worth_one_whatever_the_scale(reference: dict[str, float], scale: float) -> None:
    if len(set(reference.values())) == len(reference) == len({weight * scale for weight in reference.values()}):
        assert attribution_ndcg(reference, {name: weight * scale for name, weight in reference.items()}) == 1.0


@given(weights, weights)
def test_it_lies_between_zero_and_one(reference: dict[str, float], live: dict[str, float]) -> None:
    found = attribution_ndcg(reference, live)
    assert found is None or 0 < found <= 1


def test_nothing_is_said_of_nothing() -> None:
    assert attribution_ndcg({}, {}) is None
    assert attribution_ndcg({"a": 1.0}, {"a": 0.0}) is None
    assert attribution_ndcg({"a": 0.0}, {"a": 1.0}) is None


def test_a_tie_is_not_taken_for_agreement() -> None:
    assert attribution_ndcg({"a": 4.0, "b": 1.0}, {"a": 1.0, "b": 1.0}) < 1  # type: ignore[operator]


def test_the_mean_magnitude_is_close_to_that_of_the_values() -> None:
    values = np.random.default_rng(5).normal(size=20_000)
    bounds = np.linspace(-3, 3, 61)
    counts = np.bincount(np.searchsorted(bounds, values), minlength=62)
    assert mean_magnitude(counts, bounds) == pytest.approx(np.abs(values).mean(), rel=0.01)
    assert mean_magnitude(np.zeros(3, dtype=np.int64), np.array([0.0, 1.0])) == 0
