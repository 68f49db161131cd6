"""Exporters: chosen by OpenTelemetry's environment variables, or given by the application.

Metrics and events leave through exporters of our own, not through the application's ``MeterProvider``: the points are
ready-made deltas, which the metrics API cannot take. The usual variables hold: ``OTEL_EXPORTER_OTLP_ENDPOINT``,
``OTEL_EXPORTER_OTLP_PROTOCOL`` (``grpc`` or ``http/protobuf``), ``OTEL_METRICS_EXPORTER`` and ``OTEL_LOGS_EXPORTER``
(``otlp``, ``console`` or ``none``; whatever else the application uses, ours is OTLP), and their variants by signal.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from typing import Any, Final, Generic, Protocol, TypeVar

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tidegauge import semconv
from tidegauge._points import Produced, metrics
from tidegauge.errors import ConfigurationError

VERSION: Final = version("tidegauge")
SCOPE: Final = InstrumentationScope(semconv.SCOPE_NAME, VERSION, semconv.SCHEMA_URL)

_PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


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
        ConfigurationError: the protocol is unknown.
    """
    asked = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip().lower()
    if asked == "none":
        return None
    if asked == "console":
        return _load(signal, "console")()
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    protocol = (os.environ.get(variable) or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "grpc").strip()
    if protocol not in _PROTOCOLS:
        raise ConfigurationError(f"{variable} must be one of {', '.join(_PROTOCOLS)}, not {protocol!r}")
    if protocol == "grpc" and signal != "traces":
        from tidegauge._export import over_grpc  # gRPC takes a while to import and is not always used

        return over_grpc.GrpcMetricExporter() if signal == "metrics" else over_grpc.GrpcLogExporter()
    return _load(signal, _PROTOCOLS[protocol])()


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

    def exporter(self) -> _Exporter | None:
        """The exporter, made when it is needed first."""
        with self._lock:
            if not self._made:
                self._exporter = self._make()
                self._made = True
            return self._exporter

    def shutdown(self) -> None:
        """Shut the exporter down when there is one."""
        with self._lock:
            if self._exporter is not None:
                self._exporter.shutdown()


class MetricSender(_Sender[MetricExporter]):
    """Sends batches of metric data."""

    def send(self, data: MetricsData) -> bool:
        """Send one batch; False when it has to be sent again."""
        exporter = self.exporter()
        return exporter is None or exporter.export(data) is MetricExportResult.SUCCESS


class LogSender(_Sender[LogRecordExporter]):
    """Sends batches of events, made into log records only now, outside the application's threads."""

    def send(self, batch: Callable[[], Sequence[ReadableLogRecord]]) -> bool:
        """Send one batch; False when it has to be sent again."""
        exporter = self.exporter()
        return exporter is None or exporter.export(batch()) is LogRecordExportResult.SUCCESS


def request(points: Sequence[Produced], resource: Resource) -> MetricsData:
    """Put points into one batch under our scope."""
    scope = ScopeMetrics(SCOPE, metrics(points), semconv.SCHEMA_URL)
    return MetricsData([ResourceMetrics(resource, [scope], resource.schema_url)])


def _load(signal: str, name: str) -> Callable[[], Any]:
    found = entry_points(group=f"opentelemetry_{signal}_exporter", name=name)
    if not found:
        raise ConfigurationError(f"no {signal} exporter {name!r} is installed: pip install opentelemetry-exporter-otlp")
    made: Callable[[], Any] = next(iter(found)).load()
    return made
