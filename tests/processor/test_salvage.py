"""A request that does not parse as a whole: what parses is kept to the bit, and nothing else is."""

import random
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processor.models import baseline, flush, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.wire_bytes import field, nested_attribute, request_of, varint
from tidegauge import semconv
from tidegauge.errors import WireError
from tidegauge.summaries import ExponentialSummary
from tidegauge_processor.otlp.decode import decode
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import DEFAULT
from tidegauge_processor.otlp.salvage import salvage
from tidegauge_processor.otlp.wire import WireFormatError, fields, nesting

REQUESTS = {
    SignalKind.METRICS: ExportMetricsServiceRequest,
    SignalKind.TRACES: ExportTraceServiceRequest,
    SignalKind.LOGS: ExportLogsServiceRequest,
}
LATIN = field(1, b"caf\xe9")  # a name that is no UTF-8, in the first field of a metric or span
BROKEN = {SignalKind.METRICS: LATIN, SignalKind.TRACES: field(5, b"\xe9"), SignalKind.LOGS: field(12, b"\xe9")}


def honest(kind: SignalKind) -> bytes:
    """A request of two resources, with several items in each."""
    if kind is SignalKind.METRICS:
        found = [flush(rows(50, seed=n), HOUR, Writer(instance=f"w{n}", baseline=baseline().id)) for n in range(2)]
        writer, summary = Writer(), ExponentialSummary.of(np.array([1.0, -2.0, 0.0]))
        found.append(writer.metrics(writer.exponential(semconv.METRIC_FEATURE_VALUE, summary, HOUR, HOUR + SECOND)))
        return b"".join(found)
    writers = [Writer(instance=f"w{n}") for n in range(2)]
    if kind is SignalKind.TRACES:
        return b"".join(w.spans(*(w.span(n, HOUR, ["a", "b"], [1.0, "x"]) for n in (1, 2))) for w in writers)
    outcome = {"ml__prediction__id": "p", "ml__prediction__time": HOUR, "ml__feedback__actual": "1"}
    return b"".join(w.logs(*(w.event(semconv.EVENT_FEEDBACK, HOUR, **outcome) for _ in range(2))) for w in writers)


def resource(kind: SignalKind) -> bytes:
    """The first resource of such a request, as the fields that it consists of."""
    ((_, resources),) = REQUESTS[kind].FromString(honest(kind)).ListFields()
    return bytes(resources[0].SerializeToString())


def mutated(data: bytes, chance: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(found))
        if chance.random() < 0.7:
            found[place] ^= 1 << chance.randrange(8)
        else:
            del found[place : place + chance.randint(1, 9)]
    return bytes(found)


def mutations(kind: SignalKind, number: int) -> Iterator[bytes]:
    data = honest(kind)
    return (mutated(data, random.Random(seed)) for seed in range(number))


def parsed(kind: SignalKind, data: bytes) -> Message | None:
    try:
        return REQUESTS[kind].FromString(data)
    except DecodeError:
        return None


@pytest.mark.parametrize("kind", list(SignalKind))
def test_what_parses_as_a_whole_is_all_kept(kind: SignalKind) -> None:
    request = REQUESTS[kind]()
    assert salvage(request, honest(kind), DEFAULT.request_nesting) == []
    assert request == REQUESTS[kind].FromString(honest(kind))


@pytest.mark.parametrize("kind", list(SignalKind))
def test_one_item_that_does_not_parse_takes_no_other_with_it(kind: SignalKind) -> None:
    good, bad_scope = honest(kind), field(2, field(2, BROKEN[kind]))
    data = good + field(1, resource(kind) + bad_scope) + good
    assert parsed(kind, data) is None
    request = REQUESTS[kind]()
    (unread,) = salvage(request, data, DEFAULT.request_nesting)
    assert (unread.reason, unread.records) == ("malformed", 1)
    assert request == REQUESTS[kind].FromString(good + field(1, resource(kind)) + good)
    alone, beside = decode(kind, good, HOUR), decode(kind, good + request_of(BROKEN[kind]), HOUR)
    assert beside.rejections == {"malformed": 1}
    assert (beside.payloads, beside.outcomes, beside.ignored) == (alone.payloads, alone.outcomes, alone.ignored)


def test_points_of_a_metric_that_does_not_parse_are_counted() -> None:
    gauge = field(5, field(1, field(7, nested_attribute(0))) * 3)
    decoded = decode(SignalKind.METRICS, honest(SignalKind.METRICS) + request_of(LATIN + gauge), HOUR)
    assert decoded.rejections == {"malformed": 3}


def test_items_of_a_resource_that_cannot_be_read_are_not_kept() -> None:
    """Nobody knows whose they are: they would be counted as another writer's."""
    item = field(2, field(1, b"ok"))
    bad_resource = field(1, field(1, field(1, field(1, b"\xe9"))) + field(2, item * 2) + field(2, item))
    request = ExportMetricsServiceRequest()
    (unread,) = salvage(request, bad_resource, DEFAULT.request_nesting)
    assert (unread.reason, unread.records) == ("malformed", 3)
    assert not request.ListFields()
    torn = field(1, field(2, item) + varint(1 << 3 | 2) + b"\x7f")  # it breaks off where its resource might have stood
    (unread,) = salvage(request, torn, DEFAULT.request_nesting)
    assert "breaks off before its resource" in unread.why
    known = field(1, field(1, b"") + field(2, item) + varint(2 << 3 | 2) + b"\x7f")
    (unread,) = salvage(request, known, DEFAULT.request_nesting)
    assert [len(each.scope_metrics) for each in request.resource_metrics] == [1]


def test_a_request_of_which_nothing_can_be_read_is_refused() -> None:
    for data, reason in ((b"\xff" * 100, "malformed"), (request_of(LATIN), "malformed")):
        with pytest.raises(WireError, match="not an OTLP metrics request") as caught:
            decode(SignalKind.METRICS, data, HOUR)
        assert getattr(caught.value, "reason", "") == reason


@pytest.mark.parametrize("depth", [60, 5_000])
def test_nesting_that_no_parser_takes_is_rejected_alone(depth: int) -> None:
    bomb = request_of(field(9, nested_attribute(depth)))
    decoded = decode(SignalKind.TRACES, honest(SignalKind.TRACES) + bomb, HOUR)
    assert decoded.rejections == {"request_nesting": 1}
    assert sum(len(each.spans) for each in decoded.payloads.values()) == 4


def test_a_lower_limit_of_nesting_holds_also_for_what_parses() -> None:
    nested = request_of(field(9, nested_attribute(8)))  # 6 messages around it and 2 for each array
    assert nesting(nested, ExportTraceServiceRequest.DESCRIPTOR, 100) == 6 + 2 * 8
    for most, rejections in ((22, {}), (21, {"request_nesting": 1})):
        limits = DEFAULT._replace(request_nesting=most)
        decoded = decode(SignalKind.TRACES, honest(SignalKind.TRACES) + nested, HOUR, limits)
        assert decoded.rejections == rejections
        assert sum(len(each.spans) for each in decoded.payloads.values()) == 4


@pytest.mark.parametrize("kind", list(SignalKind))
def test_the_walk_takes_whatever_the_parser_takes(kind: SignalKind) -> None:
    taken = 0
    for data in mutations(kind, 2_000):
        request = parsed(kind, data)
        if request is not None:
            taken += 1
            assert sum(field.end - field.key for field in fields(data)) == len(data)
            kept = REQUESTS[kind]()
            assert salvage(kept, data, DEFAULT.request_nesting) == []
            assert kept == request
    assert taken > 100


@pytest.mark.parametrize("kind", list(SignalKind))
def test_whatever_comes_is_read_refused_or_rejected_and_alike_each_time(kind: SignalKind) -> None:
    for data in mutations(kind, 1_000):
        try:
            first = decode(kind, data, HOUR)
        except WireError:
            with pytest.raises(WireError):
                decode(kind, data, HOUR)
            continue
        again = decode(kind, data, HOUR)
        assert repr((first.payloads, first.outcomes, first.rejections)) == repr(
            (again.payloads, again.outcomes, again.rejections)
        )


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"\x80", "a varint breaks off"),
        (b"\x80" * 11, "a varint breaks off"),
        (b"\x00\x01", "no field has such a key"),
        (b"\x0a\x05abc", "a value breaks off"),
        (b"\x09abc", "a value breaks off"),
        (b"\x0e", "there is no value of wire type 6"),
        (b"\x0c", "there is no value of wire type 4"),
        (b"\x0b\x08\x01", "a varint breaks off"),
        (b"\x0b\x14", "a group ends that did not begin"),
    ],
)
def test_bytes_that_are_no_fields(data: bytes, wrong: str) -> None:
    with pytest.raises(WireFormatError, match=wrong):
        list(fields(data))


def test_a_group_is_one_field_however_deep() -> None:
    depth = 10_000
    (group,) = fields(b"\x0b" * depth + b"\x0c" * depth)
    assert (group.number, group.end) == (1, 2 * depth)
    with pytest.raises(WireFormatError, match="a group of more than 100,000 fields"):
        list(fields(b"\x0b" * 100_001))


def test_what_is_looked_at_byte_by_byte_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of parts would take minutes; a request has some thousand."""
    monkeypatch.setattr(sys.modules[salvage.__module__], "MOST_PARTS", 1_000)
    good = honest(SignalKind.METRICS)
    request = ExportMetricsServiceRequest()
    (unread,) = salvage(request, good + field(1, b"") * 1_000 + request_of(LATIN), DEFAULT.request_nesting)
    assert "only its first 1,000 parts" in unread.why
    assert not request.ListFields()
    request = ExportMetricsServiceRequest()
    many = field(1, field(2, field(2, b"") * 2_000 + field(2, LATIN)))
    (unread,) = salvage(request, good + many, DEFAULT.request_nesting)
    assert "only its first 1,000 parts" in unread.why
    assert request.SerializeToString().startswith(ExportMetricsServiceRequest.FromString(good).SerializeToString())


def test_bytes_of_which_it_is_only_said_what_is_wrong_are_bounded() -> None:
    padding = field(100, bytes(300 << 10))
    request = ExportMetricsServiceRequest()
    nested = field(12, nested_attribute(60))
    found = salvage(request, honest(SignalKind.METRICS) + request_of(nested + padding, nested), DEFAULT.request_nesting)
    assert [unread.reason for unread in found] == ["malformed", "request_nesting"]
