"""OTLP requests as another client would build them, from plain values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tidegauge import semconv
from tidegauge.summaries import ExponentialSummary, NumericSummary

SECOND = 10**9
HOUR = 3600 * SECOND
DELTA, CUMULATIVE = 1, 2


@dataclass
class Writer:
    """One process that writes about one model."""

    instance: str = "writer-1"
    model: str = "credit-risk"
    version: str = "7"
    baseline: str = ""
    scope: str = "some.other.client"
    temporality: int = DELTA
    resource: Mapping[str, Any] = field(default_factory=dict)

    def metrics(self, *metrics: Metric) -> bytes:
        scope = ScopeMetrics(scope=InstrumentationScope(name=self.scope), metrics=merged(metrics))
        found = ResourceMetrics(resource=self._resource(), scope_metrics=[scope])
        return ExportMetricsServiceRequest(resource_metrics=[found]).SerializeToString()

    def spans(self, *spans: Span) -> bytes:
        scope = ScopeSpans(scope=InstrumentationScope(name=self.scope), spans=spans)
        found = ResourceSpans(resource=self._resource(), scope_spans=[scope])
        return ExportTraceServiceRequest(resource_spans=[found]).SerializeToString()

    def logs(self, *records: LogRecord) -> bytes:
        scope = ScopeLogs(scope=InstrumentationScope(name=self.scope), log_records=records)
        found = ResourceLogs(resource=self._resource(), scope_logs=[scope])
        return ExportLogsServiceRequest(resource_logs=[found]).SerializeToString()

    def histogram(self, name: str, summary: NumericSummary, start: int, end: int, **labels: str) -> Metric:
        point = HistogramDataPoint(
            attributes=self._labels(labels),
            start_time_unix_nano=start,
            time_unix_nano=end,
            count=summary.count,
            sum=summary.sum.value,
            bucket_counts=summary.counts.tolist(),
            explicit_bounds=summary.bounds.tolist(),
            min=summary.minimum,
            max=summary.maximum,
        )
        return Metric(
            name=name,
            histogram=Histogram(data_points=[point], aggregation_temporality=self.temporality),  # type: ignore[arg-type]
        )

    def exponential(self, name: str, summary: ExponentialSummary, start: int, end: int, **labels: str) -> Metric:
        point = ExponentialHistogramDataPoint(
            attributes=self._labels(labels),
            start_time_unix_nano=start,
            time_unix_nano=end,
            count=summary.count,
            sum=summary.sum.value,
            scale=3,
            zero_count=summary.zeros,
            positive=_dense(summary.positive),
            negative=_dense(summary.negative),
            min=summary.minimum,
            max=summary.maximum,
        )
        return Metric(
            name=name,
            exponential_histogram=ExponentialHistogram(
                data_points=[point],
                aggregation_temporality=self.temporality,  # type: ignore[arg-type]
            ),
        )

    def counter(self, name: str, value: int, start: int, end: int, **labels: str) -> Metric:
        point = NumberDataPoint(
            attributes=self._labels(labels), start_time_unix_nano=start, time_unix_nano=end, as_int=value
        )
        return Metric(
            name=name,
            sum=Sum(data_points=[point], aggregation_temporality=self.temporality, is_monotonic=True),  # type: ignore[arg-type]
        )

    def span(self, number: int, start: int, names: Sequence[str], values: Sequence[Any], **labels: Any) -> Span:
        return Span(
            name=f"predict {self.model}",
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            start_time_unix_nano=start,
            end_time_unix_nano=start + SECOND // 100,
            attributes=pairs(
                {
                    semconv.MODEL_NAME: self.model,
                    semconv.MODEL_VERSION: self.version,
                    semconv.FEATURE_NAMES: list(names),
                    semconv.FEATURE_VALUES: list(values),
                }
                | dotted(labels)
            ),
        )

    def event(self, name: str, time: int, body: bytes = b"", **labels: Any) -> LogRecord:
        labels = {semconv.MODEL_NAME: self.model, semconv.MODEL_VERSION: self.version} | dotted(labels)
        return LogRecord(
            event_name=name, time_unix_nano=time, attributes=pairs(labels), body=AnyValue(bytes_value=body)
        )

    def _resource(self) -> Resource:
        return Resource(attributes=pairs({semconv.SERVICE_INSTANCE_ID: self.instance} | dict(self.resource)))

    def _labels(self, labels: Mapping[str, str]) -> list[KeyValue]:
        found = {semconv.MODEL_NAME: self.model, semconv.MODEL_VERSION: self.version}
        if self.baseline:
            found[semconv.BASELINE_ID] = self.baseline
        return pairs(found | dotted(labels))


def dotted(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments cannot hold dots: ``ml__feature__name`` stands for ``ml.feature.name``."""
    return {name.replace("__", "."): value for name, value in labels.items()}


def pairs(found: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in found.items()]


def any_value(value: Any) -> AnyValue:
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    return AnyValue(string_value=value)


def merged(metrics: Iterable[Metric]) -> list[Metric]:
    """Points of one metric under one name, as an SDK sends them."""
    found: dict[tuple[str, str | None], Metric] = {}
    for metric in metrics:
        known = found.get((metric.name, metric.WhichOneof("data")))
        if known is None:
            found[metric.name, metric.WhichOneof("data")] = metric
        else:
            known.MergeFrom(metric)
    return list(found.values())


def _dense(sparse: Mapping[int, int]) -> ExponentialHistogramDataPoint.Buckets | None:
    if not sparse:
        return None
    low, high = min(sparse), max(sparse)
    return ExponentialHistogramDataPoint.Buckets(
        offset=low, bucket_counts=[sparse.get(index, 0) for index in range(low, high + 1)]
    )
