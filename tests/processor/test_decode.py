"""Decoding: what is ours is read whole or rejected with a reason; what is not ours is left alone and counted."""

import numpy as np
import pytest

from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.errors import WireError
from tidegauge.summaries import NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor.otlp.decode import decode
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import Exemplar, ModelKey

BINS = Bins(np.array([0.0, 1.0]))
SUMMARY = NumericSummary.of(np.array([0.5, 3.0]), BINS)


def test_points_are_sorted_by_model_and_window() -> None:
    writer = Writer(baseline="b1")
    request = writer.metrics(
        writer.histogram(semconv.METRIC_FEATURE_VALUE, SUMMARY, SECOND, HOUR, ml__feature__name="income"),
        writer.counter(semconv.METRIC_PREDICTIONS, 3, HOUR, HOUR + SECOND, ml__prediction__class="1"),
    )
    decoded = decode(SignalKind.METRICS, request, HOUR)
    assert list(decoded.payloads) == [(ModelKey("credit-risk", "7"), 0), (ModelKey("credit-risk", "7"), HOUR)]
    (point,) = decoded.payloads[ModelKey("credit-risk", "7"), 0].points
    assert point.stream == ("ml.feature.value", "b1", (("ml.feature.name", "income"),))
    assert (point.writer, point.start, point.end, point.cumulative) == ("writer-1", SECOND, HOUR, False)
    assert point.value == SUMMARY


def test_identity_may_stand_on_the_resource() -> None:
    writer = Writer(resource={semconv.MODEL_NAME: "fraud", semconv.MODEL_VERSION: "2"})
    metric = writer.counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND)
    del metric.sum.data_points[0].attributes[:]
    assert list(decode(SignalKind.METRICS, writer.metrics(metric), HOUR).payloads) == [(ModelKey("fraud", "2"), 0)]


def test_exemplars_lead_to_traces() -> None:
    writer = Writer()
    metric = writer.histogram(semconv.METRIC_FEATURE_VALUE, SUMMARY, SECOND, 2 * SECOND)
    metric.histogram.data_points[0].exemplars.add(as_double=3.0, trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    metric.histogram.data_points[0].exemplars.add(as_double=3.0)
    (payload,) = decode(SignalKind.METRICS, writer.metrics(metric), HOUR).payloads.values()
    assert payload.points[0].exemplars == (Exemplar(3.0, "01" * 16, "02" * 8),)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p: p.attributes.pop(0), "ml.model.name is missing"),
        (lambda p: p.bucket_counts.append(1), "2 bounds need 3 counts, not 4"),
        (lambda p: setattr(p, "count", 9), "the counts add up to 2, the point says 9"),
        (lambda p: setattr(p, "start_time_unix_nano", 0), "the start must be set and lie before the end"),
        (lambda p: setattr(p, "time_unix_nano", 1), "the start must be set and lie before the end"),
        (lambda p: p.explicit_bounds.__setitem__(0, 5.0), "bounds must be finite and ascend"),
    ],
)
def test_an_unreadable_point_is_rejected_alone(spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    writer = Writer()
    good, bad = (
        writer.histogram(semconv.METRIC_FEATURE_VALUE, SUMMARY, SECOND, 2 * SECOND, ml__feature__name=name)
        for name in ("good", "bad")
    )
    spoil(bad.histogram.data_points[0])
    decoded = decode(SignalKind.METRICS, writer.metrics(good, bad), HOUR)
    assert (decoded.rejected, len(decoded.payloads)) == (1, 1)
    assert decoded.reason.startswith("ml.feature.value: ")
    assert reason in decoded.reason


def test_a_gauge_and_an_unknown_temporality_are_rejected() -> None:
    writer = Writer(temporality=0)
    decoded = decode(
        SignalKind.METRICS, writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND)), HOUR
    )
    assert decoded.reason == "ml.predictions: aggregation temporality is neither delta nor cumulative"
    metric = Writer(temporality=CUMULATIVE).counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND)
    metric.sum.is_monotonic = False
    assert "not monotonic" in decode(SignalKind.METRICS, writer.metrics(metric), HOUR).reason


def test_other_metrics_and_our_own_signals_are_ignored_and_counted() -> None:
    writer = Writer()
    foreign = writer.counter("http.server.requests", 1, SECOND, 2 * SECOND)
    assert decode(SignalKind.METRICS, writer.metrics(foreign), HOUR).ignored == 1
    own = Writer(scope=semconv.PROCESSOR_SCOPE_NAME)
    decoded = decode(
        SignalKind.METRICS, own.metrics(own.counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND)), HOUR
    )
    assert (decoded.ignored, decoded.payloads) == (1, {})


def test_spans_without_feature_values_are_for_looking_at() -> None:
    writer = Writer()
    plain = writer.span(1, SECOND, [], [])
    del plain.attributes[2:]
    unequal = writer.span(2, SECOND, ["a", "b"], [1.0])
    good = writer.span(3, SECOND, ["a"], [1.0], ml__prediction__class="late", ml__prediction__score=0.75)
    decoded = decode(SignalKind.TRACES, writer.spans(plain, unequal, good), HOUR)
    assert (decoded.ignored, decoded.rejected) == (1, 1)
    (span,) = decoded.payloads[ModelKey("credit-risk", "7"), 0].spans
    measured = Writer(scope=semconv.SCOPE_NAME)  # our own SDK sends metrics about the same call
    assert decode(SignalKind.TRACES, measured.spans(good), HOUR).ignored == 1
    assert (span.names, list(span.values), span.predicted_class, span.score) == (("a",), [1.0], "late", 0.75)


def test_details_of_predictions_are_for_looking_at() -> None:
    writer = Writer(scope=semconv.SCOPE_NAME)
    features = {semconv.FEATURE_NAMES: ["age"], semconv.FEATURE_VALUES: [41.0]}
    made = {semconv.PREDICTION_ID: "order-17", semconv.PREDICTION_TIME: SECOND, semconv.PREDICTION_SCORE: 0.75}
    event = writer.event(semconv.EVENT_DETAILS, SECOND, **features, **made)
    decoded = decode(SignalKind.LOGS, writer.logs(event), HOUR)
    assert (decoded.ignored, decoded.rejected) == (1, 0)
    assert (decoded.made, decoded.outcomes, decoded.payloads) == ({}, {}, {})


def test_an_outcome_is_read_from_its_event() -> None:
    writer = Writer()
    labels = {
        semconv.PREDICTION_ID: "p1",
        semconv.PREDICTION_TIME: 5 * SECOND,
        semconv.PREDICTION_SCORE: 0.25,
        semconv.PREDICTION_CLASS: "0",
        semconv.FEEDBACK_ACTUAL: "1",
        "ml.segment.region": "north",
    }
    record = writer.event(semconv.EVENT_FEEDBACK, HOUR, **labels)
    broken = writer.event(semconv.EVENT_FEEDBACK, HOUR)
    decoded = decode(SignalKind.LOGS, writer.logs(record, broken), HOUR)
    assert (decoded.rejected, decoded.reason) == (1, "ml.feedback.recorded: 'ml.feedback.actual'")
    (outcome,) = decoded.outcomes[ModelKey("credit-risk", "7")]
    assert (outcome.id, outcome.predicted_at, outcome.recorded_at) == ("p1", 5 * SECOND, HOUR)
    assert (outcome.klass, outcome.score, outcome.actual) == ("0", 0.25, "1")
    assert outcome.segments == (("region", "north"),)


SCORED = {
    semconv.PREDICTION_ID: "p1",
    semconv.PREDICTION_TIME: SECOND,
    semconv.FEEDBACK_ACTUAL: "bus",
    semconv.PREDICTION_CLASS_SCORES: [0.25, 0.75, 0.0],
    semconv.PREDICTION_CLASS_SET: "28593b31",
}


@pytest.mark.parametrize("name", [semconv.EVENT_FEEDBACK, semconv.EVENT_PREDICTION])
def test_scores_of_every_class_are_read_as_the_codes_of_receipts(name: str) -> None:
    writer = Writer()
    decoded = decode(SignalKind.LOGS, writer.logs(writer.event(name, HOUR, **SCORED)), HOUR)
    ((found,),) = [*decoded.outcomes.values(), *decoded.made.values()]
    assert found.class_scores is not None
    assert (found.class_scores.class_set, found.class_scores.scores) == ("28593b31", [0.25, 0.75, 0.0])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({semconv.PREDICTION_CLASS_SCORES: [0.25, 1.75]}, "ml.prediction.class_scores must be numbers from 0 to 1"),
        ({semconv.PREDICTION_CLASS_SCORES: [float("nan")]}, "ml.prediction.class_scores must be numbers from 0 to 1"),
        ({semconv.PREDICTION_CLASS_SCORES: ["0.5"]}, "ml.prediction.class_scores must be numbers from 0 to 1"),
        (
            {semconv.PREDICTION_CLASS_SCORES: [0.0] * 64},
            "ml.prediction.class_scores must be an array of 1 to 63 numbers",
        ),
        ({semconv.PREDICTION_CLASS_SCORES: 0.5}, "ml.prediction.class_scores must be an array of 1 to 63 numbers"),
        ({semconv.PREDICTION_CLASS_SET: "28593B31"}, "ml.prediction.class_set is '28593B31', not 8 hexadecimal digits"),
        ({semconv.PREDICTION_CLASS_SET: ""}, "ml.prediction.class_set is '', not 8 hexadecimal digits"),
    ],
)
def test_scores_of_every_class_that_cannot_be_reject_their_outcome(wrong: dict[str, object], reason: str) -> None:
    writer = Writer()
    bad = writer.event(semconv.EVENT_FEEDBACK, HOUR, **SCORED | wrong)
    decoded = decode(SignalKind.LOGS, writer.logs(bad, writer.event(semconv.EVENT_FEEDBACK, HOUR, **SCORED)), HOUR)
    assert (decoded.rejected, decoded.reason) == (1, f"ml.feedback.recorded: {reason}")
    assert [len(each) for each in decoded.outcomes.values()] == [1]


@pytest.mark.parametrize("kind", list(SignalKind))
def test_bytes_that_are_no_request_are_refused(kind: SignalKind) -> None:
    with pytest.raises(WireError, match=f"not an OTLP {kind} request"):
        decode(kind, b"\xff\xff\xff", HOUR)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300, -1.0, 0.5])
def test_a_number_that_is_no_count_rejects_its_point_alone(value: float) -> None:
    writer = Writer()
    bad = writer.counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND, ml__prediction__class="0")
    bad.sum.data_points[0].as_double = value
    good = writer.counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND, ml__prediction__class="1")
    decoded = decode(SignalKind.METRICS, writer.metrics(good, bad), HOUR)
    assert (decoded.rejected, len(decoded.payloads)) == (1, 1)


@pytest.mark.parametrize("time", [-1, float("inf")])
def test_an_outcome_of_no_possible_time_is_rejected(time: float) -> None:
    writer = Writer()
    labels = {semconv.PREDICTION_ID: "p", semconv.PREDICTION_TIME: time, semconv.FEEDBACK_ACTUAL: "1"}
    decoded = decode(SignalKind.LOGS, writer.logs(writer.event(semconv.EVENT_FEEDBACK, HOUR, **labels)), HOUR)
    assert (decoded.rejected, decoded.outcomes) == (1, {})


def test_a_span_without_an_end_is_rejected() -> None:
    span = Writer().span(1, SECOND, ["a"], [1.0])
    span.end_time_unix_nano = 0
    assert decode(SignalKind.TRACES, Writer().spans(span), HOUR).rejected == 1


def test_a_metric_of_the_wrong_kind_rejects_each_of_its_points() -> None:
    metric = Writer().counter(semconv.METRIC_PREDICTIONS, 1, SECOND, 2 * SECOND)
    metric.sum.data_points.add().CopyFrom(metric.sum.data_points[0])
    metric.sum.is_monotonic = False
    assert decode(SignalKind.METRICS, Writer().metrics(metric), HOUR).rejected == 2
