"""At its end a process says of each model how many rows there were, so that nobody waits for more."""

import pytest
from opentelemetry.sdk.trace import TracerProvider

from tests.sdk.builders import HOUR, SECOND, FlakyMetrics
from tidegauge import ManualClock, Settings, monitor
from tidegauge._export import Exporters
from tidegauge._outbox import RefusedError
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge.testing import capture

FINAL = "tidegauge.sdk.final_predictions"


@pytest.fixture
def exporter():
    return FlakyMetrics()


@pytest.fixture
def process(exporter):
    """A pipeline in use, and its clock."""
    clock = ManualClock(HOUR)
    with capture(clock=clock):
        logs = PROCESS.pipeline._exporters.logs
        settings = Settings(export_interval=3600)
        pipeline = Pipeline(settings, clock, Exporters(exporter, logs), TracerProvider(shutdown_on_exit=False))
        before = PROCESS.use(pipeline)
        yield pipeline, clock
        pipeline.shutdown(1)
        PROCESS.use(before)


def predicts(name, version="7"):
    @monitor(name, version=version, task="binary")
    def predict(rows):
        return [0.75] * len(rows)

    return predict


def last_words(exporter):
    found = [point for batch in exporter.attempts for point in batch if point["name"] == FINAL]
    return {point["attributes"]["ml.model.name"]: point for point in found}


def test_each_model_says_how_many_rows_there_were(process, exporter):
    pipeline, clock = process
    credit, fraud = predicts("credit"), predicts("fraud")
    predicts("never called")
    credit([{"age": 30.0}] * 3)
    clock.advance(2 * HOUR)
    fraud([{"age": 30.0}] * 2)
    credit([{"age": 30.0}] * 4)
    clock.advance(SECOND)
    assert pipeline.shutdown(10)
    found = last_words(exporter)
    assert {name: (point["value"], point["start"], point["end"]) for name, point in found.items()} == {
        "credit": (7, HOUR, 3 * HOUR + SECOND),
        "fraud": (2, 3 * HOUR, 3 * HOUR + SECOND),
    }
    assert {point["kind"] for point in found.values()} == {"cumulative_sum"}
    assert {point["name"] for point in exporter.attempts[-1]} == {FINAL}  # nothing comes after it


def test_it_is_said_also_when_the_last_interval_has_no_rows(process, exporter):
    pipeline, clock = process
    predicts("credit")([{"age": 30.0}] * 3)
    assert pipeline.flush(10)
    clock.advance(30 * HOUR)
    assert pipeline.shutdown(10)
    assert pipeline.shutdown(10)
    assert [point["value"] for point in last_words(exporter).values()] == [3]
    assert sum(point["name"] == FINAL for batch in exporter.attempts for point in batch) == 1
    assert last_words(exporter)["credit"]["end"] == 31 * HOUR


def test_it_ends_with_the_last_interval_when_the_clock_has_gone_back(process, exporter):
    pipeline, clock = process
    predicts("credit")([{"age": 30.0}] * 3)
    clock.advance(2 * HOUR)
    predicts("credit")([{"age": 30.0}])
    assert pipeline.flush(10)
    clock.set(HOUR)
    assert pipeline.shutdown(10)
    ends = [point["end"] for batch in exporter.attempts for point in batch]
    assert last_words(exporter)["credit"]["end"] == max(ends)


def test_rows_that_were_never_sent_are_in_it(process, exporter):
    pipeline, clock = process
    predict = predicts("credit")
    predict([{"age": 30.0}] * 3)
    assert pipeline.flush(10)
    clock.advance(SECOND)
    predict([{"age": 30.0}] * 2)
    exporter.error, exporter.failures = RefusedError("refused"), 1
    assert not pipeline.flush(10)
    clock.advance(SECOND)
    pipeline.shutdown(10)
    assert last_words(exporter)["credit"]["value"] == 5


def test_where_nobody_listens_nothing_is_said(process, exporter):
    pipeline, _ = process
    predicts("credit")([{"age": 30.0}] * 3)
    exporter.failures = 10_000
    assert not pipeline.shutdown(2)
    assert not last_words(exporter)


def test_a_process_that_has_predicted_nothing_says_nothing(process, exporter):
    pipeline, _ = process
    predicts("credit")
    assert pipeline.shutdown(10)
    assert exporter.attempts == []


def test_the_end_of_a_test_is_not_that_of_a_process():
    with capture() as seen:
        predicts("credit")([{"age": 30.0}])
    assert FINAL not in {point["name"] for point in seen.points}
