"""Nothing of ours reaches the user's predict; what fails or is lost is counted."""

import numpy as np
import pytest

from tests.sdk.builders import HOUR, FlakyMetrics, by_name, small_baseline
from tidegauge import (
    BaselineError,
    CaptureError,
    ConfigurationError,
    ManualClock,
    ReceiptError,
    Settings,
    last_prediction,
    monitor,
    record_outcome,
)
from tidegauge._export import Exporters
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge.testing import capture


def broken(*args, **kwargs):
    raise RuntimeError("broken on purpose")


@pytest.fixture
def predict():
    @monitor("credit", version="7", baseline=small_baseline())
    def predict(row):
        return 0.75

    return predict


BREAKS = {
    "capture": ("tidegauge._prediction.snapshot", "capture"),
    "output": ("tidegauge._output.Reader.read", "output"),
    "baseline": ("tidegauge.baseline.Baseline.to_bytes", "publish"),
    "check": ("tidegauge._check.RowCheck.look", "span"),
    "summariser": ("tidegauge._summarise.ModelSummary.add", "summarise"),
    "points": ("tidegauge._flush.produce", "produce"),
    "buffer": ("tidegauge._buffer.Buffer.add", "record"),
    "tracer": ("opentelemetry.sdk.trace.Tracer.start_span", "span"),
    "model": ("tidegauge._pipeline.Pipeline.model", "begin"),
}


@pytest.mark.parametrize("part", BREAKS)
def test_predict_works_whatever_breaks_on_our_side(part, predict, monkeypatch, caplog):
    target, stage = BREAKS[part]
    with capture() as seen:
        monkeypatch.setattr(target, broken)
        assert [predict({"age": 30.0, "colour": "red"}) for _ in range(3)] == [0.75] * 3
        seen.flush()
        failures = seen.failures
    assert failures[stage] >= 1
    assert set(failures) == {stage}
    assert sum("RuntimeError in" in record.message for record in caplog.records) == 1
    assert "broken (test_safety.py:" in caplog.text
    assert "broken on purpose" not in caplog.text  # an exception's text may quote values


@pytest.mark.parametrize(
    ("task", "rows", "returned", "words"),
    [
        (
            "binary",
            [[1.0], [2.0]],
            0.5,
            "1 predictions for 2 rows: give one for each row, or say by output= where they",
        ),
        ("regression", [[1.0]], "much", "a regression model returned a text: say by output= where its number is"),
        (
            "binary",
            np.ones((2, 2, 2)),
            [0.5, 0.5],
            "an array of 3 dimensions has no columns: reduce it to fea",
        ),
    ],
)
def test_what_cannot_be_understood_is_logged_with_how_to_mend_it(task, rows, returned, words, caplog):
    with capture() as seen:
        assert monitor("credit", version="1", task=task)(lambda rows: returned)(rows) == returned
        seen.flush()
        assert sum(seen.failures.values()) == 1
    assert words in caplog.text


@pytest.mark.parametrize("error", [None, RuntimeError("no route")], ids=["failure", "exception"])
def test_a_failed_export_is_sent_again_unchanged(error, predict):
    clock = ManualClock(HOUR)
    exporter = FlakyMetrics(failures=2, error=error)
    with capture(Settings(export_interval=3600), clock=clock):
        logs = PROCESS.pipeline._exporters.logs
        pipeline = Pipeline(Settings(export_interval=3600), clock, Exporters(exporter, logs))
        before = PROCESS.use(pipeline)
        predict({"age": 30.0, "colour": "red"})
        clock.set(2 * HOUR)
        assert [pipeline.flush(10) for _ in range(3)][-1]
        predict({"age": 50.0, "colour": "red"})
        assert pipeline.flush(10)
        pipeline.shutdown(1)
        PROCESS.use(before)
    first, second, third = exporter.attempts[:3]
    assert first == second == third
    assert {point["start"] for point in third} == {HOUR}
    assert pipeline.safety.failures == {"export_metrics": 2}
    ages = [point["sum"] for batch in exporter.attempts[2:] for point in by_name(batch, "ml.feature.value")]
    assert ages == [30.0, 50.0]


def test_a_full_buffer_drops_and_counts_and_says_so_in_its_metrics(predict):
    with capture(Settings(buffer_rows=10, export_interval=3600)) as seen:
        PROCESS.pipeline._start = lambda: None  # the flush is stuck
        for _ in range(25):
            assert predict({"age": 30.0, "colour": "red"}) == 0.75
        points = seen.points
    assert seen.drops == {"buffer_full": 15}
    assert [point["value"] for point in by_name(points, "ml.predictions")] == [10]
    (dropped,) = by_name(points, "tidegauge.sdk.dropped")
    assert (dropped["value"], dropped["attributes"]) == (15, {"tidegauge.reason": "buffer_full"})


def test_a_full_queue_of_points_drops_the_oldest(predict):
    clock = ManualClock(HOUR)
    exporter = FlakyMetrics(failures=1)
    settings = Settings(export_interval=3600, queue_points=10)
    with capture(settings, clock=clock):
        pipeline = Pipeline(settings, clock, Exporters(exporter, PROCESS.pipeline._exporters.logs))
        before = PROCESS.use(pipeline)
        for hour in (1, 2, 3):
            clock.set(hour * HOUR)
            predict({"age": 30.0, "colour": "red"})
            pipeline.flush(5)
        pipeline.flush(5)
        pipeline.shutdown(1)
        PROCESS.use(before)
    *batches, last_word = exporter.attempts
    assert [point["name"] for point in last_word] == ["tidegauge.sdk.final_predictions"]
    sent = [{point["start"] // HOUR for point in batch if point["kind"] != "cumulative_sum"} for batch in batches]
    assert sent[0] == {1}
    assert sent[-1] == {3}
    assert all(len(batch) <= 10 for batch in exporter.attempts)


def test_late_rows_are_counted_into_the_open_interval(predict):
    clock = ManualClock(3 * HOUR)
    row = {"age": 30.0, "colour": "red"}
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        predict(row)
        clock.set(5 * HOUR)
        predict(row)
        clock.set(4 * HOUR)
        predict(row)
        clock.set(9 * HOUR)
        points = seen.points
    predictions = by_name(points, "ml.predictions")
    assert [(p["start"] // HOUR, p["end"] // HOUR, p["value"]) for p in predictions] == [(3, 4, 1), (5, 6, 2)]
    assert [point["value"] for point in by_name(points, "tidegauge.sdk.late")] == [1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "binery"}, "unknown task 'binery': it must be one of binary, multiclass"),
        ({"baseline": "/nowhere/b.json"}, "cannot read baseline '/nowhere/b.json'"),
        ({"baseline": 7}, "baseline= is a path or a Baseline, not int"),
        ({"features": "rows"}, "features='rows': the function has no argument 'rows'; it has: row"),
        ({"capture": "all"}, "capture='all': it must be one of summary, values, none"),
        ({"names": "age"}, "names= is a list of names"),
        ({"segments": 5}, "segments= takes names of columns, as texts; it was given 5"),
        ({"deny": ["name", 7]}, "deny= takes names of columns, as texts; it was given 7"),
        ({"output": 3}, "output= is a path or a callable"),
        ({"threshold": "high"}, "threshold= is a number"),
        ({"version": ""}, "version= is a text that is not empty"),
        ({"model_id": 7}, "model_id= is a text that is not empty, not 7"),
        ({"framework": "sklearm"}, "framework='sklearm' is not installed: name the package as pip lists it"),
    ],
)
def test_mistakes_are_one_clear_line_at_decoration(options, message):
    with pytest.raises((ConfigurationError, BaselineError)) as caught:

        @monitor("m", **{"version": "1", **options})
        def predict(row):
            return 1.0

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_baseline_of_another_model_is_refused():
    with pytest.raises(ConfigurationError, match="was made for model 'credit', and this is 'fraud'"):
        monitor("fraud", version="7", baseline=small_baseline())


def test_outcomes_are_checked_where_they_are_recorded(predict):
    with capture() as seen:
        predict({"age": 30.0, "colour": "red"})
        receipt = last_prediction().receipt
        with pytest.raises(ReceiptError, match="truncated"):
            record_outcome(receipt[:-8], actual=1)
        with pytest.raises(CaptureError, match="missing"):
            record_outcome(receipt, actual=None)
        with pytest.raises(CaptureError, match="dict"):
            record_outcome(receipt, actual={})
        with pytest.raises(ConfigurationError, match="needs a receipt"):
            record_outcome(prediction_id="a", actual=1)
        record_outcome(prediction_id="a", model="credit", version="7", actual=0)
        feedback = [event for event in seen.events if event["name"] == "ml.feedback.recorded"]
    assert [event["attributes"]["ml.feedback.actual"] for event in feedback] == ["no"]


def test_switched_off_it_does_nothing(predict, monkeypatch):
    before, off = PROCESS.pipeline, PROCESS.off
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    try:
        PROCESS.restore(None, False)
        assert predict({"age": 1.0, "colour": "red"}) == 0.75
        assert PROCESS.pipeline is None
    finally:
        PROCESS.restore(before, off)
