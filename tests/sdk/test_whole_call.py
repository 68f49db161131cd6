"""One call, told as literals: its span, its points, its events."""

import gzip

import numpy as np
import pytest

from tests.sdk.builders import HOUR, SECOND, small_baseline
from tidegauge import ManualClock, Settings, last_prediction, monitor, record_outcome
from tidegauge.testing import capture

IDENTITY = {"ml.model.name": "credit", "ml.model.version": "7"}


def test_a_call_on_one_row_becomes_this_span_these_points_and_these_events():
    baseline = small_baseline()
    clock = ManualClock(5 * HOUR)
    clock.timer = clock

    @monitor("credit", version="7", baseline=baseline, model_id="models:/credit/7", framework="numpy")
    def predict(row):
        clock.advance(2 * SECOND)
        return 0.75

    with capture(Settings(export_interval=3600), clock=clock) as seen:
        assert predict({"age": 130, "colour": "puce", "zip": 1}) == 0.75
        clock.set(7 * HOUR + 1)
        record_outcome(last_prediction().receipt, actual=True)
        spans, points, events = seen.spans, seen.points, seen.events

    assert spans == [
        {
            "name": "predict credit",
            "kind": "INTERNAL",
            "trace_id": 1,
            "span_id": 1,
            "parent_id": None,
            "start": 5 * HOUR,
            "end": 5 * HOUR + 2 * SECOND,
            "status": "UNSET",
            "attributes": {
                **IDENTITY,
                "ml.operation.name": "predict",
                "ml.task.type": "binary",
                "ml.model.id": "models:/credit/7",
                "ml.framework.name": "numpy",
                "ml.framework.version": np.__version__,
                "ml.batch.size": 1,
                "ml.features.count": 3,
                "ml.features.missing": 0,
                "ml.features.violations": ["age: out_of_range", "colour: unseen_category", "zip: unexpected_feature"],
                "ml.prediction.class": "yes",
                "ml.prediction.score": 0.75,
            },
            "events": [],
        }
    ]

    based = {**IDENTITY, "ml.baseline.id": baseline.id}
    when = {"start": 5 * HOUR, "end": 6 * HOUR}

    def histogram(name, unit, attributes, bounds, counts, value):
        numbers = {"count": 1, "sum": value, "min": value, "max": value, "exemplars": [(value, 1, 1)]}
        shape = {"kind": "histogram", "bounds": bounds, "counts": counts}
        return {"name": name, "unit": unit, "attributes": attributes, **when, **shape, **numbers}

    def total(name, unit, attributes):
        plain = {"name": name, "unit": unit, "attributes": attributes, **when}
        return {**plain, "kind": "sum", "value": 1, "exemplars": [(1, 1, 1)]}

    violation = "ml.data_quality.violation.type"
    assert points == [
        histogram(
            "ml.prediction.duration",
            "s",
            IDENTITY,
            [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            2.0,
        ),
        histogram(
            "ml.prediction.score",
            "1",
            {**based, "ml.prediction.class": "yes"},
            [0.25, 0.5, 0.75],
            [0, 0, 1, 0],
            0.75,
        ),
        histogram("ml.feature.value", "", {**based, "ml.feature.name": "age"}, [18.0, 40.0, 65.0], [0, 0, 0, 1], 130.0),
        total("ml.predictions", "{prediction}", {**based, "ml.prediction.class": "yes"}),
        total(
            "ml.feature.occurrences",
            "{value}",
            {**based, "ml.feature.name": "colour", "ml.feature.category": "_unseen"},
        ),
        total(
            "ml.data_quality.violations", "{violation}", {**based, "ml.feature.name": "age", violation: "out_of_range"}
        ),
        total(
            "ml.data_quality.violations",
            "{violation}",
            {**based, "ml.feature.name": "colour", violation: "unseen_category"},
        ),
        total(
            "ml.data_quality.violations",
            "{violation}",
            {**based, "ml.feature.name": "zip", violation: "unexpected_feature"},
        ),
        {
            **total("tidegauge.sdk.predictions", "{prediction}", IDENTITY),
            "kind": "cumulative_sum",
            "exemplars": [],
        },
    ]

    published, feedback = events
    assert gzip.decompress(published.pop("body")) == baseline.to_bytes()
    assert published == {
        "name": "ml.baseline.published",
        "time": published["time"],
        "attributes": {**based, "ml.baseline.part": 0, "ml.baseline.parts": 1},
        "trace_id": 0,
        "span_id": 0,
    }
    assert feedback == {
        "name": "ml.feedback.recorded",
        "time": 7 * HOUR + 1,
        "attributes": {
            **IDENTITY,
            "ml.prediction.id": f"{1:032x}-{1:016x}-0",
            "ml.feedback.actual": "yes",
            "ml.task.type": "binary",
            "ml.prediction.time": 5 * HOUR + 2 * SECOND,
            "ml.prediction.class": "yes",
            "ml.prediction.score": 0.75,
        },
        "body": None,
        "trace_id": 1,
        "span_id": 1,
    }


def test_an_exception_passes_through_untouched_and_is_recorded_as_error_type():
    class ModelError(RuntimeError):
        pass

    raised = ModelError("cannot convert 'Ada Lovelace'")

    @monitor("broken", version="1")
    def predict(row):
        raise raised

    with capture() as seen:
        with pytest.raises(ModelError) as caught:
            predict({"age": 1.0})
        (span,), points = seen.spans, seen.points

    assert caught.value is raised
    kind = f"{__name__}.{ModelError.__qualname__}"
    assert (span["status"], span["attributes"]["error.type"], span["events"]) == ("ERROR", kind, [])
    assert "Ada" not in repr(span)
    (duration,) = [point for point in points if point["name"] == "ml.prediction.duration"]
    assert duration["attributes"]["error.type"] == kind
    assert [point["name"] for point in points if point["name"] == "ml.predictions"] == []
    assert [point["count"] for point in points if point["name"] == "ml.feature.value"] == [1]


def test_raw_values_never_leave_by_default_and_do_when_asked_for():
    def run(**options):
        @monitor("private", version="1", baseline=small_baseline("private", "1"), **options)
        def predict(row):
            return 0.1

        with capture() as seen:
            predict({"age": 33.25, "colour": "Ada Lovelace"})
            return repr(seen.spans), seen.spans[0]["attributes"], repr([seen.points, seen.events])

    spans, _, rest = run()
    assert "33.25" not in spans
    assert "Ada" not in spans + rest

    _, shown, rest = run(capture="values")
    assert shown["ml.feature.names"] == ["age", "colour"]
    assert shown["ml.feature.values"] == ["33.25", "Ada Lovelace"]
    assert "Ada" not in rest

    _, hashed, _ = run(capture="values", hash=["colour"], deny=["age"])
    assert hashed["ml.feature.names"] == ["colour"]
    assert len(hashed["ml.feature.values"][0]) == 16
    _, nothing, _ = run(capture="none")
    assert not [name for name in nothing if name.startswith(("ml.feature", "ml.prediction"))]
