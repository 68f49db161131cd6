"""OpenTelemetry's gRPC exporters with our encoder in place of theirs; imported only where gRPC is used.

Endpoint, TLS, headers, compression, timeout and retries are all theirs. Should a later version no longer ask for the
translation, its own encoder takes over and nothing but speed changes. One thing theirs does not tell: whether a failure
is for good. So their stub is watched, and a status that OTLP calls not retryable becomes a `RefusedError`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._export.limit import Limit
from tidegauge._outbox import RefusedError, UnreachableError

_NOBODY: Final = ("Connection refused", "DNS resolution failed")  # gRPC has no code of its own for this
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

    def __init__(self) -> None:
        self.limit = Limit()
        super().__init__()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Send one batch.

        Raises:
            RefusedError: it can never be sent.
            UnreachableError: nobody listens.
        """
        with _connecting_anew(self):
            return super().export(metrics_data, timeout_millis or 10_000, **kwargs)

    def _translate_data(self, data: MetricsData) -> ExportMetricsServiceRequest:
        return encode_metrics(data)

    def _initialize_channel_and_stub(self) -> None:
        connect: Any = super()._initialize_channel_and_stub
        connect()
        self._client: Any = _Watched(self._client, self.limit, self._endpoint)


class GrpcLogExporter(OTLPLogExporter):
    """Sends events over gRPC."""

    def __init__(self) -> None:
        self.limit = Limit()
        super().__init__()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send one batch.

        Raises:
            RefusedError: it can never be sent.
            UnreachableError: nobody listens.
        """
        with _connecting_anew(self):
            return super().export(batch)

    def _translate_data(self, data: Sequence[ReadableLogRecord]) -> ExportLogsServiceRequest:
        return encode_logs(data)

    def _initialize_channel_and_stub(self) -> None:
        connect: Any = super()._initialize_channel_and_stub
        connect()
        self._client: Any = _Watched(self._client, self.limit, self._endpoint)


class GrpcSpanExporter(OTLPSpanExporter):
    """Sends spans over gRPC, as OpenTelemetry does; only the end of the process is ours."""

    def __init__(self) -> None:
        self.limit = Limit()
        super().__init__()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch."""
        try:
            return super().export(spans)
        except UnreachableError:
            return SpanExportResult.FAILURE

    def _initialize_channel_and_stub(self) -> None:
        connect: Any = super()._initialize_channel_and_stub
        connect()
        self._client: Any = _Limited(self._client, self.limit, self._endpoint)


EXPORTERS: Final[Mapping[str, Callable[[], Any]]] = {
    "metrics": GrpcMetricExporter,
    "logs": GrpcLogExporter,
    "traces": GrpcSpanExporter,
}


def warm() -> None:
    """Import what gRPC imports at its first channel and at its first call."""
    for name in ("grpc._channel", "grpc._simple_stubs", "grpc.experimental"):
        with contextlib.suppress(ImportError):  # of a later version, which has other parts
            importlib.import_module(name)


@contextlib.contextmanager
def _connecting_anew(exporter: Any) -> Iterator[None]:
    """Have a new channel after a refused connection: an old one waits for up to two minutes before it tries again."""
    try:
        yield
    except UnreachableError:
        exporter._channel.close()
        exporter._initialize_channel_and_stub()
        raise


class _Limited:
    """A stub that keeps to the limit."""

    def __init__(self, stub: Any, limit: Limit, endpoint: str) -> None:
        self._stub = stub
        self._limit = limit
        self._endpoint = endpoint

    def Export(self, request: Any, *, timeout: float | None = None, **options: Any) -> Any:  # noqa: N802 - gRPC's name
        self._limit.refused = False
        try:
            return self._stub.Export(request, timeout=self._limit.seconds(timeout), **options)
        except grpc.RpcError as error:
            self._limit.refused = _is_refused(error)
            if self._limit.refused and self._limit.ending:
                raise self._unreachable() from None
            raise

    def _unreachable(self) -> UnreachableError:
        return UnreachableError(f"nobody listens at {self._endpoint}")


class _Watched(_Limited):
    """A stub that also tells what is for good, and never tries a refused connection again: the outbox does."""

    def Export(self, request: Any, *, timeout: float | None = None, **options: Any) -> Any:  # noqa: N802 - gRPC's name
        try:
            return super().Export(request, timeout=timeout, **options)
        except grpc.RpcError as error:
            if self._limit.refused:
                raise self._unreachable() from None
            if _is_for_good(error):
                raise RefusedError(f"refused_{error.code().name.lower()}") from None
            raise


def _is_refused(error: Any) -> bool:
    return error.code() is grpc.StatusCode.UNAVAILABLE and any(word in (error.details() or "") for word in _NOBODY)


def _is_for_good(error: Any) -> bool:
    code = error.code()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:  # a moment's pressure, or a message that is too large
        return _RETRY_INFO not in dict(error.trailing_metadata() or ())
    return code not in _RETRYABLE
