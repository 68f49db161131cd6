"""OTLP requests taken apart: one leaf a span, data point or log record.

Collectors and exporters may cut and batch requests as they like. What must not change are the leaves, each with its
resource, its scope and, for a point, its metric.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tests.end_to_end.sink import Request
from tidegauge import semconv

_REQUESTS = {
    "resourceSpans": ExportTraceServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
    "resourceLogs": ExportLogsServiceRequest,
}
_IDENTIFIERS = {"traceId", "spanId", "parentSpanId"}


class Leaf(NamedTuple):
    """A span, data point or log record.

    Attributes:
        resource: attributes of its resource.
        scope: name of its instrumentation scope.
        name: of the span, the metric or the event.
        kind: ``span``, ``event``, or the metric's shape: ``sum``, ``gauge``, ``histogram``, ``exponential_histogram``.
        attributes: its own attributes.
        data: the message itself.
        within: resource, scope and metric header around it, as canonical bytes.
    """

    resource: dict[str, Any]
    scope: str
    name: str
    kind: str
    attributes: dict[str, Any]
    data: Any
    within: bytes


def leaves(requests: Iterable[Request], metric: str | None = None) -> Iterator[Leaf]:
    """All leaves, or only the data points of one metric, in the order of the requests."""
    for request in requests:
        for resource, scope, within, item in _items(request):
            if metric is not None and not (isinstance(item, Metric) and item.name == metric):
                continue
            if isinstance(item, Metric):
                kind = str(item.WhichOneof("data"))
                header = Metric()
                header.CopyFrom(item)
                del getattr(header, kind).data_points[:]
                around = within + header.SerializeToString(deterministic=True)
                for point in getattr(item, kind).data_points:
                    yield Leaf(resource, scope, item.name, kind, plain(point.attributes), point, around)
            else:
                kind, name = ("event", item.event_name) if hasattr(item, "event_name") else ("span", item.name)
                yield Leaf(resource, scope, name, kind, plain(item.attributes), item, within)


def multiset(requests: Iterable[Request]) -> Counter[bytes]:
    """The leaves as canonical bytes, each with all that stands around it: equal when nothing was lost or changed."""
    return Counter(leaf.within + _canonical(leaf) for leaf in leaves(requests))


def points(requests: Iterable[Request], name: str, attributes: Mapping[str, str] | None = None) -> dict[int, Any]:
    """Points of one series by their time in ns; a point that was delivered twice must say the same twice.

    Points of groups only where ``attributes`` name the segment.
    """
    wanted = (attributes or {}).items()
    grouped = semconv.SEGMENT_NAME in (attributes or {})
    found: dict[int, Any] = {}
    for leaf in leaves(requests, metric=name):
        if wanted <= leaf.attributes.items() and (grouped or semconv.SEGMENT_NAME not in leaf.attributes):
            known = found.setdefault(leaf.data.time_unix_nano, leaf.data)
            assert known == leaf.data, f"{name} {attributes} says two things about one time: {known} {leaf.data}"
    return dict(sorted(found.items()))


def gauge(requests: Iterable[Request], name: str, attributes: Mapping[str, str] | None = None) -> dict[int, float]:
    """Values of one gauge by their time in ns."""
    return {time: point.as_double for time, point in points(requests, name, attributes).items()}


def plain(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as Python values."""
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def read_file_exporter(path: Path) -> list[Request]:
    """What the collector's file exporter wrote: OTLP JSON, one request a line; a line that is half written waits."""
    requests: list[Request] = []
    for line in path.read_text().split("\n")[:-1]:
        document = json.loads(line)
        (field,) = document
        requests.append(ParseDict(_with_base64_identifiers(document), _REQUESTS[field]()))
    return requests


def _canonical(leaf: Leaf) -> bytes:
    data = leaf.data
    if leaf.kind == "event" and data.body.WhichOneof("value") is None:
        # No body and an empty one mean the same, and a collector writes the one for the other.
        data = type(data)()
        data.CopyFrom(leaf.data)
        data.ClearField("body")
    return bytes(data.SerializeToString(deterministic=True))


def _items(request: Request) -> Iterator[tuple[dict[str, Any], str, bytes, Any]]:
    for resource in (each for _, resources in request.ListFields() for each in resources):
        for field, scopes in resource.ListFields():
            if not field.name.startswith("scope_"):
                continue
            for scope in scopes:
                around = (resource.resource, scope.scope)
                within = b"".join(part.SerializeToString(deterministic=True) for part in around)
                within += f"{resource.schema_url}|{scope.schema_url}".encode()
                for inner, items in scope.ListFields():
                    if inner.name in ("spans", "metrics", "log_records"):
                        for item in items:
                            yield plain(resource.resource.attributes), scope.scope.name, within, item


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return plain(value.kvlist_value.values)
    return getattr(value, kind)


def _with_base64_identifiers(node: Any) -> Any:
    # OTLP JSON writes identifiers in hexadecimal, where protobuf's own JSON writes bytes in base64.
    if isinstance(node, list):
        return [_with_base64_identifiers(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode() if key in _IDENTIFIERS else _with_base64_identifiers(value)
        for key, value in node.items()
    }
