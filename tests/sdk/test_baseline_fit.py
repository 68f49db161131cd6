from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.baseline import Baseline, CategoricalFeature, NumericFeature
from tidegauge.errors import BaselineError

NAN = float("nan")


def fit(df: Any, **options: Any) -> Baseline:
    return Baseline.fit(df, **{"model": "m", "version": "1", "task": "binary"} | options)


def numeric(df: Any, name: str, **options: Any) -> NumericFeature:
    feature = fit(df, **options).feature(name)
    assert isinstance(feature, NumericFeature)
    return feature


def categorical(df: Any, name: str, **options: Any) -> CategoricalFeature:
    feature = fit(df, **options).feature(name)
    assert isinstance(feature, CategoricalFeature)
    return feature


def kind(column: Any, **options: Any) -> str:
    feature = fit(pd.DataFrame({"x": column}), **options).features[0]
    if isinstance(feature, NumericFeature):
        return "numeric"
    return "boolean" if feature.boolean else "categorical"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2], "numeric"),
        ([1.5, None], "numeric"),
        (pd.array([1, None], dtype="Int64"), "numeric"),
        (pd.Series([1, None, 2.5], dtype=object), "numeric"),
        ([NAN, NAN], "numeric"),
        ([True, False], "boolean"),
        (pd.Series([True, None], dtype=object), "boolean"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (["a", "b"], "categorical"),
        (pd.Series(["a", None, 3], dtype=object), "categorical"),
        (pd.Series(["a", None], dtype="category"), "categorical"),
        (pd.Series([3, 4], dtype="category"), "categorical"),
        (pd.Series([None, None], dtype=object), "categorical"),
    ],
)
def test_the_type_of_a_column(column: Any, expected: str) -> None:
    assert kind(column) == expected


def test_numbers_can_be_codes() -> None:
    assert kind([3, 4, 3], categorical=["x"]) == "categorical"
    codes = categorical(pd.DataFrame({"x": [3.0, 4.0, 3.0, NAN]}), "x", categorical=["x"])
    assert codes.categories == ("3", "4")
    assert (codes.counts.tolist(), codes.missing.tolist()) == ([[2, 0, 0, 1]], [1])


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.sampled_from("abc"),
            st.none() | st.booleans(),
            st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_counts_and_missing_add_up_to_the_rows(rows: list[tuple[Any, ...]]) -> None:
    df = pd.DataFrame(rows, columns=["number", "letter", "flag", "time"])
    df = df.astype({"number": float, "letter": object, "flag": object})
    baseline = fit(df, timestamp="time", features=["number", "letter", "flag"])
    for feature in baseline.features:
        assert feature.counts.sum() + feature.missing.sum() == len(rows) == baseline.rows
    assert Baseline.from_bytes(baseline.to_bytes()) == baseline


def test_a_numeric_feature_in_numbers() -> None:
    feature = numeric(pd.DataFrame({"x": [1.0, 2.0, 3.0, NAN, np.inf]}), "x")
    below = np.nextafter(1.0, 0)
    assert feature.bounds.tolist() == [below, 1.0, 2.0, 3.0]
    assert feature.counts.tolist() == [[0, 1, 1, 1, 0]]
    assert feature.missing.tolist() == [1]
    assert (feature.low, feature.high) == (-1.0, 5.0)


def test_ranges_override_what_the_data_says() -> None:
    feature = numeric(pd.DataFrame({"x": [1.0, 2.0]}), "x", ranges={"x": (0, 10)})
    assert (feature.low, feature.high) == (0.0, 10.0)


def test_sentinels_and_integers() -> None:
    rng = np.random.default_rng(11)
    df = pd.DataFrame({"x": np.concatenate([rng.normal(50, 5, 950), np.full(30, -1.0), np.full(20, 999.0)])})
    feature = numeric(df, "x")
    for sentinel, rows in ((-1.0, 30), (999.0, 20)):
        (place,) = feature.bins.index(np.array([sentinel]))
        assert feature.counts[0, place] == rows
        assert feature.bounds[place - 1] == np.nextafter(sentinel, -np.inf)


def test_an_empty_column_knows_nothing() -> None:
    feature = numeric(pd.DataFrame({"x": [NAN, NAN], "y": [1, 2]}), "x")
    assert (feature.counts.tolist(), feature.missing.tolist()) == ([[0, 0]], [2])
    assert feature.low < -1e308
    unknown = categorical(pd.DataFrame({"x": pd.Series([None, None], dtype=object)}), "x")
    assert (unknown.labels, unknown.counts.tolist(), unknown.missing.tolist()) == (("_other", "_unseen"), [[0, 0]], [2])


def test_a_boolean_knows_both_values() -> None:
    feature = categorical(pd.DataFrame({"x": [True, True]}), "x")
    assert (feature.categories, feature.counts.tolist()) == (("false", "true"), [[0, 2, 0, 0]])


def test_the_most_frequent_categories_have_counts() -> None:
    values = [f"c{i:03}" for i in range(100) for _ in range(100 - i)]
    feature = categorical(pd.DataFrame({"x": values}), "x")
    assert feature.categories == tuple(f"c{i:03}" for i in range(63))
    assert feature.others == tuple(f"c{i:03}" for i in range(63, 100))
    assert not feature.open
    assert feature.counts[0, -2:].tolist() == [sum(100 - i for i in range(63, 99)), 1]  # c099 occurs once


def test_a_large_vocabulary_is_open() -> None:
    listed = categorical(pd.DataFrame({"x": [str(i) for i in range(1063)]}), "x")
    assert (len(listed.others), listed.open, listed.place("1063")) == (1000, False, "_unseen")
    opened = categorical(pd.DataFrame({"x": [str(i) for i in range(1064)]}), "x")
    assert (opened.others, opened.open, opened.place("1064")) == ((), True, "_other")
    assert opened.counts[0].tolist() == [0] * 63 + [1064, 0]


def test_categories_come_from_the_training_rows_and_others_are_unseen() -> None:
    training = pd.DataFrame({"x": ["a", "a", "b", "c"], "y": 1})
    reference = pd.DataFrame({"x": ["a", "b", "b", "d", None], "y": 1})
    feature = categorical(reference, "x", categories_from=training)
    assert feature.categories == ("a", "b", "c")
    assert feature.counts.tolist() == [[1, 2, 0, 0, 1]]
    assert feature.missing.tolist() == [1]
    own = categorical(reference, "x")
    assert (own.categories, own.counts.tolist()) == (("b", "a", "d"), [[2, 0, 0, 0, 2]])


def test_what_the_reference_has_met_once_tells_how_many_will_be_new() -> None:
    """By season slot, of text and of codes; true and false are all that there can be."""
    times = pd.date_range("2026-01-05", periods=24 * 14, freq="h", tz="UTC").repeat(50)
    values = ["a", "b"] * (24 * 14 * 25)
    values[5 * 50], values[(24 + 7) * 50] = "once", "too"
    codes = [7 if value == "once" else 1 for value in values]
    seldom = [value == "once" for value in values]
    df = pd.DataFrame({"x": values, "code": codes, "flag": seldom, "t": times})
    text, code, flag = (fit(df, timestamp="t", categorical=["code"]).feature(name) for name in ("x", "code", "flag"))
    assert text.counts.shape[0] == code.counts.shape[0] == 24
    assert np.flatnonzero(text.counts[:, -1]).tolist() == [5, 7]
    assert np.flatnonzero(code.counts[:, -1]).tolist() == [5]
    assert (text.counts.sum(), text.place("once"), text.place("new")) == (len(df), "once", "_unseen")
    assert flag.counts.sum(axis=0).tolist() == [len(df) - 1, 1, 0, 0]


def test_reserved_names_are_never_categories() -> None:
    feature = categorical(pd.DataFrame({"x": ["_unseen", "_other", "a"] * 2}), "x")
    assert (feature.categories, feature.others) == (("a",), ("_other", "_unseen"))
    assert feature.counts.tolist() == [[2, 4, 0]]


def test_features_are_all_columns_but_those_with_another_role() -> None:
    df = pd.DataFrame({"a": [1, 2], "b": [1, 2], "p": [0, 1], "s": [0.1, 0.9], "y": [0, 1], "t": [1.7e9, 1.7e9]})
    roles = {"prediction": "p", "score": "s", "label": "y", "timestamp": "t"}
    assert [feature.name for feature in fit(df, **roles).features] == ["a", "b"]
    assert [feature.name for feature in fit(df, exclude=["a"], **roles).features] == ["b"]
    assert [feature.name for feature in fit(df, features=["b", "a"], **roles).features] == ["b", "a"]
    assert [feature.name for feature in fit(df, features=["b", "a"], exclude=["a"], **roles).features] == ["b"]


def test_names_that_are_no_text() -> None:
    baseline = fit(pd.DataFrame({0: [1, 2], 1: [3, 4]}), exclude=[1])
    assert [feature.name for feature in baseline.features] == ["0"]


MOMENTS = [datetime(2024, 1, 1, 3, 30), datetime(2024, 7, 1, 4, 30, 0, 250_000)]
NANOSECONDS = [1_704_079_800_000_000_000, 1_719_808_200_250_000_000]


@pytest.mark.parametrize(
    "times",
    [
        pd.Series(MOMENTS),
        pd.Series(MOMENTS).astype("datetime64[ms]"),
        pd.Series(MOMENTS).dt.tz_localize("UTC").dt.tz_convert("America/New_York"),
        pd.Series([moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5))) for moment in MOMENTS]),
        pd.Series(MOMENTS, dtype=object),
        pd.Series([moment.isoformat() for moment in MOMENTS]),
        pd.Series(["2024-01-01T03:30:00Z", "2024-07-01 06:30:00.250+02:00"]),
        pd.Series(NANOSECONDS),
        pd.Series(NANOSECONDS, dtype=object),
        pd.Series([ns / 1e9 for ns in NANOSECONDS]),
    ],
)
def test_times_in_any_form(times: Any) -> None:
    baseline = fit(pd.DataFrame({"t": times, "x": 1}), timestamp="t")
    assert [baseline.start, baseline.end] == NANOSECONDS


def test_times_of_an_arrow_table() -> None:
    table = pa.table({"t": pa.array(MOMENTS, pa.timestamp("us", tz="Europe/Berlin")), "x": ["a", None]})
    table = table.set_column(1, "x", table["x"].dictionary_encode())
    baseline = fit(table, timestamp="t")
    assert [baseline.start, baseline.end] == NANOSECONDS
    assert baseline.feature("x").counts.tolist() == [[0, 0, 1]]
    assert baseline.feature("x").missing.tolist() == [1]


def test_whole_seconds() -> None:
    baseline = fit(pd.DataFrame({"t": [1_704_079_800, 1_704_079_801], "x": 1}), timestamp="t")
    assert [baseline.start, baseline.end] == [1_704_079_800_000_000_000, 1_704_079_801_000_000_000]


def test_counts_are_kept_by_hour_of_the_day() -> None:
    hours = pd.date_range("2024-01-01", periods=24 * 20, freq="h").repeat(10)
    df = pd.DataFrame({"t": hours, "x": hours.hour.astype(float), "c": np.where(hours.hour < 12, "am", "pm")})
    df.loc[df.x == 5, "c"] = None
    df["p"] = (df.x >= 12).astype(int)
    df["s"] = df.x / 24
    baseline = fit(df, timestamp="t", prediction="p", score="s")
    x, c = baseline.features
    assert baseline.slots == 24
    assert x.counts.sum(axis=1).tolist() == [200] * 24
    assert isinstance(x, NumericFeature)
    assert x.bins.index(np.arange(24.0)).tolist() == x.counts.argmax(axis=1).tolist()
    assert c.counts[:, 0].tolist() == [0] * 12 + [200] * 12
    assert c.missing.tolist() == [0] * 5 + [200] + [0] * 18
    assert baseline.class_counts is not None
    assert baseline.class_counts.tolist() == [[200, 0]] * 12 + [[0, 200]] * 12
    assert baseline.score is not None
    assert baseline.score.counts.sum(axis=2).tolist() == baseline.class_counts.tolist()
    night = baseline.slots_of(1_704_067_200 * 10**9, 1_704_067_200 * 10**9 + 2 * 3_600 * 10**9)
    assert np.flatnonzero(night).tolist() == [0, 1]


def test_the_same_rows_give_the_same_id() -> None:
    rng = np.random.default_rng(2)
    df = pd.DataFrame({"x": rng.normal(size=500), "c": rng.choice(list("abc"), 500), "y": rng.integers(0, 2, 500)})
    shuffled = df.sample(frac=1, random_state=3)
    assert fit(df, label="y").id == fit(shuffled, label="y").id
    assert fit(pa.Table.from_pandas(df), label="y").id == fit(df, label="y").id
    assert fit(df, label="y").id != fit(df.iloc[1:], label="y").id


FRAME = pd.DataFrame({"income": [1.0, 2.0], "colour": ["a", "b"], "s": [0.2, 0.7], "y": [0, 1]})


@pytest.mark.parametrize(
    ("df", "options", "message"),
    [
        ([1, 2], {}, "a data frame of pandas, polars or pyarrow is needed, not list"),
        (FRAME.iloc[:0], {}, "the data has no rows"),
        (FRAME[["y"]], {"label": "y"}, "no column is left to be a feature"),
        (FRAME[["y", "y"]], {}, "two columns of the data have the same name"),
        (
            FRAME,
            {"task": "binery"},
            "unknown task 'binery': it must be one of binary, multiclass, regression, ranking, ",
        ),
        (FRAME, {"label": "yy"}, r"the data has no column 'yy'; did you mean 'y'\?"),
        (FRAME, {"features": ["incme"]}, r"the data has no column 'incme'; did you mean 'income'\?"),
        (FRAME, {"exclude": ["nothing like it"]}, "the data has no column 'nothing like it'$"),
        (FRAME, {"exclude": "income"}, "exclude must be a list of column names, not the text 'income'"),
        (FRAME, {"features": ["y"], "label": "y"}, "column 'y' is the label, so it cannot be a feature"),
        (FRAME, {"categorical": ["y"], "label": "y"}, "categorical names 'y', which is not among the features"),
        (FRAME, {"ranges": {"incom": (0, 1)}}, r"ranges names 'incom', .*; did you mean 'income'\?"),
        (FRAME, {"ranges": {"colour": (0, 1)}}, "ranges names 'colour', which is categorical"),
        (FRAME, {"ranges": {"income": (1, 0)}}, "range of 'income' must be two finite, ascending numbers, not 1 and 0"),
        (FRAME, {"categories_from": FRAME[["y"]]}, "the data has no column 'colour'"),
        (FRAME.assign(d=MOMENTS), {}, r"column 'd' holds datetime64\[[un]s\], which is no feature: leave it out"),
        (FRAME.assign(d=[date(2024, 1, 1), None]), {}, "column 'd' holds date, which is no feature"),
        (FRAME.assign(d=[["a"], "b"]), {}, "column 'd': 1 rows hold neither text nor numbers"),
        (FRAME.assign(t=[pd.NaT, MOMENTS[0]]), {"timestamp": "t"}, "column 't': 1 of 2 times are missing"),
        (FRAME.assign(t=[NAN, 1.7e9]), {"timestamp": "t"}, "column 't': 1 of 2 times are missing"),
        (FRAME.assign(t=[None, "2024-01-01"]), {"timestamp": "t"}, "column 't': 1 of 2 times are missing"),
        (
            FRAME.assign(t=["1.1.2024", "x"]),
            {"timestamp": "t"},
            "column 't' holds '1.1.2024', which is no time",
        ),
        (FRAME.assign(t=[date(2024, 1, 1)] * 2), {"timestamp": "t"}, "column 't' holds '2024-01-01', which is no time"),
        (FRAME.assign(t=[True, False]), {"timestamp": "t"}, "column 't' holds bool, which is no time"),
        (FRAME.assign(t=[1.7e12, 1.7e12]), {"timestamp": "t"}, r"column 't': numbers up to 1.7e\+12 are neither"),
        (FRAME.assign(t=[datetime(9999, 12, 31)] * 2), {"timestamp": "t"}, "outside the years 1678 to 2262"),
        (
            FRAME.assign(t=pd.Series([datetime(1, 1, 1)] * 2, dtype=object)),
            {"timestamp": "t"},
            "outside the years 1678 to",
        ),
        (FRAME.assign(t=[1e300, 1]), {"timestamp": "t"}, r"column 't': 1e\+300 nanoseconds are beyond the year 2262"),
        (FRAME.assign(t=[-1.7e10, 1]), {"timestamp": "t"}, "outside the years 1678 to 2262"),
        (FRAME, {"threshold": NAN}, "threshold must be a finite number, not nan"),
        (FRAME, {"metadata": {"who": ["me"]}}, r"metadata\['who'\] must be str or int or float or bool"),
        (FRAME, {"version": ""}, "version must be a text of at least one character"),
    ],
)
def test_a_mistake_is_one_clear_line(df: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BaselineError, match=message) as caught:
        fit(df, **options)
    assert "\n" not in str(caught.value)
