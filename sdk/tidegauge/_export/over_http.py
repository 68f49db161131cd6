"""OpenTelemetry's HTTP exporters with our encoder in place of theirs; imported only where HTTP is used.

Theirs answer every failure alike, also those that are for good: a batch that cannot be encoded, or a status that OTLP
calls not retryable. So their client is asked directly. Endpoint, TLS, headers, compression, timeout and retries are all
theirs. Should a later version have no such client, its own ``export`` takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._outbox import RefusedError

_RETRYABLE: Final = (429, 502, 503, 504)


class HttpMetricExporter(OTLPMetricExporter):
    """Sends metrics over HTTP."""

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Send one batch.

        Raises:
            RefusedError: it can never be sent.
        """
        client = getattr(self, "_client", None)
        if client is None:
            return super().export(metrics_data, timeout_millis or 10_000, **kwargs)
        sent = _send(client, encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS if sent else MetricExportResult.FAILURE


class HttpLogExporter(OTLPLogExporter):
    """Sends events over HTTP."""

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send one batch.

        Raises:
            RefusedError: it can never be sent.
        """
        client = getattr(self, "_client", None)
        if client is None:
            return super().export(batch)
        sent = _send(client, encode_logs(batch).SerializeToString())
        return LogRecordExportResult.SUCCESS if sent else LogRecordExportResult.FAILURE


def _send(client: Any, data: bytes) -> bool:
    result = client.export(data)
    if not result.success and result.status_code is not None and result.status_code not in _RETRYABLE:
        raise RefusedError(f"refused_{result.status_code}")
    return bool(result.success)
