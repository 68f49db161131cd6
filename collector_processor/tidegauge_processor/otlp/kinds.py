"""The three signals of OTLP, and what each is called on the wire.

No gRPC and no protobuf here, so that the store can label its rows without knowing either.
"""

from __future__ import annotations

from enum import StrEnum


class SignalKind(StrEnum):
    """A signal of OTLP.

    Example:
        >>> SignalKind.METRICS.method
        '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'
    """

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"

    @property
    def service(self) -> str:
        """Full name of the gRPC service that takes this signal."""
        return _SERVICES[self]

    @property
    def method(self) -> str:
        """Path of the one method of that service."""
        return f"/{self.service}/Export"

    @property
    def records(self) -> str:
        """What a request of this signal is a list of, in the words of the collector's own counters."""
        return _RECORDS[self]


_SERVICES = {
    SignalKind.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    SignalKind.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
    SignalKind.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}
_RECORDS = {SignalKind.TRACES: "spans", SignalKind.METRICS: "metric_points", SignalKind.LOGS: "log_records"}
