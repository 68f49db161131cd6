"""Points and events as OTLP messages.

The same messages as OpenTelemetry's own encoder makes (a test compares them), in about a third of its time: our
attributes repeat from interval to interval, so each text attribute is encoded once and kept. And one thing more, for
which OpenTelemetry's point class has no room: the zero threshold of exponential histograms.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    Buckets,
    ExponentialHistogram,
    Histogram,
    Metric,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope as SdkScope

from tidegauge._outbox import RefusedError
from tidegauge.summaries.exponential import ZERO_THRESHOLD

_KEPT_ATTRIBUTES: Final = 8192


def encode_metrics(data: MetricsData) -> ExportMetricsServiceRequest:
    """Encode histograms, exponential histograms and sums; histograms are deltas.

    Raises:
        RefusedError: ``data`` holds what has no place in OTLP.
    """
    with _refusing():
        return _metrics(data)


def encode_logs(batch: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
    """Encode events, all of one resource and scope, as the SDK makes them.

    Raises:
        RefusedError: an event holds what has no place in OTLP.
    """
    with _refusing():
        return _logs(batch)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:  # protobuf's words for what it cannot hold
        raise RefusedError("not_encodable") from error


def _metrics(data: MetricsData) -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest(
        resource_metrics=[
            metrics_pb2.ResourceMetrics(
                resource=_resource(resource.resource),
                scope_metrics=[
                    metrics_pb2.ScopeMetrics(
                        scope=_scope(scope.scope),
                        metrics=[_metric(metric) for metric in scope.metrics],
                        schema_url=scope.schema_url,
                    )
                    for scope in resource.scope_metrics
                ],
                schema_url=resource.schema_url,
            )
            for resource in data.resource_metrics
        ]
    )


def _logs(batch: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
    first = batch[0]
    scope = first.instrumentation_scope
    return ExportLogsServiceRequest(
        resource_logs=[
            logs_pb2.ResourceLogs(
                resource=_resource(first.resource),
                scope_logs=[
                    logs_pb2.ScopeLogs(
                        scope=None if scope is None else _scope(scope),
                        log_records=[_log(record) for record in batch],
                        schema_url="" if scope is None else scope.schema_url or "",
                    )
                ],
                schema_url=first.resource.schema_url,
            )
        ]
    )


def _metric(metric: Metric) -> metrics_pb2.Metric:
    made = metrics_pb2.Metric(name=metric.name, unit=metric.unit or "")
    data = metric.data
    if isinstance(data, Sum):
        made.sum.aggregation_temporality = metrics_pb2.AggregationTemporality.ValueType(data.aggregation_temporality)
        made.sum.is_monotonic = data.is_monotonic
        made.sum.data_points.extend(
            metrics_pb2.NumberDataPoint(
                attributes=_attributes(point.attributes),
                start_time_unix_nano=point.start_time_unix_nano,
                time_unix_nano=point.time_unix_nano,
                as_int=int(point.value),
                exemplars=_exemplars(point.exemplars),
            )
            for point in data.data_points
        )
    elif isinstance(data, Histogram):
        made.histogram.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA
        made.histogram.data_points.extend(
            metrics_pb2.HistogramDataPoint(
                attributes=_attributes(point.attributes),
                start_time_unix_nano=point.start_time_unix_nano,
                time_unix_nano=point.time_unix_nano,
                count=point.count,
                sum=point.sum,
                bucket_counts=point.bucket_counts,
                explicit_bounds=point.explicit_bounds,
                min=point.min,
                max=point.max,
                exemplars=_exemplars(point.exemplars),
            )
            for point in data.data_points
        )
    elif isinstance(data, ExponentialHistogram):
        made.exponential_histogram.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA
        made.exponential_histogram.data_points.extend(
            metrics_pb2.ExponentialHistogramDataPoint(
                attributes=_attributes(point.attributes),
                start_time_unix_nano=point.start_time_unix_nano,
                time_unix_nano=point.time_unix_nano,
                count=point.count,
                sum=point.sum,
                scale=point.scale,
                zero_count=point.zero_count,
                zero_threshold=ZERO_THRESHOLD,
                positive=_buckets(point.positive),
                negative=_buckets(point.negative),
                min=point.min,
                max=point.max,
                exemplars=_exemplars(point.exemplars),
            )
            for point in data.data_points
        )
    else:
        raise TypeError(f"the SDK produces no {type(data).__name__}")
    return made


def _log(readable: ReadableLogRecord) -> logs_pb2.LogRecord:
    record = readable.log_record
    return logs_pb2.LogRecord(
        time_unix_nano=record.timestamp or 0,
        observed_time_unix_nano=record.observed_timestamp,
        trace_id=record.trace_id.to_bytes(16, "big") if record.trace_id else b"",
        span_id=record.span_id.to_bytes(8, "big") if record.span_id else b"",
        flags=int(record.trace_flags or 0),
        body=_value(record.body),
        attributes=_attributes(record.attributes),
        event_name=record.event_name or "",
    )


def _exemplars(exemplars: Iterable[Exemplar]) -> list[metrics_pb2.Exemplar]:
    return [
        metrics_pb2.Exemplar(
            time_unix_nano=exemplar.time_unix_nano,
            trace_id=(exemplar.trace_id or 0).to_bytes(16, "big"),
            span_id=(exemplar.span_id or 0).to_bytes(8, "big"),
            **_number(exemplar.value),
        )
        for exemplar in exemplars
    ]


def _number(value: float) -> dict[str, Any]:
    return {"as_int" if isinstance(value, int) else "as_double": value}


def _buckets(buckets: Buckets) -> metrics_pb2.ExponentialHistogramDataPoint.Buckets | None:
    if not buckets.bucket_counts:
        return None
    return metrics_pb2.ExponentialHistogramDataPoint.Buckets(offset=buckets.offset, bucket_counts=buckets.bucket_counts)


def _resource(resource: SdkResource) -> Resource:
    return Resource(attributes=_attributes(resource.attributes))


def _scope(scope: SdkScope) -> InstrumentationScope:
    return InstrumentationScope(name=scope.name, version=scope.version or "", attributes=_attributes(scope.attributes))


def _attributes(attributes: Mapping[str, Any] | None) -> list[KeyValue]:
    return [
        _text(key, value) if type(value) is str and len(value) < 64 else KeyValue(key=_sound(key), value=_value(value))
        for key, value in (attributes or {}).items()
    ]


@lru_cache(_KEPT_ATTRIBUTES)
def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=_sound(key), value=AnyValue(string_value=_sound(value)))


def _sound(text: str) -> str:
    # Half of a surrogate pair has no UTF-8 form: protobuf refuses it, and with it the whole request.
    return text if text.isascii() else text.encode(errors="replace").decode()


def _value(value: Any) -> AnyValue:
    match value:
        case None:
            return AnyValue()
        case str():
            return AnyValue(string_value=_sound(value))
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Sequence():
            return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    raise TypeError(f"no attribute value: {type(value).__name__}")
