"""One odd row costs nothing but itself, and what must not leave does not."""

import dataclasses
import enum
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tests.sdk.builders import by_name, small_baseline
from tidegauge import CaptureError, ReceiptError, last_prediction, monitor
from tidegauge._output import Output, Reader
from tidegauge._snapshot import snapshot
from tidegauge.columns import categorical_column, category, is_missing
from tidegauge.receipt import decode
from tidegauge.testing import capture


class Colour(enum.StrEnum):
    RED = "red"


@dataclasses.dataclass
class Answer:
    label: str
    score: float


class Tensor:
    """Refuses a truth value as a tensor of several values does."""

    def __ne__(self, other):
        return self

    def __le__(self, other):
        return self

    __ge__ = __le__
    __hash__ = None

    def __bool__(self):
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")

    def __repr__(self):
        return "tensor"


class Shy:
    """Refuses to tell anything, its class included."""

    def __getattribute__(self, name):
        raise RuntimeError(name)


READ = [
    (None, {"prediction": 1, "probability": [0.2, 0.8]}, 1, Output(("1",), [0.8], None)),
    (
        "multiclass",
        {"label": "b", "probabilities": {"a": 0.2, "b": 0.3, "c": 0.5}},
        1,
        Output(("b",), [0.3], None),
    ),
    (None, {"prediction": 12.5}, 1, Output(None, None, (12.5,))),
    ("binary", {"prediction": 0.83}, 1, Output(("1",), (0.83,), None)),
    ("binary", math.nan, 1, None),
    (None, (0, 0.9), 1, Output(("0",), (0.9,), None)),
    (None, [(0, 0.9), (1, 0.75)], 2, Output(["0", "1"], [0.9, 0.75], None)),
    ("binary", np.str_("late"), 1, Output(("late",), None, None)),
    (None, Colour.RED, 1, Output(("red",), None, None)),
    ("regression", Decimal("2.5"), 1, Output(None, None, (2.5,))),
    ("regression", np.array([Decimal("2.5"), None], dtype=object)[:1], 1, Output(None, None, [2.5])),
    (None, Answer("late", 0.75), 1, Output(("late",), [0.75], None)),
    (None, [Answer("late", 0.75)] * 2, 2, Output(["late"] * 2, [0.75] * 2, None)),
    ("multiclass", np.array([[3.0, 5.0, 1.0]]), 1, Output(["1"], None, None)),
]


@pytest.mark.parametrize(("task", "returned", "rows", "expected"), READ, ids=lambda value: repr(value)[:40])
def test_an_odd_output_is_understood(task, returned, rows, expected):
    found = Reader(task, (), None).read(returned, rows)
    if expected is None:
        assert (found.classes, math.isnan(found.scores[0])) == ((None,), True)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("task", "returned"),
    [
        (None, {"label": ["a", "b"], "score": [0.1, 0.2, 0.3]}),
        ("regression", [[1.5, 3.5]]),
        (None, [[1.5, 3.5]]),
        (None, {"eta": 35.2, "km": 12.0}),
        (None, Ellipsis),
        (None, b"late"),
        ("binary", np.datetime64("2024-01-01")),
    ],
    ids=repr,
)
def test_what_cannot_be_understood_is_refused(task, returned):
    with pytest.raises(CaptureError):
        Reader(task, (), None).read(returned, 1)


def test_columns_of_several_dimensions_are_refused():
    with pytest.raises(CaptureError, match="one value a row"):
        snapshot({"image": np.zeros((2, 3)), "age": np.zeros(2)})


@pytest.mark.parametrize("value", [Tensor(), np.array([]), np.array([math.nan]), Decimal("1")], ids=repr)
def test_arrays_and_tensors_are_not_missing(value):
    assert is_missing(value) is False


def test_half_a_surrogate_pair_is_replaced():
    assert category("a\ud800") == "a?"
    assert categorical_column(["a\ud800", "é"]).values == ["a?", "é"]


def test_lists_stay_values_of_their_column():
    assert categorical_column([[1], [2]]).mismatched == 2


ODD = {"tensor": Tensor, "array": lambda: np.array([1.0, 2.0]), "marker": lambda: pd.NA, "shy": Shy}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_value_costs_nothing_but_itself(odd):
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    with capture() as seen:
        predict({"region": "north", "age": odd()})
        predict({"age": odd(), "region": "north"})
        predict({"region": "north", "age": 3.0})
        points, spans, failures = seen.points, seen.spans, seen.failures
    assert failures == {}
    assert len(spans) == 3
    assert [point["value"] for point in by_name(points, "ml.predictions")] == [3]


def test_an_odd_value_is_seen_beside_a_baseline():
    @monitor("credit", version="7", baseline=small_baseline())
    def predict(row):
        return 0.75

    with capture() as seen:
        predict({"age": Tensor(), "colour": "red"})
        (span,), failures = seen.spans, seen.failures
    assert failures == {}
    assert span["attributes"]["ml.features.violations"] == ["age: type_mismatch"]


def test_a_call_that_cannot_be_summarised_is_the_only_one_lost():
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    with capture() as seen:
        for place in range(10):
            predict({"age": 30.0})
            if place == 6:
                last_prediction().outputs = Output(["a"], [0.1, 0.2], None)
        points, failures = seen.points, seen.failures
    assert failures == {"summarise": 1}
    assert [point["count"] for point in by_name(points, "ml.prediction.duration")] == [10]
    assert [point["value"] for point in by_name(points, "ml.predictions")] == [9]
    (age,) = by_name(points, "ml.feature.value")
    assert (age["count"], age["sum"]) == (9, 270.0)


def test_each_call_keeps_its_own_options():
    @monitor("m", version="1")
    def careless(row):
        return 1.5

    @monitor("m", version="1", deny=["name"])
    def careful(row):
        return 1.5

    with capture() as seen:
        careless({"age": 1.0, "name": "shown"})
        careful({"age": 1.0, "name": "secret"})
        points = seen.points
    assert [p["attributes"]["ml.feature.category"] for p in by_name(points, "ml.feature.occurrences")] == ["shown"]
    assert [p["count"] for p in by_name(points, "ml.feature.value")] == [2]


def test_a_digested_feature_of_the_baseline_leaves_as_counts_only():
    @monitor("credit", version="7", baseline=small_baseline(), hash=["age", "colour"])
    def predict(row):
        return 0.75

    with capture() as seen:
        predict({"age": 30.0, "colour": "red"})
        predict({"age": None, "colour": "puce"})
        points = seen.points
    (age,) = by_name(points, "ml.feature.value")
    assert age["counts"] == [0, 1, 0, 0]
    assert (age["sum"], age["min"], age["max"], age["exemplars"]) == (0.0, math.inf, -math.inf, [])
    assert by_name(points, "ml.feature.occurrences") == []
    violations = {
        (p["attributes"]["ml.feature.name"], p["attributes"]["ml.data_quality.violation.type"]): p["value"]
        for p in by_name(points, "ml.data_quality.violations")
    }
    assert violations == {("age", "missing"): 1, ("colour", "unseen_category"): 1}


def test_a_span_is_not_lost_with_its_description(monkeypatch):
    def broken(*args):
        raise RuntimeError("broken on purpose")

    @monitor("m", version="1")
    def predict(row):
        return 1.5

    with capture() as seen:
        monkeypatch.setattr("tidegauge._prediction.describe", broken)
        predict({"age": 1.0})
        assert [span["name"] for span in seen.spans] == ["predict m"]
        assert seen.failures == {"span": 1}


@pytest.mark.parametrize(
    "keys",
    [["a", None], pd.Series(["a", None]), np.array(["a", None], dtype=object), ("a", math.nan)],
    ids=lambda keys: type(keys).__name__,
)
def test_keys_are_read_by_row_and_may_be_missing(keys):
    @monitor("m", version="1", prediction_id=lambda rows: keys)
    def predict(rows):
        return [1.5, 2.5]

    with capture() as seen:
        predict([{"age": 1.0}, {"age": 2.0}])
        first, second = [decode(receipt).prediction_id for receipt in last_prediction().receipts]
        assert seen.failures == {}
    assert first == "a"
    assert second not in ("None", "nan", "a")


def test_keys_that_do_not_match_the_rows_are_refused():
    @monitor("m", version="1", prediction_id=lambda rows: ["a"])
    def predict(rows):
        return [1.5, 2.5]

    with capture() as seen:
        predict([{"age": 1.0}, {"age": 2.0}])
        assert len(last_prediction().receipts) == 2
        assert seen.failures == {"capture": 1}


def test_an_empty_batch_has_no_receipts():
    @monitor("m", version="1")
    def predict(rows):
        return []

    with capture():
        predict([])
        assert last_prediction().receipts == []
        with pytest.raises(ReceiptError, match="empty"):
            _ = last_prediction().receipt


@pytest.mark.parametrize(
    "row",
    [
        pd.DataFrame({"age": [150.0], "colour": [None]}),
        np.array([[150.0, None]], dtype=object),
        [{"age": 150.0, "colour": None}],
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_batch_of_one_row_is_shown_like_a_row(row):
    @monitor("credit", version="7", baseline=small_baseline(), capture="values")
    def predict(rows):
        return 0.75

    with capture() as seen:
        predict(row)
        (span,), failures = seen.spans, seen.failures
    assert failures == {}
    shown = span["attributes"]
    assert shown["ml.features.violations"] == ["age: out_of_range", "colour: missing"]
    assert shown["ml.features.missing"] == 1
    assert shown["ml.feature.names"] == ["age", "colour"]
    assert shown["ml.feature.values"][0] == 150.0


def test_texts_and_numbers_of_one_interval_are_not_mixed():
    @monitor("m", version="1", names=["age"])
    def predict(rows):
        return 1.5

    with capture() as seen:
        predict(np.array([[30.0]]))
        predict(np.array([["red"]]))
        points, failures = seen.points, seen.failures
    assert failures == {}
    assert [point["sum"] for point in by_name(points, "ml.feature.value")] == [30.0]
    assert [point["value"] for point in by_name(points, "ml.data_quality.violations")] == [1]


def test_decimals_and_missing_markers_do_not_make_texts_of_a_row():
    @monitor("m", version="1", capture="values")
    def predict(row):
        return 1.5

    with capture() as seen:
        predict({"age": Decimal("30.5"), "income": pd.NA})
        (span,), points = seen.spans, seen.points
    age, income = span["attributes"]["ml.feature.values"]
    assert (age, math.isnan(income)) == (30.5, True)
    assert [point["sum"] for point in by_name(points, "ml.feature.value")] == [30.5]


def test_a_score_that_is_no_number_is_counted_without_a_class():
    @monitor("m", version="1", task="binary")
    def predict(rows):
        return [0.75, math.nan]

    with capture() as seen:
        predict([{"age": 1.0}, {"age": 2.0}])
        first, second = [decode(receipt).klass for receipt in last_prediction().receipts]
        points, (span,), failures = seen.points, seen.spans, seen.failures
    assert failures == {}
    assert (first, second) == ("1", None)
    assert [point["attributes"].get("ml.prediction.class") for point in by_name(points, "ml.predictions")] == [
        "1",
        None,
    ]
    assert [point["count"] for point in by_name(points, "ml.prediction.score")] == [1]
    assert span["attributes"]["ml.prediction.classes"] == ["1", ""]
