"""OpenTelemetry's gRPC exporters with our encoder in place of theirs; imported only where gRPC is used.

Endpoint, TLS, headers, compression, timeout and retries are all theirs. Should a later version no longer ask for the
translation, its own encoder takes over and nothing but speed changes. One thing theirs does not tell: whether a failure
is for good. So their stub is watched, and a status that OTLP calls not retryable becomes a `RefusedError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData

from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._outbox import RefusedError

_RETRY_INFO: Final = "google.rpc.retryinfo-bin"
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class GrpcMetricExporter(OTLPMetricExporter):
    """Sends metrics over gRPC."""

    def _translate_data(self, data: MetricsData) -> ExportMetricsServiceRequest:
        return encode_metrics(data)

    def _initialize_channel_and_stub(self) -> None:
        connect: Any = super()._initialize_channel_and_stub
        connect()
        self._client: Any = _Watched(self._client)


class GrpcLogExporter(OTLPLogExporter):
    """Sends events over gRPC."""

    def _translate_data(self, data: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
        return encode_logs(data)

    def _initialize_channel_and_stub(self) -> None:
        connect: Any = super()._initialize_channel_and_stub
        connect()
        self._client: Any = _Watched(self._client)


class _Watched:
    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def Export(self, request: Any, **options: Any) -> Any:  # noqa: N802 - the service's own name
        try:
            return self._stub.Export(request, **options)
        except grpc.RpcError as error:
            if _is_for_good(error):
                raise RefusedError(f"refused_{error.code().name.lower()}") from None
            raise


def _is_for_good(error: Any) -> bool:
    code = error.code()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:  # a moment's pressure, or a message that is too large
        return _RETRY_INFO not in dict(error.trailing_metadata() or ())
    return code not in _RETRYABLE
