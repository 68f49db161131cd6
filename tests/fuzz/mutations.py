"""Requests that were fine once: bits flipped, cut, numbers without bounds, deep nesting, wrong types, long names.

All of it follows from a seed. What a mutation makes is about the stranger's models only: names change, but never to
those of the honest ones.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processor.requests import Writer
from tests.processor.wire_bytes import field, nested_attribute, request_of
from tidegauge import semconv
from tidegauge.baseline.file import canonical, digest
from tidegauge_processor.otlp.kinds import SignalKind

REQUESTS: dict[SignalKind, type[Message]] = {
    SignalKind.METRICS: ExportMetricsServiceRequest,
    SignalKind.TRACES: ExportTraceServiceRequest,
    SignalKind.LOGS: ExportLogsServiceRequest,
}
ATTRIBUTES = {SignalKind.METRICS: 12, SignalKind.TRACES: 9, SignalKind.LOGS: 6}
"""Where an item of each signal has attributes."""

INTEGERS = (0, 1, -1, 5, 2**31, 2**32 - 1, 2**50, 2**50 + 1, 2**53, 2**62, 2**63 - 1, -(2**63), 2**64 - 1)
DOUBLES = (0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, 2.0**53, 2.0**63, math.inf, -math.inf, math.nan, 0.5)
TEXTS = ("", "x", "\n", "\x1b[31m", "\x00", "‮", "_other", "stranger", "x" * 1_024, "é" * 600, "x" * 40_000, "💳")
JSON = (0, -1, 2**50, 2**63, 10**400, 1e308, -0.0, 0.5, None, True, "", "x" * 2_000, "\ud800", [], {}, [[[]]])

_INTEGRAL = {
    *(FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64),
    *(FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_FIXED32),
    *(FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED32, FieldDescriptor.TYPE_SFIXED64),
    *(FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_BOOL),
}


def mutate(kind: SignalKind, data: bytes, chance: Random) -> bytes:
    """A request made of ``data`` that may be anything."""
    found = data
    if kind is SignalKind.METRICS and chance.random() < 0.3:
        found = _with_great_counts(found, chance)
    if chance.random() < 0.6:
        found = _with_other_values(kind, found, chance)
    if chance.random() < 0.4:
        found = _with_other_bytes(found, chance)
    if chance.random() < 0.1:
        depth = chance.choice((3, 30, 46, 47, 60, 3_000))
        found += request_of(field(ATTRIBUTES[kind], nested_attribute(depth)))
    return found


class Published(NamedTuple):
    """A published baseline.

    Attributes:
        request: that publishes it; nothing when JSON cannot hold it.
        id: its digest.
    """

    request: bytes
    id: str


def publish(plain: dict[str, Any], writer: Writer, at: int, chance: Random) -> Published:
    """A baseline with some other values in it, under the digest that it then has."""
    plain = json.loads(json.dumps(plain))
    plain.pop("id", None)
    for _ in range(chance.randint(0, 3)):
        _set_somewhere(plain, chance)
    try:
        id = digest(plain)
    except ValueError:  # a number that JSON cannot hold
        return Published(b"", "")
    body = gzip.compress(canonical(plain | {"id": id}), 1)
    part = {semconv.BASELINE_ID: id, semconv.BASELINE_PART: 0, semconv.BASELINE_PARTS: 1}
    return Published(writer.logs(writer.event(semconv.EVENT_BASELINE_PUBLISHED, at, body, **part)), id)


def _with_great_counts(data: bytes, chance: Random) -> bytes:
    """The same points with all counts so many times as large, each several times as large as what 64 bits add up."""
    request = ExportMetricsServiceRequest.FromString(data)
    times, copies = chance.choice((2**20, 2**38, 2**43, 2**56)), chance.choice((1, 1, 3, 30))
    for metric in (metric for r in request.resource_metrics for s in r.scope_metrics for metric in s.metrics):
        points = getattr(metric, metric.WhichOneof("data") or "sum").data_points
        for point in list(points):
            _scale(point, times)
            length = (point.time_unix_nano - point.start_time_unix_nano) // copies
            for place in range(1, copies):  # after one another, or they would be the same point again
                copy = points.add()
                copy.CopyFrom(point)
                copy.start_time_unix_nano = point.start_time_unix_nano + place * length
                copy.time_unix_nano = copy.start_time_unix_nano + length
            point.time_unix_nano = point.start_time_unix_nano + length
    return request.SerializeToString()


def _scale(point: Any, times: int) -> None:
    largest = 2**64 - 1
    if hasattr(point, "as_int"):
        point.as_int = min(point.as_int * times, 2**63 - 1)
        return
    point.count = min(point.count * times, largest)
    sparse = hasattr(point, "scale")
    if sparse:
        point.zero_count = min(point.zero_count * times, largest)
    for counts in (point.positive, point.negative) if sparse else (point,):
        counts.bucket_counts[:] = [min(count * times, largest) for count in counts.bucket_counts]


def _with_other_bytes(data: bytes, chance: Random) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        if not found:
            break
        place = chance.randrange(len(found))
        match chance.randrange(5):
            case 0 | 1:
                found[place] ^= 1 << chance.randrange(8)
            case 2:
                del found[place : place + chance.randint(1, 40)]
            case 3:
                found[place:place] = chance.randbytes(chance.randint(1, 12))
            case _:
                del found[place:]
    return bytes(found)


def _with_other_values(kind: SignalKind, data: bytes, chance: Random) -> bytes:
    try:
        request = REQUESTS[kind].FromString(data)
    except DecodeError:
        return data
    for _ in range(chance.randint(1, 6)):
        _change(_somewhere(request, chance), chance)
    return request.SerializeToString()


def _somewhere(message: Message, chance: Random) -> Message:
    """Any message within, deeper ones more often."""
    while True:
        within = [
            value
            for known, value in message.ListFields()
            if known.message_type is not None and (not known.is_repeated or len(value))
        ]
        if not within or chance.random() < 0.1:
            return message
        found = chance.choice(within)
        message = found if isinstance(found, Message) else chance.choice(found)


def _change(message: Message, chance: Random) -> None:
    known = chance.choice(message.DESCRIPTOR.fields)
    if known.is_repeated:
        _change_repeated(getattr(message, known.name), known, chance)
    elif known.message_type is not None:
        message.ClearField(known.name)
    else:
        try:
            setattr(message, known.name, _value(known, chance))
        except (OverflowError, TypeError, ValueError):  # it does not fit into the type of the field
            message.ClearField(known.name)


def _change_repeated(values: Any, known: FieldDescriptor, chance: Random) -> None:
    if not len(values) or chance.random() < 0.1:
        del values[:]
    elif known.message_type is not None:
        for _ in range(chance.choice((1, 1, 1, 2, 2, 2, 3, 130))):
            values.add().CopyFrom(values[chance.randrange(len(values))])
    else:
        place = chance.randrange(len(values))
        try:
            values[place] = _value(known, chance)
        except (OverflowError, TypeError, ValueError):
            del values[place]


def _value(known: FieldDescriptor, chance: Random) -> Any:
    if known.type in _INTEGRAL:
        return chance.choice(INTEGERS)
    if known.type == FieldDescriptor.TYPE_BYTES:
        return chance.randbytes(chance.choice((0, 1, 8, 16, 5_000)))
    return chance.choice(TEXTS if known.type == FieldDescriptor.TYPE_STRING else DOUBLES)


def _set_somewhere(plain: dict[str, Any], chance: Random) -> None:
    """Put another value in the place of any one in ``plain``; names, which are few, as often as numbers."""
    places = list(_places(plain))
    kinds = sorted({kind for kind, _, _ in places})
    chosen = "str" if chance.random() < 0.3 else chance.choice(kinds)
    _, holder, key = chance.choice([place for place in places if place[0] == chosen])
    holder[key] = chance.choice(JSON) if chance.random() < 0.5 else _close_to(holder[key], chance)


def _places(plain: Any) -> Iterator[tuple[str, Any, Any]]:
    for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
        yield type(value).__name__, plain, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _close_to(value: Any, chance: Random) -> Any:
    """A value of the same type, which is more likely to be believed."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if isinstance(value, str):
        return chance.choice((*TEXTS, "\ud800"))
    return chance.choice((value * 2**20, value * 2**36, -value, value + 1, 0))
