"""Numbers and names from outside are bounded where they are read, and so is what is added up of numbers."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric

from tests.processor.models import baseline, hour
from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tests.processor.restarted import Restarted
from tidegauge import semconv
from tidegauge.baseline.file import canonical, digest
from tidegauge.errors import BaselineError
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor import windowing
from tidegauge_processor.baselines import read_baseline
from tidegauge_processor.bounds import LARGEST_COUNT, LARGEST_TOTAL, LATEST
from tidegauge_processor.cumulative import increase
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import DEFAULT
from tidegauge_processor.records import Decoded, StreamKey
from tidegauge_processor.signals import TotalsSignal
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.learning import Learning
from tidegauge_processor.state.windows import Window

NAME = semconv.METRIC_PREDICTION_DURATION
WRITER = Writer()
INTERVAL = SECOND, 2 * SECOND


def decoded(*metrics: Metric) -> Decoded:
    return windowing.decode(SignalKind.METRICS, WRITER.metrics(*metrics), HOUR)


def durations(*counts: int) -> Metric:
    return WRITER.histogram(NAME, NumericSummary(np.arange(1.0, len(counts)), np.array(counts)), *INTERVAL)


def _last_of_many(point: HistogramDataPoint) -> None:
    """Counts of which the sum in 64 bits wraps to the one that is said."""
    point.bucket_counts[:] = [2**62] * 4 + [7]
    point.explicit_bounds[:] = [1.0, 2.0, 3.0, 4.0]
    point.count = 7


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda point: setattr(point, "count", LARGEST_COUNT + 1), "is not a count"),
        (lambda point: setattr(point, "count", 2**64 - 1), "is not a count"),
        (_last_of_many, "the counts add up to 18446744073709551623"[:20]),
        (lambda point: point.bucket_counts.__setitem__(0, 2**63), "too large"),
        (lambda point: setattr(point, "time_unix_nano", LATEST + 1), "before the year 2200"),
        (lambda point: setattr(point, "time_unix_nano", 2**64 - 1), "before the year 2200"),
        (lambda point: (setattr(point, "min", 2.0), setattr(point, "max", 1.0)), "is above the largest"),
    ],
)
def test_a_number_beyond_its_bound_rejects_its_point(spoil: Callable[[HistogramDataPoint], None], why: str) -> None:
    metric = durations(3, 4)
    spoil(metric.histogram.data_points[0])
    found = decoded(metric)
    assert found.rejections == {"malformed": 1}
    assert why in found.reason


def test_the_largest_numbers_are_taken() -> None:
    metric = durations(LARGEST_COUNT - 5, 5)
    metric.histogram.data_points[0].time_unix_nano = LATEST
    assert decoded(metric).rejected == 0
    assert decoded(WRITER.counter(semconv.METRIC_PREDICTIONS, LARGEST_COUNT, *INTERVAL)).rejected == 0


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (semconv.EVENT_FEEDBACK, {semconv.PREDICTION_TIME: LATEST + 1, semconv.FEEDBACK_ACTUAL: "1"}),
        (semconv.EVENT_PREDICTION, {semconv.PREDICTION_TIME: LATEST + 1}),
        (semconv.EVENT_FEEDBACK, {semconv.PREDICTION_TIME: 5, semconv.FEEDBACK_ACTUAL: 1e400}),
    ],
)
def test_outcomes_of_no_possible_time_or_number_are_rejected(name: str, labels: dict[str, object]) -> None:
    event = WRITER.event(name, HOUR, **{semconv.PREDICTION_ID: "p", **labels})
    assert windowing.decode(SignalKind.LOGS, WRITER.logs(event), HOUR).rejections == {"malformed": 1}
    event = WRITER.event(name, LATEST + 1, **{semconv.PREDICTION_ID: "p", **labels, semconv.PREDICTION_TIME: 5})
    assert windowing.decode(SignalKind.LOGS, WRITER.logs(event), HOUR).rejected == 1


LONG, LONGEST = "é" * 513, "é" * 512  # 1,026 and 1,024 bytes


@pytest.mark.parametrize(
    "writer",
    [
        Writer(model=LONG),
        Writer(version=LONG),
        Writer(baseline=LONG),
        Writer(instance=LONG),
        Writer(model="", resource={semconv.MODEL_NAME: LONG}),
        Writer(resource={semconv.BASELINE_ID: LONG}),
    ],
)
def test_an_identity_of_more_than_a_kilobyte_is_refused(writer: Writer) -> None:
    metric = writer.counter(semconv.METRIC_PREDICTIONS, 1, *INTERVAL)
    if not writer.model:
        del metric.sum.data_points[0].attributes[:]
    found = windowing.decode(SignalKind.METRICS, writer.metrics(metric), HOUR)
    assert found.rejections == {"identity_bytes": 1}
    assert "limits.identity_bytes, 1,024" in found.reason
    assert not found.payloads


def test_an_identity_of_a_kilobyte_is_taken() -> None:
    names = dict.fromkeys(("ml__feature__name", "ml__feature__category"), LONGEST)
    writer = Writer(model=LONGEST, version=LONGEST, baseline=LONGEST, instance=LONGEST)
    metric = writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, 1, *INTERVAL, **names)
    assert windowing.decode(SignalKind.METRICS, writer.metrics(metric), HOUR).rejected == 0


@pytest.mark.parametrize("labels", [{"ml__feature__name": LONG}, {LONG: "x"}, {f"a{n}": "x" for n in range(127)}])
def test_the_names_of_a_stream_are_bounded_in_length_and_number(labels: dict[str, str]) -> None:
    assert decoded(WRITER.counter(semconv.METRIC_PREDICTIONS, 1, *INTERVAL, **labels)).rejections == {
        "identity_bytes": 1
    }


@pytest.mark.parametrize("key", ["ml.prediction.id", "ml.prediction.class", "ml.feedback.actual", "ml.segment.x"])
@pytest.mark.parametrize("event", [semconv.EVENT_FEEDBACK, semconv.EVENT_PREDICTION])
def test_names_in_outcomes_and_predictions_are_bounded(key: str, event: str) -> None:
    labels = {semconv.PREDICTION_ID: "p", semconv.PREDICTION_TIME: HOUR, semconv.FEEDBACK_ACTUAL: "1", key: LONG}
    found = windowing.decode(SignalKind.LOGS, WRITER.logs(WRITER.event(event, HOUR, **labels)), HOUR)
    expected = {} if (event, key) == (semconv.EVENT_PREDICTION, semconv.FEEDBACK_ACTUAL) else {"identity_bytes": 1}
    assert found.rejections == expected


def test_names_in_spans_and_of_published_baselines_are_bounded() -> None:
    spans = WRITER.spans(
        WRITER.span(1, HOUR, [LONG], [1.0]),
        WRITER.span(2, HOUR, ["x"], [1.0], error__type=LONG),
        WRITER.span(3, HOUR, ["x"], [1.0], ml__prediction__class=LONG),
        WRITER.span(4, HOUR, ["x"], [1.0]),
    )
    assert windowing.decode(SignalKind.TRACES, spans, HOUR).rejections == {"identity_bytes": 3}
    part = {"ml__baseline__id": LONG, "ml__baseline__part": 0, "ml__baseline__parts": 1}
    event = WRITER.event(semconv.EVENT_BASELINE_PUBLISHED, HOUR, b"x", **part)
    assert windowing.decode(SignalKind.LOGS, WRITER.logs(event), HOUR).rejections == {"identity_bytes": 1}


def test_an_array_stands_for_no_name() -> None:
    metric = WRITER.counter(semconv.METRIC_PREDICTIONS, 1, *INTERVAL)
    metric.sum.data_points[0].attributes.add(key="x").value.array_value.values.add().string_value = "x" * 2_000
    assert decoded(metric).rejections == {"identity_bytes": 1}
    event = WRITER.event(semconv.EVENT_FEEDBACK, HOUR, ml__prediction__id=["p"], ml__feedback__actual="1")
    assert windowing.decode(SignalKind.LOGS, WRITER.logs(event), HOUR).rejections == {"malformed": 1}


def test_a_window_counts_no_more_than_the_bound_and_is_the_same_when_read_again() -> None:
    window, half = Window(), LARGEST_COUNT // 2
    fates = []
    for second, number in enumerate((half, half - 1, 2, 1, 1)):
        at = HOUR + second * SECOND
        found = decoded(WRITER.counter(semconv.METRIC_PREDICTIONS, number, at, at + SECOND))
        (payload,) = found.payloads.values()
        fates += list(window.merge(payload, None, 100))
        window = Window.load(window.dump())
    assert fates == ["new", "new", "count_limit", "new", "count_limit"]
    assert window.sums.number == LARGEST_COUNT


def test_cumulative_points_of_many_writers_count_no_more_than_the_bound() -> None:
    bench = Restarted()
    writers = [Writer(instance=f"w{place}", temporality=CUMULATIVE) for place in range(3)]
    count = semconv.METRIC_PREDICTIONS, LARGEST_COUNT // 2, hour(0), hour(1)
    bench.take(b"".join(writer.metrics(writer.counter(*count)) for writer in writers))
    (memory,) = (json.loads(data) for key, data in bench.units.items() if '"memory"' in key)
    assert memory["rows"] == LARGEST_COUNT


def test_totals_begin_anew_before_they_outgrow_64_bits() -> None:
    bench = Restarted()
    said = []
    for place in range(3):
        at = hour(place)
        said += bench.take(
            WRITER.metrics(
                WRITER.counter(semconv.METRIC_PREDICTIONS, 10, at, at + HOUR),
                WRITER.histogram(NAME, NumericSummary(np.array([1.0]), np.array([10, 0])), at, at + HOUR),
            )
        )
        (key,) = (key for key in bench.units if '"memory"' in key)
        memory = json.loads(bench.units[key])
        if place == 1:
            memory["durations"][""]["counts"] = [LARGEST_TOTAL + 1, 0]
            bench.units[key] = json.dumps(memory).encode()
            bench.restart()
    totals = [signal for signal in said if isinstance(signal, TotalsSignal)]
    assert [(each.since, each.rows, each.durations[""].counts) for each in totals] == [
        (hour(0), 10, (10, 0)),
        (hour(0), 20, (20, 0)),
        (hour(2), 10, (10, 0)),
    ]


def test_what_is_learned_from_is_bounded() -> None:
    learning, sums = Learning(), Aggregates()
    sums.add(StreamKey(semconv.METRIC_PREDICTIONS, "", ()), LARGEST_COUNT // 2)
    dropped = [dict(learning.add(sums, hour(n), hour(n + 1))) for n in range(4)]
    assert dropped == [{}, {}, {"count_limit": 1}, {"count_limit": 1}]
    assert learning.rows == learning.number == LARGEST_COUNT
    assert Learning.load(json.loads(json.dumps(learning.head()))).number == LARGEST_COUNT


def test_an_exponential_histogram_of_which_a_bin_shrank_counts_anew() -> None:
    before, now = ExponentialSummary({1: 5}, {}, 0), ExponentialSummary({1: 2, 2: 9}, {}, 0)
    assert increase(now, before) is now
    assert increase(ExponentialSummary({1: 6, 2: 9}, {}, 1), before) == ExponentialSummary({1: 1, 2: 9}, {}, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model": "m\ud800"}, "is no Unicode"),
        ({"metadata": {"note": "\udfff"}}, "is no Unicode"),
        ({"classes": ("0", {})}, "is no text"),
        ({"version": LONG}, "limits.identity_bytes, 1,024"),
        ({"rows": LARGEST_COUNT + 1}, "add up to more than"),
        ({"rows": -1}, "below zero"),
        ({"end": LATEST + 1}, "not between the epoch and the year 2200"),
        ({"start": -1}, "not between the epoch and the year 2200"),
        ({"threshold": 10**400}, "not a baseline"),
    ],
)
def test_a_baseline_that_cannot_be_worked_with_is_refused(change: dict[str, object], why: str) -> None:
    if "threshold" in change:  # larger than any double, and so beyond the class that would write it
        text = baseline().to_bytes().replace(b'"threshold":0.5', b'"threshold":1' + b"0" * 400)
        data = _with_its_digest(text)
    else:
        data = replace(baseline(), **change).to_bytes()  # type: ignore[arg-type]
    with pytest.raises(BaselineError, match=why):
        read_baseline(data, DEFAULT)


def test_counts_of_a_baseline_are_bounded_together() -> None:
    known = baseline()
    feature = replace(known.features[0], counts=known.features[0].counts * (LARGEST_COUNT // 5_000))
    with pytest.raises(BaselineError, match="add up to more than"):
        read_baseline(replace(known, features=(feature, *known.features[1:])).to_bytes(), DEFAULT)
    assert read_baseline(known.to_bytes(), DEFAULT) == known


def test_metadata_of_a_baseline_may_be_long() -> None:
    noted = replace(baseline(), metadata={"note": "x" * 5_000})
    assert read_baseline(noted.to_bytes(), DEFAULT) == noted


def _with_its_digest(data: bytes) -> bytes:
    plain = json.loads(data)
    plain.pop("id")
    return canonical(plain | {"id": digest(plain)})
