"""Exporters: chosen by OpenTelemetry's environment variables, or given by the application.

Metrics and events leave through exporters of our own, not through the application's ``MeterProvider``: the points are
ready-made deltas, which the metrics API cannot take. The usual variables hold: those that `endpoint` reads, and
``OTEL_METRICS_EXPORTER`` and ``OTEL_LOGS_EXPORTER`` (``otlp``, ``console`` or ``none``; whatever else the application
uses, ours is OTLP).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tidegauge import semconv
from tidegauge._export.endpoint import GRPC, Endpoint, endpoint
from tidegauge._export.limit import Limit
from tidegauge._outbox import RefusedError, UnsentError
from tidegauge._points import Produced, metrics
from tidegauge.errors import ConfigurationError

VERSION: Final = version("tidegauge")
SCOPE: Final = InstrumentationScope(semconv.SCOPE_NAME, VERSION, semconv.SCHEMA_URL)

MOST_POINTS: Final = 1_000
"""Points of one request."""

_MOST_BYTES: Final = 3 << 20  # receivers of gRPC take 4 MiB unless they are told otherwise


@runtime_checkable
class Limited(Protocol):
    """An exporter whose requests can be given a limit in time."""

    limit: Limit


class _Stoppable(Protocol):
    def shutdown(self) -> Any: ...


_Exporter = TypeVar("_Exporter", bound=_Stoppable)


@dataclass(frozen=True, slots=True)
class Exporters:
    """Exporters that the application hands over; None: chosen by the environment."""

    metrics: MetricExporter | None = None
    logs: LogRecordExporter | None = None


def exporter_from_environment(signal: str) -> Any:
    """Make the exporter for ``signal`` (``traces``, ``metrics`` or ``logs``) that the environment asks for.

    Returns:
        The exporter; None when the signal is switched off.

    Raises:
        ConfigurationError: what the environment asks for is not installed.
    """
    asked = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip().lower()
    if asked == "none":
        return None
    if asked == "console":
        return _load(signal, "console")()
    end = endpoint(signal)
    return _protocol(end).exporter(end)


def warm() -> None:
    """Import now what sending metrics and events needs, and what tells who sends."""
    Resource.create({})  # its detectors are plugins
    for signal in ("metrics", "logs"):
        asked = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip().lower()
        if asked == "console":
            _load(signal, "console")
        elif asked != "none":
            _protocol(endpoint(signal))


def _protocol(end: Endpoint) -> Any:
    """The module that speaks the endpoint's protocol; each takes a while to import, and one is not used."""
    if end.protocol == GRPC:
        from tidegauge._export import over_grpc

        return over_grpc
    from tidegauge._export import over_http

    return over_http


class _Sender(Generic[_Exporter]):
    """Holds an exporter that is made at first use, in the process that uses it: a gRPC channel does not survive a fork.

    Args:
        make: makes the exporter, or gives the application's own; None means that nothing is sent.
    """

    def __init__(self, make: Callable[[], _Exporter | None]) -> None:
        self._make: Callable[[], _Exporter | None] = make
        self._lock = threading.Lock()
        self._made = False
        self._exporter: _Exporter | None = None
        self._deadline: float | None = None

    def exporter(self) -> _Exporter | None:
        """The exporter, made when it is needed first."""
        with self._lock:
            if not self._made:
                self._exporter = self._make()
                self._made = True
                self._apply_limit()
            return self._exporter

    def limit(self, deadline: float) -> None:
        """Let no request from now on take longer than until ``deadline``, by the monotonic clock."""
        self._deadline = deadline
        self._apply_limit()

    def shutdown(self) -> None:
        """Shut the exporter down when there is one."""
        if self._exporter is not None:
            self._exporter.shutdown()

    def _apply_limit(self) -> None:
        if isinstance(self._exporter, Limited):
            self._exporter.limit.deadline = self._deadline


class MetricSender(_Sender[MetricExporter]):
    """Sends batches of metric data."""

    def send(self, data: MetricsData) -> bool:
        """Send one batch; it has to be sent again after any exception but `RefusedError`."""
        exporter = self.exporter()
        if exporter is not None and exporter.export(data) is not MetricExportResult.SUCCESS:
            raise _failed(exporter)
        return True


class LogSender(_Sender[LogRecordExporter]):
    """Sends batches of events, made into log records only now, outside the application's threads."""

    def send(self, batch: Callable[[], Sequence[ReadableLogRecord]]) -> bool:
        """Send one batch; it has to be sent again after any exception but `RefusedError`."""
        exporter = self.exporter()
        if exporter is None:
            return True
        try:
            records = batch()
        except Exception as error:
            raise RefusedError("not_encodable") from error
        if exporter.export(records) is not LogRecordExportResult.SUCCESS:
            raise _failed(exporter)
        return True


def _failed(exporter: object) -> UnsentError:
    return UnsentError("exporter", f"{type(exporter).__name__} reports a failure, see what it has logged itself")


def batches(points: Iterable[Produced]) -> Iterator[list[Produced]]:
    """Cut points into lists that make requests of bounded size; all but the last are as large as they may be."""
    batch: list[Produced] = []
    size = 0
    for produced in points:
        more = _most_bytes(produced)
        if batch and (len(batch) >= MOST_POINTS or size + more > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(produced)
        size += more
    if batch:
        yield batch


def request(points: Sequence[Produced], resource: Resource) -> MetricsData:
    """Put points into one batch under our scope."""
    scope = ScopeMetrics(SCOPE, metrics(points), semconv.SCHEMA_URL)
    return MetricsData([ResourceMetrics(resource, [scope], resource.schema_url)])


def _most_bytes(produced: Produced) -> int:
    # Fixed fields, then per element what it can take at most: 16 a bin (bound and count), 10 a varint, 4 a character.
    point = produced.point
    size = 128 + sum(4 * (len(name) + len(str(value))) + 16 for name, value in (point.attributes or {}).items())
    size += 64 * len(point.exemplars)
    if isinstance(point, HistogramDataPoint):
        size += 16 * len(point.bucket_counts)
    elif isinstance(point, ExponentialHistogramDataPoint):
        size += 10 * (len(point.positive.bucket_counts) + len(point.negative.bucket_counts))
    return size


def _load(signal: str, name: str) -> Callable[..., Any]:
    found = entry_points(group=f"opentelemetry_{signal}_exporter", name=name)
    if not found:
        raise ConfigurationError(f"no {signal} exporter {name!r} is installed: pip install opentelemetry-exporter-otlp")
    made: Callable[..., Any] = next(iter(found)).load()
    return made
