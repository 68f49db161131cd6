from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegauge.summaries.bins import Bins

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
ENOUGH_FOR_THE_TABLE = 300


def close_to(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    near = [math.nextafter(bound, end) for bound in bounds.tolist() for end in (-math.inf, bound, math.inf)]
    return np.array([value for value in near if math.isfinite(value)])


def assert_as_by_search(bounds: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    values = np.resize(values, max(values.size, ENOUGH_FOR_THE_TABLE))
    bins = Bins(bounds)
    assert bins.index(values).tolist() == np.searchsorted(bounds, values, side="left").tolist()
    assert bins.count(values).sum() == values.size


@given(st.sets(DOUBLES, min_size=1, max_size=60), st.lists(DOUBLES, max_size=60))
def test_any_bounds_and_values(bounds: set[float], values: list[float]) -> None:
    ascending = np.unique(np.array(list(bounds)))
    assert_as_by_search(ascending, np.append(close_to(ascending), values))


@given(st.sets(st.integers(-500, 500), min_size=2, max_size=60), st.lists(st.floats(-60, 60), max_size=60))
def test_bounds_on_a_grid(bounds: set[int], values: list[float]) -> None:
    ascending = np.array(sorted(bounds)) / 10
    assert_as_by_search(ascending, np.append(close_to(ascending), values))


@given(DOUBLES, st.integers(1, 40))
def test_bins_one_ulp_wide(start: float, bounds: int) -> None:
    ascending = [start]
    while len(ascending) < bounds and math.isfinite(math.nextafter(ascending[-1], math.inf)):
        ascending.append(math.nextafter(ascending[-1], math.inf))
    assert_as_by_search(np.array(ascending), close_to(np.array(ascending)))


@pytest.mark.parametrize(
    "tail", [np.random.default_rng(3).standard_cauchy(20_000), np.exp(np.linspace(-700, 700, 999))]
)
def test_heavy_tails(tail: NDArray[np.float64]) -> None:
    assert_as_by_search(np.unique(np.quantile(tail, np.linspace(0, 1, 40))), tail)


def test_the_table_is_used_where_it_pays() -> None:
    values = np.random.default_rng(3).normal(size=50_000)
    assert_as_by_search(np.quantile(values, np.linspace(0.02, 0.98, 40)), values)


def test_a_bound_belongs_to_the_bin_below() -> None:
    assert Bins(np.array([1.0, 2.0])).count(np.array([1.0, 2.0])).tolist() == [1, 1, 0]


@pytest.mark.parametrize("bounds", [[], [1.0, 1.0], [2.0, 1.0], [math.nan], [0.0, math.inf], [[1.0]]])
def test_impossible_bounds_are_refused(bounds: list[float]) -> None:
    with pytest.raises(ValueError, match="bounds must"):
        Bins(np.array(bounds))


def test_bounds_cannot_be_changed_later() -> None:
    given_bounds = np.array([1.0, 2.0])
    bins = Bins(given_bounds)
    given_bounds[0] = 5.0
    assert bins.bounds.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        bins.bounds[0] = 5.0
