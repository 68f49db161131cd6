"""The laws on which everything else stands: however rows are split and in whatever order parts meet, the same bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import SummaryError
from tidegauge.summaries import CategorySummary, ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import Bins

BINS = Bins(np.array([-1e9, -1.0, 0.0, 1e-300, 1.0, 1e9]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, -1.0])
NAMES = st.sampled_from(["red", "blue", "_other", ""])

Summary = NumericSummary | ExponentialSummary | CategorySummary


def numeric(values: list[Any]) -> NumericSummary:
    return NumericSummary.of(np.array(values, dtype=float), BINS)


def exponential(values: list[Any]) -> ExponentialSummary:
    return ExponentialSummary.of(np.array(values, dtype=float))


KINDS: list[tuple[Callable[[list[Any]], Any], st.SearchStrategy[Any]]] = [
    (numeric, NUMBERS),
    (exponential, NUMBERS),
    (CategorySummary.of, NAMES),
]
each_kind = pytest.mark.parametrize(("summarise", "values"), KINDS, ids=["numeric", "exponential", "category"])


def text(summary: Summary) -> str:
    return json.dumps(summary.dump(), allow_nan=False)


@each_kind
@given(data=st.data())
def test_any_split_in_any_order_gives_the_same_bytes(
    summarise: Callable[[list[Any]], Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(values, max_size=40))
    part_of = data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows)))
    parts = [[row for row, part in zip(rows, part_of, strict=True) if part == number] for number in range(5)]
    total = summarise([])
    for part in data.draw(st.permutations(parts)):
        total += summarise(part)
    assert text(total) == text(summarise(rows))
    assert total == summarise(rows)
    assert total.count == len(rows)


@each_kind
@given(data=st.data())
def test_grouping_does_not_matter(
    summarise: Callable[[list[Any]], Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    first, second, third = data.draw(st.tuples(*[st.lists(values, max_size=15)] * 3))
    left = summarise(first)
    left += summarise(second)
    left += summarise(third)
    right = summarise(second)
    right += summarise(third)
    right += summarise(first)
    assert text(left) == text(right)


@each_kind
@given(data=st.data())
def test_there_and_back_through_json(
    summarise: Callable[[list[Any]], Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    summary = summarise(data.draw(st.lists(values, max_size=40)))
    read = type(summary).load(json.loads(text(summary)))
    assert read == summary
    assert text(read) == text(summary)


@each_kind
def test_summaries_of_other_rows_differ(summarise: Callable[[list[Any]], Any], values: st.SearchStrategy[Any]) -> None:
    ours, theirs = (["red"], ["blue"]) if summarise == CategorySummary.of else ([0.5], [0.25])
    assert summarise(ours) != summarise(theirs)
    assert summarise(ours) != "red"


def test_a_summary_as_a_literal() -> None:
    assert numeric([0.5, -7.0, 0.5, 1e10]).dump() == {
        "bounds": [-1e9, -1.0, 0.0, 1e-300, 1.0, 1e9],
        "counts": [0, 1, 0, 0, 2, 0, 1],
        "sum": "12a05f1fdp1",
        "range": [-7.0, 1e10],
    }


def test_different_bounds_do_not_merge() -> None:
    summary = numeric([1.0])
    with pytest.raises(SummaryError, match="two baselines"):
        summary += NumericSummary.of(np.array([1.0]), Bins(np.array([0.0])))
    with pytest.raises(SummaryError, match="2 bounds need 3 counts, not 2"):
        NumericSummary(np.array([0.0, 1.0]), np.array([1, 2]))


def test_a_point_from_the_wire_need_not_have_a_range() -> None:
    unranged = NumericSummary(np.array([0.0]), np.array([1, 2]))
    assert json.loads(text(unranged))["range"] is None
    unranged += NumericSummary.of(np.array([3.0]), Bins(np.array([0.0])))
    assert (unranged.minimum, unranged.maximum, unranged.count) == (3.0, 3.0, 4)
