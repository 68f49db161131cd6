from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.summaries import ExactSum

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
UNIT = Fraction(1, 2**1126)


def exact(values: list[float]) -> Fraction:
    return sum((Fraction(value) for value in values), Fraction(0))


@given(st.lists(DOUBLES, max_size=50))
def test_it_is_the_sum_of_fractions(values: list[float]) -> None:
    assert ExactSum.of(np.array(values)).units * UNIT == exact(values)


@given(st.lists(DOUBLES, max_size=50))
def test_its_value_is_the_double_nearest_to_the_sum(values: list[float]) -> None:
    try:
        nearest = float(exact(values))
    except OverflowError:
        nearest = math.inf if exact(values) > 0 else -math.inf
    assert ExactSum.of(np.array(values)).value == nearest


@given(st.lists(DOUBLES, max_size=30), st.lists(DOUBLES, max_size=30))
def test_parts_add_up_in_either_order(left: list[float], right: list[float]) -> None:
    whole = ExactSum.of(np.array(left + right))
    assert ExactSum.of(np.array(left)) + ExactSum.of(np.array(right)) == whole
    assert ExactSum.of(np.array(right)) + ExactSum.of(np.array(left)) == whole


@given(st.lists(DOUBLES, max_size=30))
def test_text_there_and_back(values: list[float]) -> None:
    total = ExactSum.of(np.array(values))
    assert ExactSum.load(total.dump()) == total


@given(st.lists(st.lists(DOUBLES.filter(lambda x: abs(x) < 1e300), min_size=1, max_size=5), max_size=6))
def test_carrying_the_rest_loses_nothing_on_a_wire_of_doubles(flushes: list[list[float]]) -> None:
    sent, rest = [], ExactSum()
    for flush in flushes:
        value, rest = (rest + ExactSum.of(np.array(flush))).rounded()
        sent.append(value)
    assert exact(sent) + rest.units * UNIT == exact([value for flush in flushes for value in flush])
    assert sent == [] or abs(rest.units * UNIT) <= Fraction(math.ulp(sent[-1])) / 2


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "0p0"),
        ([0.1, -0.1], "0p0"),
        ([6.0], "3p1"),
        ([-0.375], "-3p-3"),
        ([5e-324], "1p-1074"),
        ([1.7976931348623157e308], "1fffffffffffffp971"),
    ],
)
def test_golden_texts(values: list[float], text: str) -> None:
    assert ExactSum.of(np.array(values)).dump() == text


def test_many_values_of_one_magnitude() -> None:
    values = np.random.default_rng(1).uniform(1, 2, 100_000)
    assert ExactSum.of(values).value == math.fsum(values)
