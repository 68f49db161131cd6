"""Every shape that features and predictions come in, through the decorator and to the points."""

import asyncio
import dataclasses
import functools

import numpy as np
import pandas as pd
import pyarrow as pa
import pydantic
import pytest

from tests.sdk.builders import by_name, small_baseline
from tidegauge import last_prediction, monitor, prediction
from tidegauge.receipt import decode
from tidegauge.testing import capture


@dataclasses.dataclass
class Application:
    age: float
    income: float


class Model(pydantic.BaseModel):
    age: float
    income: float


ROW = {"age": 30.0, "income": 5.0}


@pytest.mark.parametrize(
    "features",
    [
        ROW,
        Application(**ROW),
        Model(**ROW),
        np.array([30.0, 5.0]),
        np.array([[30.0, 5.0]]),
        [30.0, 5.0],
        [[30.0, 5.0]],
        [ROW],
        [Application(**ROW)],
        pd.DataFrame([ROW]),
        pd.Series(ROW),
        pa.table({"age": [30.0], "income": [5.0]}),
        {"age": np.array([30.0]), "income": np.array([5.0])},
        np.array([(30.0, 5.0)], dtype=[("age", "f8"), ("income", "f8")]),
    ],
    ids=lambda features: type(features).__name__,
)
def test_a_row_is_understood_in_every_shape(features):
    @monitor("m", version="1", names=["age", "income"])
    def predict(rows):
        return 1.5

    with capture() as seen:
        predict(features)
        points, failures = seen.points, seen.failures
    assert failures == {}
    sums = {point["attributes"]["ml.feature.name"]: point["sum"] for point in by_name(points, "ml.feature.value")}
    assert sums == ROW
    assert [point["sum"] for point in by_name(points, "ml.prediction.value")] == [1.5]


@pytest.mark.parametrize(
    "features",
    [
        [{"age": 1.0}, {"age": 2.0}],
        np.array([[1.0], [2.0]]),
        pd.DataFrame({"age": [1.0, 2.0]}),
        pa.table({"age": [1.0, 2.0]}),
        [[1.0], [2.0]],
    ],
    ids=lambda features: type(features).__name__,
)
def test_a_batch_is_understood_in_every_shape(features):
    @monitor("m", version="1", names=["age"])
    def predict(rows):
        return np.array([0.5, 0.25])

    with capture() as seen:
        predict(features)
        receipts = last_prediction().receipts
        points, (span,) = seen.points, seen.spans
    (age,) = by_name(points, "ml.feature.value")
    assert (age["count"], age["sum"], age["min"], age["max"]) == (2, 3.0, 1.0, 2.0)
    assert [point["value"] for point in by_name(points, "ml.predictions")] == [2]
    assert span["attributes"]["ml.batch.size"] == 2
    assert span["attributes"]["ml.prediction.values"] == [0.5, 0.25]
    assert len(set(receipts)) == 2


def test_keyword_arguments_and_defaults_are_features():
    @monitor("m", version="1")
    def predict(age, income=5.0, *, region="north"):
        return "yes"

    with capture() as seen:
        predict(30.0, region="south")
        points = seen.points
    sums = {point["attributes"]["ml.feature.name"]: point["sum"] for point in by_name(points, "ml.feature.value")}
    assert sums == ROW
    (region,) = by_name(points, "ml.feature.occurrences")
    assert region["attributes"]["ml.feature.category"] == "south"


@pytest.mark.parametrize("features", ["request.row", lambda request: request["row"]], ids=["path", "callable"])
def test_features_and_output_can_be_named(features):
    @monitor("m", version="1", task="binary", features=features, output="answer.score")
    def predict(request):
        return {"answer": {"score": 0.9}}

    with capture() as seen:
        predict({"row": ROW, "headers": {}})
        (span,) = seen.spans
    assert span["attributes"]["ml.features.count"] == 2
    assert span["attributes"]["ml.prediction.score"] == 0.9


OUTPUTS = [
    (None, 2.5, {"ml.prediction.value": 2.5}),
    (None, np.float32(2.5), {"ml.prediction.value": 2.5}),
    (None, "late", {"ml.prediction.class": "late"}),
    (None, 3, {"ml.prediction.class": "3"}),
    (None, np.bool_(True), {"ml.prediction.class": "true"}),
    ("regression", 3, {"ml.prediction.value": 3.0}),
    ("regression", np.array([[3]]), {"ml.prediction.value": 3.0}),
    ("binary", 0.75, {"ml.prediction.class": "1", "ml.prediction.score": 0.75}),
    ("binary", np.array([0.25]), {"ml.prediction.class": "0", "ml.prediction.score": 0.25}),
    ("binary", np.array([[0.25, 0.75]]), {"ml.prediction.class": "1", "ml.prediction.score": 0.75}),
    ("binary", pd.Series([0.25]), {"ml.prediction.class": "0", "ml.prediction.score": 0.25}),
    ("binary", True, {"ml.prediction.class": "1"}),
    ("binary", {"label": 1, "score": 0.75}, {"ml.prediction.class": "1", "ml.prediction.score": 0.75}),
    ("multiclass", np.array([[0.25, 0.5, 0.25]]), {"ml.prediction.class": "1", "ml.prediction.score": 0.5}),
    ("multiclass", np.array([0.25, 0.5, 0.25]), {"ml.prediction.class": "1", "ml.prediction.score": 0.5}),
    ("multiclass", {"a": 0.25, "b": 0.75}, {"ml.prediction.class": "b", "ml.prediction.score": 0.75}),
    ("anomaly", 7.5, {"ml.prediction.score": 7.5}),
    ("ranking", 7.5, {"ml.prediction.score": 7.5}),
    (None, {"value": 2.5}, {"ml.prediction.value": 2.5}),
]


@pytest.mark.parametrize(("task", "returned", "expected"), OUTPUTS, ids=lambda value: repr(value)[:40])
def test_an_output_is_understood_in_every_shape(task, returned, expected):
    @monitor("m", version="1", task=task)
    def predict(row):
        return returned

    with capture() as seen:
        predict({"age": 1.0})
        (span,), failures = seen.spans, seen.failures
    assert failures == {}
    assert {k: v for k, v in span["attributes"].items() if k.startswith("ml.prediction")} == expected


def test_classes_follow_from_the_baseline_and_the_threshold():
    baseline = small_baseline("m", "1")
    for threshold, expected in ((None, ["no", "yes"]), (0.95, ["no", "no"]), (0.0, ["yes", "yes"])):

        @monitor("m", version="1", baseline=baseline, threshold=threshold)
        def predict(rows):
            return np.array([0.1, 0.9])

        with capture() as seen:
            predict([{"age": 1.0, "colour": "red"}] * 2)
            assert seen.spans[0]["attributes"]["ml.prediction.classes"] == expected


def test_every_kind_of_callable_is_watched():
    watched = monitor("m", version="1")

    class Service:
        @watched
        def method(self, row):
            return 1.5

        @watched
        @staticmethod
        def static(row):
            return 1.5

        @watched
        @classmethod
        def of_class(cls, row):
            return 1.5

        def __call__(self, row):
            return 1.5

    @watched
    async def coroutine(row):
        await asyncio.sleep(0)
        return 1.5

    service = Service()
    with capture() as seen:
        partial = watched(functools.partial(Service.__call__, service))
        for call in (service.method, service.static, service.of_class, watched(service), partial):
            assert call(ROW) == 1.5
        assert asyncio.run(coroutine(ROW)) == 1.5
        with prediction("m", version="1") as p:
            p.features(ROW)
            p.output(1.5)
        points, failures = seen.points, seen.failures
    assert failures == {}
    assert [point["value"] for point in by_name(points, "ml.predictions")] == [7]
    assert [point["count"] for point in by_name(points, "ml.feature.value", ml__feature__name="income")] == [7]


def test_what_the_model_does_to_its_input_is_not_seen():
    @monitor("m", version="1")
    def predict(rows):
        if isinstance(rows, dict):
            rows["age"] = -1.0
        elif isinstance(rows, pd.DataFrame):
            rows.loc[:, "age"] = -1.0
        else:
            rows[:] = -1.0
        return 1.5

    array = np.array([[30.0]])
    with capture() as seen:
        predict({"age": 30.0})
        predict(pd.DataFrame({"age": [30.0]}))
        predict(array)
        points = seen.points
    assert {point["min"] for point in by_name(points, "ml.feature.value")} == {30.0}


def test_segments_and_own_ids():
    @monitor("m", version="1", task="binary", segments=["region"], prediction_id="key")
    def predict(rows):
        return [0.9, 0.1]

    with capture() as seen:
        predict([{"age": 1.0, "region": "north", "key": "a"}, {"age": 2.0, "region": "south", "key": "b"}])
        receipts = [decode(receipt) for receipt in last_prediction().receipts]
        points = seen.points
    assert [receipt.prediction_id for receipt in receipts] == ["a", "b"]
    assert [receipt.segments for receipt in receipts] == [(("region", "north"),), (("region", "south"),)]
    counts = {point["attributes"]["ml.segment.region"]: point["value"] for point in by_name(points, "ml.predictions")}
    assert counts == {"north": 1, "south": 1}
    assert not by_name(points, "ml.feature.occurrences", ml__feature__name="key")
