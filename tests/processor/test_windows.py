"""Windows: whatever way the data comes, the bytes are the same, and nothing counts twice."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.errors import WireError
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor import windowing
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import Exemplar, StreamKey
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.windows import Window

BINS = Bins(np.array([-1.0, 0.0, 0.5, 2.0]))
FEATURE: dict[str, Any] = {"ml__feature__name": "income"}


def window_of(*requests: bytes, kind: SignalKind = SignalKind.METRICS, most_streams: int = 1000) -> Window:
    """The window of hour 0 after ``requests``."""
    window = Window()
    for request in requests:
        for (_, start), payload in windowing.decode(kind, request, HOUR).payloads.items():
            assert start == 0
            windowing.merge(window, payload, None, most_streams)
    return window


def flush(writer: Writer, values: list[float], start: int, end: int) -> bytes:
    """Points with exemplars: of numbers the values themselves, of counts ones; calls are known by their time."""
    array = np.array(values)
    request = writer.metrics(
        writer.histogram(semconv.METRIC_FEATURE_VALUE, NumericSummary.of(array, BINS), start, end, **FEATURE),
        writer.exponential(
            semconv.METRIC_FEATURE_VALUE, ExponentialSummary.of(array), start, end, ml__feature__name="age"
        ),
        writer.counter(semconv.METRIC_PREDICTIONS, len(values), start, end, ml__prediction__class="late"),
    )
    found = ExportMetricsServiceRequest.FromString(request)
    for metric in found.resource_metrics[0].scope_metrics[0].metrics:
        for point in getattr(metric, str(metric.WhichOneof("data"))).data_points:
            for place, value in enumerate(values):
                call = (start + place).to_bytes(16, "big")
                said: dict[str, Any] = {"as_int": 1} if metric.WhichOneof("data") == "sum" else {"as_double": value}
                point.exemplars.add(trace_id=call, span_id=call[8:], **said)
    return found.SerializeToString()


@settings(max_examples=60, deadline=None)
@given(
    flushes=st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), min_size=1, max_size=8),
    writers=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_any_order_with_duplicates_leaves_the_same_bytes(flushes: list[list[float]], writers: int, seed: int) -> None:
    requests = [
        flush(Writer(instance=f"w{i % writers}"), values, (10 * i + 1) * SECOND, (10 * i + 11) * SECOND)
        for i, values in enumerate(flushes)
    ]
    chance = random.Random(seed)
    shuffled = requests + chance.choices(requests, k=len(requests))
    chance.shuffle(shuffled)
    expected, found = window_of(*requests), window_of(*shuffled)
    assert found.dump() == expected.dump()
    assert Window.load(found.dump()).dump() == expected.dump()
    stream = StreamKey(semconv.METRIC_PREDICTIONS, "", ((semconv.PREDICTION_CLASS, "late"),))
    assert found.sums.counts[stream] == sum(map(len, flushes))
    assert len(found.sums.exemplars) == 3
    assert all(len(kept) == min(4, sum(map(len, flushes))) for kept in found.sums.exemplars.values())


@given(st.lists(st.integers(1, 99), unique=True, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_however_sums_are_merged_a_counter_keeps_the_same_calls(calls: list[int], chance: random.Random) -> None:
    stream = StreamKey(semconv.METRIC_VIOLATIONS, "", ((semconv.FEATURE_NAME, "income"),))

    def sums(numbers: list[int]) -> Aggregates:
        found = Aggregates()
        for number in numbers:
            found.add(stream, 1, [Exemplar(1.0, f"{number:032x}", f"{number:016x}")])
        return found

    parts = chance.sample(calls, len(calls))
    cut = chance.randrange(len(calls))
    merged = sums(parts[:cut])
    merged += sums(parts[cut:])
    assert merged.dump() == sums(calls).dump() == Aggregates.load(merged.dump()).dump()
    assert len(merged.exemplars[stream]) == min(4, len(calls))


def test_a_summary_crosses_the_wire_unchanged() -> None:
    values = np.array([-7.25, 0.5, 0.5, 1e5])
    window = window_of(flush(Writer(), values.tolist(), SECOND, 2 * SECOND))
    income = StreamKey(semconv.METRIC_FEATURE_VALUE, "", ((semconv.FEATURE_NAME, "income"),))
    age = StreamKey(semconv.METRIC_FEATURE_VALUE, "", ((semconv.FEATURE_NAME, "age"),))
    assert window.sums.histograms[income] == NumericSummary.of(values, BINS)
    assert window.sums.histograms[age] == ExponentialSummary.of(values)


def test_intervals_that_overlap_in_part_are_malformed() -> None:
    window = Window()
    fates = []
    for start, end in ((0, 10), (10, 20), (15, 25), (0, 20)):
        request = flush(Writer(), [1.0], (start + 1) * SECOND, (end + 1) * SECOND)
        (payload,) = windowing.decode(SignalKind.METRICS, request, HOUR).payloads.values()
        fates.append(dict(windowing.merge(window, payload, None, 1000)))
    assert fates == [{"new": 3}, {"new": 3}, {"malformed": 3}, {"duplicate": 3}]


def test_beyond_the_cardinality_limit_counts_overflow_and_nothing_is_lost() -> None:
    writer = Writer()
    requests = [
        writer.metrics(
            writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, 1, SECOND, 2 * SECOND, ml__feature__category=str(i))
        )
        for i in range(10)
    ]
    counts = window_of(*requests, most_streams=4).sums.counts
    assert sum(counts.values()) == 10
    assert counts[StreamKey(semconv.METRIC_FEATURE_OCCURRENCES, "", (("otel.metric.overflow", "true"),))] == 6


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 2, 0)])
def test_of_cumulative_points_the_latest_counts(order: tuple[int, ...]) -> None:
    writer = Writer(temporality=CUMULATIVE)
    requests = [
        writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 5 * (i + 1), SECOND, (i + 2) * SECOND))
        for i in range(3)
    ]
    (latest,) = window_of(*(requests[i] for i in order)).snapshots.values()
    assert latest == (4 * SECOND, 15)


def test_a_span_counts_once_and_only_where_no_metrics_come() -> None:
    writer = Writer()
    spans = writer.spans(*(writer.span(i, SECOND, ["income"], [0.25 * i]) for i in (1, 2, 3, 2)))
    window = window_of(spans, spans, kind=SignalKind.TRACES)
    assert sum(s.count for k, s in window.calls["writer-1"].histograms.items() if k.metric == "ml.feature.value") == 3
    assert window.metric_writers == frozenset()
    for payload in windowing.decode(SignalKind.METRICS, flush(writer, [1.0], 1, SECOND), HOUR).payloads.values():
        windowing.merge(window, payload, None, 1000)
    assert window.metric_writers == {"writer-1"}


def test_bytes_of_another_version_are_refused() -> None:
    with pytest.raises(WireError, match=r"format 'tidegauge\.window/0'"):
        windowing.load(b'{"format": "tidegauge.window/0"}')
