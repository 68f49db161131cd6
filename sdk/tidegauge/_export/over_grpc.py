"""OpenTelemetry's gRPC exporters with our encoder in place of theirs; imported only where gRPC is used.

Endpoint, TLS, headers, compression, timeout and retries are all theirs. Should a later version no longer ask for the
translation, its own encoder takes over and nothing but speed changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData

from tidegauge._export.encode import encode_logs, encode_metrics


class GrpcMetricExporter(OTLPMetricExporter):
    """Sends metrics over gRPC."""

    def _translate_data(self, data: MetricsData) -> ExportMetricsServiceRequest:
        return encode_metrics(data)


class GrpcLogExporter(OTLPLogExporter):
    """Sends events over gRPC."""

    def _translate_data(self, data: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
        return encode_logs(data)
