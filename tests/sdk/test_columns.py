from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.columns import categorical_column, category, is_missing, numeric_column

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    "column",
    [
        [1, 2.5, None],
        (1.0, 2.5, NAN),
        np.array([1.0, 2.5, NAN], dtype=np.float32),
        np.array([1, 2.5, None], dtype=object),
        pd.Series([1, 2.5, None]),
        pd.Series([1, 2.5, None], dtype="Float64"),
        pd.Series([1, 2.5, pd.NA], dtype=object),
        pa.chunked_array([[1.0, 2.5, None]]),
        [Decimal(1), Fraction(5, 2), Decimal("NaN")],
        iter([1, 2.5, None]),
    ],
)
def test_a_number_is_the_same_in_any_container(column: Any) -> None:
    read = numeric_column(column)
    assert np.array_equal(read.values, [1.0, 2.5, NAN], equal_nan=True)
    assert (read.missing.tolist(), read.mismatched.tolist()) == ([False, False, True], [False] * 3)
    assert read.finite.tolist() == [1.0, 2.5]


def test_what_is_no_number_is_mismatched_and_not_missing() -> None:
    read = numeric_column(["3", 1, None, [1], object(), True, 10**400, -INF])
    assert np.array_equal(read.values, [NAN, 1.0, NAN, NAN, NAN, 1.0, INF, -INF], equal_nan=True)
    assert read.mismatched.tolist() == [True, False, False, True, True, False, False, False]
    assert read.missing.tolist() == [False, False, True] + [False] * 5


def test_text_arrays_hold_no_numbers() -> None:
    assert numeric_column(np.array(["1", "2"])).mismatched.tolist() == [True, True]


@pytest.mark.parametrize(
    "column",
    [
        ["a", None, "b"],
        np.array(["a", None, "b"], dtype=object),
        pd.Series(["a", None, "b"]),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pa.chunked_array([["a", None, "b"]]),
        pa.chunked_array([pa.array(["a", None, "b"]).dictionary_encode()]),
    ],
)
def test_a_category_is_the_same_in_any_container(column: Any) -> None:
    read = categorical_column(column)
    assert (read.values, read.missing, read.mismatched) == (["a", None, "b"], 1, 0)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (True, "true"),
        (np.False_, "false"),
        (3, "3"),
        (3.0, "3"),
        (np.float32(3), "3"),
        (np.int8(3), "3"),
        (Decimal("3.0"), "3"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (2**63 + 1, "9223372036854775809"),
        (np.int64(2**62 + 1), "4611686018427387905"),
        (10**400, "1" + "0" * 127),
        (INF, "inf"),
        ("", ""),
        ("x" * 200, "x" * 128),
        (b"bytes", None),
        ([1], None),
        (1j, None),
    ],
)
def test_the_spelling_of_a_category(value: Any, spelled: str | None) -> None:
    assert category(value) == spelled


def test_what_is_no_category_is_mismatched_and_not_missing() -> None:
    read = categorical_column([[1], None, {}, "x"])
    assert (read.values, read.missing, read.mismatched) == ([None, None, None, "x"], 1, 2)


@pytest.mark.parametrize(
    "value", [None, NAN, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "s"), Decimal("NaN")]
)
def test_missing_values(value: Any) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, "", "nan", False, INF, [], np.array([1.0, NAN]), pd.Timestamp(0)])
def test_values_that_are_not_missing(value: Any) -> None:
    assert not is_missing(value)


@given(st.lists(st.floats() | st.integers(-(2**53), 2**53) | st.booleans() | st.none(), max_size=30))
def test_objects_and_doubles_are_read_alike(values: list[Any]) -> None:
    doubles = np.array([NAN if value is None else value for value in values], dtype=float)
    assert np.array_equal(numeric_column(values).values, numeric_column(doubles).values, equal_nan=True)


@given(st.lists(st.text() | st.integers() | st.booleans() | st.none(), max_size=30))
def test_a_column_spells_like_a_value(values: list[Any]) -> None:
    assert categorical_column(values).values == [None if value is None else category(value) for value in values]


@given(st.lists(st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, NAN]), max_size=30))
def test_codes_in_an_array_are_spelled_like_values(values: list[float]) -> None:
    expected = categorical_column(values)
    assert categorical_column(np.array(values, dtype=float)) == expected
    assert categorical_column(pd.Series(values, dtype=float)) == expected


def test_truths_in_an_array_are_spelled_like_values() -> None:
    assert categorical_column(np.array([True, False, True])).values == ["true", "false", "true"]
