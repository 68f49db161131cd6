from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tidegauge.baseline.bounds import binned_bounds
from tidegauge.summaries import ExponentialSummary
from tidegauge.summaries.bins import Bins

VALUES = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0**-64, -(2.0**-64), 8.0, 1e300, -1e300]),
    st.floats(-1e6, 1e6),
    st.floats(allow_nan=False, allow_infinity=False),
)
MAGNITUDES = st.floats(2.0**-64, 2.0**64, exclude_min=True)


def lies_in(magnitude: float, index: int) -> bool:
    """Whether ``2**(index/8) < magnitude <= 2**((index+1)/8)``, raised to the eighth power to stay among fractions."""
    eighth = Fraction(magnitude) ** 8
    return Fraction(2) ** index < eighth <= Fraction(2) ** (index + 1)


@given(MAGNITUDES, st.sampled_from([1.0, -1.0]))
def test_a_value_lies_in_its_bin(magnitude: float, sign: float) -> None:
    summary = ExponentialSummary.of(np.array([sign * magnitude]))
    ((index, count),) = (summary.positive if sign > 0 else summary.negative).items()
    assert lies_in(magnitude, index)
    assert (count, summary.count, summary.zeros) == (1, 1, 0)


@pytest.mark.parametrize("index", range(-16, 16))
def test_the_doubles_around_an_edge(index: int) -> None:
    edge = 2.0 ** (index / 8)
    for magnitude in (np.nextafter(edge, 0), edge, np.nextafter(edge, np.inf)):
        ((found, _),) = ExponentialSummary.of(np.array([magnitude])).positive.items()
        assert lies_in(float(magnitude), found)


def test_the_ends() -> None:
    values = np.array([0.0, -0.0, 5e-324, 2.0**-64, -(2.0**-64), 2.0**64, 1e300, -1e300])
    summary = ExponentialSummary.of(values)
    assert (summary.positive, summary.negative, summary.zeros) == ({511: 2}, {511: 1}, 5)
    assert (summary.minimum, summary.maximum) == (-1e300, 1e300)


def test_nothing() -> None:
    empty = ExponentialSummary.of(np.array([]))
    assert empty.dump() == {"positive": [], "negative": [], "zeros": 0, "sum": "0p0", "range": None}


@given(arrays(np.float64, st.integers(1, 60), elements=VALUES), arrays(np.float64, st.integers(1, 60), elements=VALUES))
def test_counts_between_bounds_chosen_from_the_bins_are_those_of_the_values(
    reference: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    bounds = binned_bounds(ExponentialSummary.of(reference).bins())
    assert ExponentialSummary.fits(bounds) or bounds.tolist() == [0.0]
    if ExponentialSummary.fits(bounds):
        assert ExponentialSummary.of(values).count_between(bounds).tolist() == Bins(bounds).count(values).tolist()


def test_many_bins_are_pooled_to_some_forty_cells() -> None:
    values = np.random.default_rng(3).lognormal(0, 3, 50_000)
    summary = ExponentialSummary.of(values)
    bounds = binned_bounds(summary.bins())
    assert len(summary.bins()) > 150
    assert bounds.size + 1 <= 44
    assert summary.count_between(bounds).max() < 0.05 * values.size


def test_a_bound_inside_a_bin_does_not_fit() -> None:
    assert not ExponentialSummary.fits(np.array([1.0, 1.05]))
    assert not ExponentialSummary.fits(np.array([-1.0]))
    assert ExponentialSummary.fits(np.array([np.nextafter(-1.0, -np.inf), 2.0**-64, 1.0]))
