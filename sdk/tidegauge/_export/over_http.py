"""OpenTelemetry's HTTP exporters with our encoder in place of theirs; imported only where HTTP is used.

Theirs answer every failure alike, also those that are for good: a batch that cannot be encoded, or a status that OTLP
calls not retryable. So their client is asked directly. Endpoint, TLS, headers, compression, timeout and retries are all
theirs. Should a later version have no such client, its own ``export`` takes over.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._export.limit import Limit
from tidegauge._outbox import RefusedError, UnreachableError

_RETRYABLE: Final = (429, 502, 503, 504)


class HttpMetricExporter(OTLPMetricExporter):
    """Sends metrics over HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = _limited(self, always=True)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Send one batch.

        Raises:
            RefusedError: it can never be sent.
            UnreachableError: nobody listens.
        """
        client = getattr(self, "_client", None)
        if client is None:
            return super().export(metrics_data, timeout_millis or 10_000, **kwargs)
        sent = _send(client, encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS if sent else MetricExportResult.FAILURE


class HttpLogExporter(OTLPLogExporter):
    """Sends events over HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = _limited(self, always=True)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send one batch.

        Raises:
            RefusedError: it can never be sent.
            UnreachableError: nobody listens.
        """
        client = getattr(self, "_client", None)
        if client is None:
            return super().export(batch)
        sent = _send(client, encode_logs(batch).SerializeToString())
        return LogRecordExportResult.SUCCESS if sent else LogRecordExportResult.FAILURE


class HttpSpanExporter(OTLPSpanExporter):
    """Sends spans over HTTP, as OpenTelemetry does; only the end of the process is ours."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = _limited(self, always=False)


EXPORTERS: Final[Mapping[str, Callable[[], Any]]] = {
    "metrics": HttpMetricExporter,
    "logs": HttpLogExporter,
    "traces": HttpSpanExporter,
}


def warm() -> None:
    """Import what the client imports when it is made and at its first request; nothing is connected."""
    HttpMetricExporter().shutdown()
    for name in ("netrc", "encodings.idna"):
        importlib.import_module(name)


class _LimitedTransport:
    """A transport that keeps to the limit, and does not try a refused connection again at the end.

    Args:
        transport: sends a request.
        limit: how long that may take.
        endpoint: where it goes.
        always: a refused connection is never tried again: the outbox does.
    """

    def __init__(self, transport: Any, limit: Limit, endpoint: str, always: bool) -> None:
        self._transport = transport
        self._limit = limit
        self._endpoint = endpoint
        self._always = always

    def request(self, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        self._limit.refused = False
        result = self._transport.request(*args, timeout=self._limit.seconds(timeout), **options)
        self._limit.refused = result.error is not None and _is_refused(result.error)
        if self._limit.refused and (self._always or self._limit.ending):
            raise UnreachableError(f"nobody listens at {self._endpoint}")
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _limited(exporter: Any, always: bool) -> Limit:
    limit = Limit()
    client = getattr(exporter, "_client", None)
    if client is not None and hasattr(client, "_transport"):
        client._transport = _LimitedTransport(client._transport, limit, exporter._endpoint, always)
    return limit


def _is_refused(error: BaseException) -> bool:
    """Whether nobody listens: somewhere below is the system's own error."""
    seen: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        found = pending.pop()
        if not isinstance(found, BaseException) or found in seen:
            continue
        if isinstance(found, ConnectionRefusedError | socket.gaierror):
            return True
        seen.append(found)
        pending += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
    return False


def _send(client: Any, data: bytes) -> bool:
    result = client.export(data)
    if isinstance(result.error, UnreachableError):
        raise result.error
    if not result.success and result.status_code is not None and result.status_code not in _RETRYABLE:
        raise RefusedError(f"refused_{result.status_code}")
    return bool(result.success)
