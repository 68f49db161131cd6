from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegauge.baseline.bounds import numeric_bounds, score_bounds, valid_range
from tidegauge.summaries.bins import Bins

LARGEST = 1.7976931348623157e308
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


def bin_of(value: float, bounds: NDArray[np.float64]) -> tuple[float, float]:
    """Lower and upper end of the bin that holds ``value``."""
    place = int(np.searchsorted(bounds, value, side="left"))
    return (bounds[place - 1] if place else -math.inf), (bounds[place] if place < bounds.size else math.inf)


def holds_only(value: float, bounds: NDArray[np.float64]) -> bool:
    return bin_of(value, bounds) == (math.nextafter(value, -math.inf), value)


@given(st.lists(DOUBLES | st.sampled_from([0.0, -0.0, -1.0, 999.0]), min_size=1, max_size=300))
def test_bounds_of_anything_make_bins_with_nothing_outside(values: list[float]) -> None:
    column = np.array(values)
    bounds = numeric_bounds(column)
    counts = Bins(bounds).count(column)
    assert counts.sum() == column.size
    assert counts[-1] == 0
    assert bounds[-1] == column.max()
    if column.min() > -LARGEST:
        assert counts[0] == 0
        assert bounds[0] == math.nextafter(column.min(), -math.inf)
    low, high = valid_range(column)
    assert low <= column.min() <= column.max() <= high


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=100), st.sampled_from([-1.0, 0.0, 999.0, 0.1]))
def test_a_point_mass_has_its_own_bin(values: list[float], mass: float) -> None:
    assert holds_only(mass, numeric_bounds(np.array([*values, *[mass] * 10])))


def test_a_value_of_one_row_in_a_hundred_has_no_bin_of_its_own() -> None:
    spread = np.linspace(0, 100, 2000)
    assert not holds_only(50.0, numeric_bounds(np.append(spread, [50.0] * 15)))
    assert holds_only(50.0, numeric_bounds(np.append(spread, [50.0] * 25)))
    assert not holds_only(50.0, numeric_bounds(np.append(spread[::20], [50.0] * 9)))


def test_bins_of_a_continuous_column_hold_even_shares_and_fine_tails() -> None:
    column = np.random.default_rng(5).normal(size=100_000)
    shares = Bins(numeric_bounds(column)).count(column) / column.size
    assert shares.size == 42
    assert shares[:6] == pytest.approx([0, 0.001, 0.004, 0.005, 0.01, 1 / 32 - 0.02], abs=2e-5)
    assert shares[6:36] == pytest.approx(1 / 32, abs=2e-5)
    assert shares[36:] == pytest.approx([1 / 32 - 0.02, 0.01, 0.005, 0.004, 0.001, 0], abs=2e-5)


def test_a_constant() -> None:
    assert numeric_bounds(np.full(50, 7.0)).tolist() == [math.nextafter(7.0, 0), 7.0]
    assert valid_range(np.full(50, 7.0)) == (7.0, 7.0)


def test_no_values() -> None:
    assert numeric_bounds(np.array([])).tolist() == [0.0]
    assert valid_range(np.array([])) == (-LARGEST, LARGEST)


def test_small_integers_each_have_a_bin() -> None:
    months = np.repeat(np.arange(1.0, 13.0), 40)
    assert all(holds_only(month, numeric_bounds(months)) for month in months)


def test_the_widest_column() -> None:
    column = np.array([-LARGEST, 0.0, LARGEST])
    assert numeric_bounds(column).tolist() == [-LARGEST, 0.0, LARGEST]
    assert valid_range(column) == (-LARGEST, LARGEST)


def test_heavy_tails_keep_their_middle() -> None:
    column = np.random.default_rng(5).standard_cauchy(50_000)
    counts = Bins(numeric_bounds(column)).count(column)
    assert counts.max() <= 50_000 / 31


def test_scores_fall_into_a_hundred_bins() -> None:
    scores = np.random.default_rng(5).beta(2, 5, 50_000)
    counts = Bins(score_bounds(scores)).count(scores)
    assert counts.tolist() == [500] * 100


def test_equal_scores_share_a_bin() -> None:
    assert score_bounds(np.full(1000, 0.3)).tolist() == [0.3]
    assert score_bounds(np.array([-0.0, 0.0])).tolist() == [0.0]
    assert math.copysign(1, score_bounds(np.array([-0.0]))[0]) == 1
