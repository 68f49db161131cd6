"""What a request takes when it is parsed is known before it is, and bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from tests.processor.models import flush, hour, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor import windowing
from tidegauge_processor.backlog import Backlog
from tidegauge_processor.otlp import attributes, points
from tidegauge_processor.otlp.decode import UnreadableError
from tidegauge_processor.otlp.elements import elements
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import DEFAULT
from tidegauge_processor.records import Decoded
from tidegauge_processor.state.inbox import Entry

METRICS = ExportMetricsServiceRequest.DESCRIPTOR
MIB = 1 << 20


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def metric(name: str, shape: int, data: bytes) -> bytes:
    return field(1, field(2, field(2, field(1, name.encode()) + field(shape, data))))


def bombs(size: int) -> Iterable[Any]:
    """Requests of ``size`` bytes that become many times as much; each compresses to a thousandth."""
    buckets = field(1, field(8, field(2, bytes(size))))
    yield pytest.param(SignalKind.METRICS, metric(semconv.METRIC_FEATURE_VALUE, 10, buckets), id="packed zeros")
    empty = size // 2
    yield pytest.param(SignalKind.METRICS, metric(semconv.METRIC_PREDICTIONS, 7, b"\x0a\0" * empty), id="points")
    yield pytest.param(SignalKind.METRICS, metric("x", 7, field(1, b"\x3a\0" * empty)), id="attributes")
    yield pytest.param(SignalKind.METRICS, b"\x0a\0" * empty, id="resources")
    yield pytest.param(SignalKind.LOGS, field(1, field(2, b"\x12\0" * empty)), id="log records")
    values = field(9, field(1, b"ml.feature.values") + field(2, field(5, b"\x0a\0" * empty)))
    yield pytest.param(SignalKind.TRACES, field(1, field(2, field(2, values))), id="values")


@pytest.mark.parametrize(("kind", "data"), [*bombs(8 * MIB)])
def test_a_request_of_many_elements_is_not_parsed(kind: SignalKind, data: bytes) -> None:
    limits = DEFAULT._replace(request_elements=500_000)
    if kind is SignalKind.LOGS:  # a scope without a record is none that nobody could read
        decoded = windowing.decode(kind, data, HOUR, limits)
        assert (decoded.rejected, decoded.items, decoded.ignored) == (1, 0, 0)
        return
    with pytest.raises(UnreadableError, match=r"limits\.request_elements|its first 100,000 parts"):
        windowing.decode(kind, data, HOUR, limits)


@pytest.mark.parametrize(("kind", "data"), [*bombs(64_000)])
def test_a_small_one_harms_nobody_and_is_read(kind: SignalKind, data: bytes) -> None:
    decoded = windowing.decode(kind, data, HOUR)
    assert decoded.rejections.keys() <= {"malformed", "buckets_per_point"}


def test_the_items_of_others_in_the_same_request_are_kept() -> None:
    honest = flush(rows(50, 1), hour(0))
    (bomb, *_) = [each.values[1] for each in bombs(4 * MIB)]
    limits = DEFAULT._replace(request_elements=100_000)
    for data in (honest + bomb, bomb + honest):
        decoded = windowing.decode(SignalKind.METRICS, data, HOUR, limits)
        assert decoded.rejections == {"request_elements": 1}
        assert decoded.items == windowing.decode(SignalKind.METRICS, honest, HOUR).items
    assert "limits.request_elements" in decoded.reason


def test_honest_batches_are_far_from_the_limit() -> None:
    """A thousand items, as collectors send them, with forty-four buckets, have a hundredth of it."""
    data = flush(rows(500, 1), hour(0)) * 128
    assert elements(data, METRICS, 10**9, exact=True) < DEFAULT.request_elements / 50


def size_of(message: Message) -> float:
    """Elements by what protobuf itself has parsed."""
    found = 1.0
    for known, value in message.ListFields():
        several = value if known.is_repeated else [value]
        if known.message_type is not None:
            found += sum(map(size_of, several))
        elif known.is_repeated and known.type in (known.TYPE_STRING, known.TYPE_BYTES):
            found += len(several)
        elif known.is_repeated and known.type not in (known.TYPE_DOUBLE, known.TYPE_FIXED64):
            found += sum(len(varint(each)) for each in several) / 8
    return found


@given(st.lists(st.integers(0, 2**40), max_size=20), st.integers(1, 4), st.booleans())
def test_elements_are_those_that_protobuf_makes(counts: list[int], number: int, extra: bool) -> None:
    point = ExponentialHistogramDataPoint(positive=ExponentialHistogramDataPoint.Buckets(bucket_counts=counts))
    data = metric("x", 10, field(1, point.SerializeToString())) + flush(rows(9, 1), hour(0)) * number
    unknown = field(999, b"\x0a\0" * 50) + varint(998 << 3) + b"\x05" + varint(997 << 3 | 1) + bytes(8)
    group = varint(996 << 3 | 3) + b"\x0a\0" + varint(996 << 3 | 4)
    data += unknown + group if extra else b""
    found = elements(data, METRICS, 10**9, exact=True)
    assert found == int(size_of(ExportMetricsServiceRequest.FromString(data)))
    assert elements(data, METRICS, found) >= found
    assert elements(data, METRICS, found - 1) == found


@given(st.binary(max_size=200))
def test_whatever_comes_has_a_number_of_elements(data: bytes) -> None:
    for request in (ExportMetricsServiceRequest, ExportLogsServiceRequest, ExportTraceServiceRequest):
        assert 0 <= elements(data, request.DESCRIPTOR, 10, exact=True) <= 11


@pytest.mark.parametrize("shape", ["explicit", "exponential"])
def test_a_point_of_too_many_buckets_is_rejected_alone(shape: str) -> None:
    writer, interval = Writer(), (hour(0), hour(0) + SECOND)
    limits = DEFAULT._replace(buckets_per_point=100)

    def point(buckets: int) -> Any:
        name = f"f{buckets}"
        if shape == "explicit":
            values = NumericSummary.of(np.arange(3.0), Bins(np.arange(buckets - 1, dtype=float)))
            return writer.histogram(semconv.METRIC_FEATURE_VALUE, values, *interval, ml__feature__name=name)
        spread = ExponentialSummary.of(np.array([1.5, 1.5 * 2 ** ((buckets - 1) / 8)]))
        return writer.exponential(semconv.METRIC_FEATURE_VALUE, spread, *interval, ml__feature__name=name)

    decoded = windowing.decode(SignalKind.METRICS, writer.metrics(point(100), point(101)), HOUR, limits)
    assert (decoded.items, decoded.rejections) == (1, {"buckets_per_point": 1})
    assert "101 buckets, more than limits.buckets_per_point, 100" in decoded.reason


def test_a_number_under_the_name_of_a_histogram_is_rejected() -> None:
    """Kept beside the histogram, it would count that twice when the window is read again."""
    writer = Writer()
    count = writer.counter(semconv.METRIC_FEATURE_VALUE, 7, hour(0), hour(0) + SECOND, ml__feature__name="income")
    values = NumericSummary.of(np.arange(3.0), Bins(np.array([1.0])))
    rest = writer.histogram(semconv.METRIC_PREDICTIONS, values, hour(0), hour(0) + SECOND)
    decoded = windowing.decode(SignalKind.METRICS, writer.metrics(count, rest), HOUR)
    assert (decoded.items, decoded.rejected) == (0, 2)


def test_what_is_kept_for_the_next_request_is_bounded_in_size() -> None:
    points._bounds.cache_clear()
    attributes._text.cache_clear()
    writer = Writer()
    for size in (10, 2_000):
        values = NumericSummary.of(np.arange(3.0), Bins(np.arange(size, dtype=float)))
        point = writer.histogram(semconv.METRIC_FEATURE_VALUE, values, hour(0), hour(0) + SECOND)
        assert windowing.decode(SignalKind.METRICS, writer.metrics(point), HOUR).items == 1
    assert points._bounds.cache_info().currsize == 1
    assert [pair.value.string_value for pair in attributes.pairs({"a": "x", "b": "y" * 1_000})] == ["x", "y" * 1_000]
    assert attributes._text.cache_info().currsize == 1


def commit(size: int) -> list[Entry[Decoded]]:
    return [Entry(1, SignalKind.METRICS, Decoded(size=size))]


def test_the_backlog_is_bounded_by_what_it_takes_in_memory() -> None:
    backlog, added = Backlog(100), threading.Event()
    for size in (60, 40):
        backlog.put(commit(size))

    def late() -> None:
        backlog.put(commit(1))
        added.set()

    thread = threading.Thread(target=late)
    thread.start()
    assert not added.wait(0.1)
    assert backlog.get(0)[0].decoded.size == 60  # type: ignore[index]
    assert added.wait(20)
    thread.join()
    assert [backlog.get(0)[0].decoded.size for _ in range(2)] == [40, 1]  # type: ignore[index]
    assert backlog.get(0) == ()
    backlog.put(commit(1_000))  # alone, whatever it takes
    backlog.close()
    assert backlog.get(0) != ()
    assert backlog.get(0) is None


def test_a_request_knows_about_how_much_it_takes() -> None:
    small = windowing.decode(SignalKind.METRICS, flush(rows(50, 1), hour(0)), HOUR)
    data = flush(rows(50, 1), hour(0)) * 50
    large = windowing.decode(SignalKind.METRICS, data, HOUR)
    assert large.size == len(data) + 600 * large.items
    assert large.size > 40 * small.size
