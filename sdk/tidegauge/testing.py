"""For users' own tests: what the SDK would have sent, as plain data.

::

    from tidegauge.testing import capture

    def test_predict_is_watched():
        with capture() as seen:
            predict({"age": 41})
        (span,) = seen.spans
        assert span["name"] == "predict credit-risk"

Nothing leaves the process. Ids are counted from 1 and, with the default clock, time stands still, so that whole spans
and points can be compared with literals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

from tidegauge import semconv
from tidegauge._export import Exporters
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge._settings import Settings
from tidegauge.clock import Clock, ManualClock

_PATIENCE = 30.0


class Captured:
    """What was sent while `capture` was on; reading it flushes first."""

    def __init__(self, pipeline: Pipeline, spans: InMemorySpanExporter, metrics: _Metrics, events: _Events) -> None:
        self._pipeline = pipeline
        self._spans = spans
        self._metrics = metrics
        self._events = events

    @property
    def spans(self) -> list[dict[str, Any]]:
        """Finished spans: name, attributes, start and end in nanoseconds, ids as integers, status."""
        self._pipeline.explainer.drain(_PATIENCE)
        return [_span(span) for span in self._spans.get_finished_spans()]

    @property
    def points(self) -> list[dict[str, Any]]:
        """Metric points: name, unit, kind, attributes, start, end, and the numbers of its kind."""
        self.flush()
        return [point for data in self._metrics.received for point in _points(data)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events: name, time, attributes, body, trace id and span id; baselines that were published included."""
        self.flush()
        return [_event(record) for record in self._events.received]

    @property
    def failures(self) -> dict[str, int]:
        """What went wrong inside the SDK and was swallowed, by stage."""
        return self._pipeline.safety.failures

    @property
    def drops(self) -> dict[str, int]:
        """What was dropped because a bound was reached, by reason."""
        return self._pipeline.safety.drops

    def flush(self, timeout: float = _PATIENCE) -> bool:
        """End the open interval and send it."""
        return self._pipeline.flush(timeout)


@contextlib.contextmanager
def capture(
    settings: Settings | None = None, *, clock: Clock | None = None, sampler: Sampler | None = None
) -> Iterator[Captured]:
    """Send nothing and keep everything, for the block.

    Args:
        settings: how the SDK works; not read from the environment.
        clock: tells the time; by default a `ManualClock` at the epoch whose calls last as long as it is advanced.
        sampler: decides which spans are recorded; all of them by default.

    Example:
        >>> import tidegauge
        >>> with capture() as seen:
        ...     with tidegauge.prediction("credit-risk", version="7") as p:
        ...         p.features([{"age": 41}, {"age": None}])
        >>> [(p["attributes"]["ml.feature.name"], p["value"]) for p in seen.points if "violations" in p["name"]]
        [('age', 1)]
    """
    if clock is None:
        clock = ManualClock()
        clock.timer = clock
    resource = Resource({semconv.SERVICE_NAME: "test", semconv.SERVICE_INSTANCE_ID: "test"})
    spans, metrics, events = InMemorySpanExporter(), _Metrics(), _Events()
    provider = TracerProvider(sampler=sampler, resource=resource, id_generator=_CountingIds(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    pipeline = Pipeline(settings or Settings(), clock, Exporters(metrics, events), provider)
    off = PROCESS.off
    before = PROCESS.use(pipeline)
    try:
        yield Captured(pipeline, spans, metrics, events)
    finally:
        pipeline.flush(_PATIENCE)
        metrics.ended = True  # the block ends, not the process: its last words are none of the test's business
        pipeline.shutdown(_PATIENCE)
        PROCESS.restore(before, off)


class _CountingIds(IdGenerator):
    """1, 2, 3, ... for traces and for spans."""

    def __init__(self) -> None:
        self._traces = 0
        self._spans = 0

    def generate_trace_id(self) -> int:
        self._traces += 1
        return self._traces

    def generate_span_id(self) -> int:
        self._spans += 1
        return self._spans


class _Metrics(MetricExporter):
    def __init__(self) -> None:
        super().__init__()
        self.received: list[MetricsData] = []
        self.ended = False

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **kwargs: Any) -> MetricExportResult:
        if not self.ended:
            self.received.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **kwargs: Any) -> None:
        """Keep what was received."""


class _Events(LogRecordExporter):
    def __init__(self) -> None:
        self.received: list[ReadableLogRecord] = []

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.received.extend(batch)
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True

    def shutdown(self) -> None:
        """Keep what was received."""


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace_id": context.trace_id if context else 0,
        "span_id": context.span_id if context else 0,
        "parent_id": span.parent.span_id if span.parent else None,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name,
        "attributes": {name: _plain(value) for name, value in (span.attributes or {}).items()},
        "events": [event.name for event in span.events],
    }


def _points(data: MetricsData) -> Iterator[dict[str, Any]]:
    for metric in (m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics):
        for point in metric.data.data_points:
            plain: dict[str, Any] = {
                "name": metric.name,
                "unit": metric.unit,
                "attributes": dict(point.attributes or {}),
                "start": point.start_time_unix_nano,
                "end": point.time_unix_nano,
            }
            exemplars = [(e.value, e.trace_id, e.span_id) for e in point.exemplars]
            if isinstance(point, HistogramDataPoint):
                plain |= {
                    "kind": "histogram",
                    "bounds": list(point.explicit_bounds),
                    "counts": list(point.bucket_counts),
                }
            elif isinstance(point, ExponentialHistogramDataPoint):
                plain |= {
                    "kind": "exponential_histogram",
                    "scale": point.scale,
                    "zeros": point.zero_count,
                    "positive": (point.positive.offset, list(point.positive.bucket_counts)),
                    "negative": (point.negative.offset, list(point.negative.bucket_counts)),
                }
            else:
                kind = "cumulative_sum" if _is_cumulative(metric.data) else "sum"
                yield plain | {"kind": kind, "value": point.value, "exemplars": exemplars}
                continue
            yield plain | {
                "count": point.count,
                "sum": point.sum,
                "min": point.min,
                "max": point.max,
                "exemplars": exemplars,
            }


def _is_cumulative(data: object) -> bool:
    return isinstance(data, Sum) and data.aggregation_temporality is AggregationTemporality.CUMULATIVE


def _event(record: ReadableLogRecord) -> dict[str, Any]:
    log = record.log_record
    return {
        "name": log.event_name,
        "time": log.timestamp,
        "attributes": dict(log.attributes or {}),
        "body": log.body,
        "trace_id": log.trace_id,
        "span_id": log.span_id,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
