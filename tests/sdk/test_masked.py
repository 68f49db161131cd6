"""Masked values are missing, and arrays of other classes are arrays."""

import numpy as np
import pandas as pd
import pytest

from tests.sdk.builders import by_name, predicted
from tidegauge import monitor
from tidegauge.testing import capture

MASK = [[1, 0], [0, 0], [0, 0]]
MASKED = {
    "floats": np.ma.masked_array([[999.0, 2.0], [3.0, 4.0], [5.0, 6.0]], mask=MASK),
    "integers": np.ma.masked_array([[999, 2], [3, 4], [5, 6]], mask=MASK),
    "objects": np.ma.masked_array(np.array([[999, 2], [3, 4], [5, 6]], dtype=object), mask=MASK),
    "structured": np.ma.masked_array(
        [(999, 2), (3, 4), (5, 6)], dtype=[("x0", float), ("x1", int)], mask=[(1, 0), (0, 0), (0, 0)]
    ),
    "columns": {"x0": np.ma.masked_array([999, 3, 5], mask=[1, 0, 0]), "x1": np.array([2, 4, 6])},
    "rows": [{"x0": np.ma.masked, "x1": 2}, {"x0": 3, "x1": 4}, {"x0": 5, "x1": 6}],
    "frame": pd.DataFrame({"x0": [np.ma.masked, 3, 5], "x1": [2, 4, 6]}),
    "lists": [np.ma.masked_array([999, 2], mask=[1, 0]), [3, 4], [5, 6]],
}


@pytest.mark.parametrize("rows", MASKED.values(), ids=MASKED)
def test_a_masked_feature_is_missing(rows):
    @monitor("m", version="1", task="regression")
    def predict(rows):
        return np.ma.masked_array([999.0, 1.5, 2.5], mask=[1, 0, 0])

    with capture() as seen:
        predict(rows)
        points = seen.points
        assert seen.failures == seen.drops == {}
    assert predicted(points) == 3
    features = {point["attributes"]["ml.feature.name"]: point for point in by_name(points, "ml.feature.value")}
    assert [(features[name]["count"], features[name]["sum"]) for name in ("x0", "x1")] == [(2, 8.0), (3, 12.0)]
    (violation,) = by_name(points, "ml.data_quality.violations")
    assert (violation["value"], violation["attributes"]["ml.data_quality.violation.type"]) == (1, "missing")
    assert [point["sum"] for point in by_name(points, "ml.prediction.value")] == [4.0]


@pytest.mark.parametrize(
    "row",
    [np.ma.masked_array([999.0, 2.0], mask=[1, 0]), {"x0": np.ma.masked, "x1": 2.0}, [np.ma.masked, 2.0]],
    ids=["array", "dictionary", "list"],
)
def test_a_span_says_that_a_masked_feature_is_missing(row):
    @monitor("m", version="1")
    def predict(row):
        return 1.5

    with capture() as seen:
        predict(row)
        assert seen.spans[0]["attributes"]["ml.features.violations"] == ["x0: missing"]
        assert seen.failures == {}


@pytest.mark.parametrize(
    "found",
    [
        np.ma.masked_array(["x", "y"], mask=[1, 0]),
        {"label": np.ma.masked_array(["x", "y"], mask=[1, 0])},
        [np.ma.masked, "y"],
        pd.Series([None, "y"]),
    ],
    ids=["array", "record", "list", "series"],
)
def test_a_masked_prediction_has_no_class(found):
    @monitor("m", version="1", task="multiclass")
    def predict(rows):
        return found

    with capture() as seen:
        predict([{"age": 1.0}, {"age": 2.0}])
        points = seen.points
        assert seen.failures == {}
    assert [p["attributes"].get("ml.prediction.class") for p in by_name(points, "ml.predictions")] == [None, "y"]


def test_a_masked_attribution_is_none():
    @monitor("m", version="1", explain=lambda rows: {"age": np.ma.masked_array([9, 2], mask=[1, 0])}, explain_rate=1.0)
    def predict(rows):
        return [1.5, 2.5]

    with capture() as seen:
        predict([{"age": 1.0}, {"age": 2.0}])
        assert [(p["count"], p["sum"]) for p in by_name(seen.points, "ml.feature.attribution")] == [(1, 2.0)]


@pytest.mark.parametrize(
    "odd",
    [np.ones((1, 2)).view(np.matrix), np.array([[np.longdouble("1e4000"), 1]]), np.ones((1, 2), dtype=complex)],
    ids=["matrix", "long double", "complex"],
)
def test_an_odd_array_loses_nothing_beside_it(odd):
    @monitor("m", version="1")
    def predict(rows):
        return [1.5]

    with capture() as seen:
        for rows in (np.ones((1, 2)), odd, np.ones((1, 2))):
            predict(rows)
        assert predicted(seen.points) == 3
        assert seen.failures == seen.drops == {}


class Hostile(np.ndarray):
    def __array_finalize__(self, other):
        pass

    def __getitem__(self, place):
        raise RuntimeError

    def __array_function__(self, *args, **kwargs):
        raise RuntimeError


def test_an_array_of_a_class_of_the_users_is_read_as_an_array():
    @monitor("m", version="1")
    def predict(rows):
        return np.array([1.5]).view(Hostile)

    with capture() as seen:
        predict(np.ones((1, 2)).view(Hostile))
        assert predicted(seen.points) == 1
        assert seen.failures == seen.drops == {}
