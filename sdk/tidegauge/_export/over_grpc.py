"""OTLP over gRPC: one attempt, and what its failure means; imported only where gRPC is used.

OpenTelemetry's own exporters log each attempt, try again what no attempt can mend, and tell neither why nor whether a
failure is for good.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # it is sent without types

from tidegauge._export.credentials import (
    USER_AGENT,
    Certificates,
    certificates,
    headers,
    provided,
)
from tidegauge._export.endpoint import Endpoint
from tidegauge._export.otlp import exporter_of
from tidegauge._export.reasons import Reasons
from tidegauge._outbox import RefusedError, UnsentError

# gRPC imports these with its first channel and its first call, in the thread that sends. A fork meanwhile would leave a
# child without them.
for _name in ("grpc._channel", "grpc._simple_stubs", "grpc.experimental"):
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)

_OPTIONS: Final = [("grpc.primary_user_agent", USER_AGENT)]
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
_CAUSES: Final = {
    grpc.StatusCode.UNAUTHENTICATED: "credentials",
    grpc.StatusCode.PERMISSION_DENIED: "rights",
    grpc.StatusCode.UNIMPLEMENTED: "path",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "room",
}
_METHODS: Final = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}


def exporter(endpoint: Endpoint) -> Any:
    """The exporter for ``endpoint``.

    Raises:
        ConfigurationError: credentials that the environment asks for are not there.
    """
    return exporter_of(GrpcWire(endpoint), endpoint)


class GrpcWire:
    """Sends requests of one signal.

    Args:
        endpoint: where they go.

    Raises:
        ConfigurationError: credentials that the environment asks for are not there.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        files = certificates(endpoint.signal)
        self._endpoint = endpoint
        self._headers = tuple(headers(endpoint.signal).items())
        self._credentials = _credentials(endpoint, files) if endpoint.tls else None
        self._reasons = Reasons(endpoint, files.authority)
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._closed = False

    def send(self, data: bytes, timeout: float) -> None:
        """Make one attempt of ``timeout`` seconds.

        Raises:
            UnsentError: it failed this time.
            RefusedError: it can never be sent.
        """
        try:
            self._call(data, timeout)
        except grpc.RpcError as error:
            if self._closed:  # which cancels the attempt
                raise UnsentError("stopped", "the exporter was shut down") from None
            raise self._failure(error) from None
        except ValueError:  # gRPC's word for a channel that was closed
            if not self._closed:
                raise
            raise UnsentError("stopped", "the exporter was shut down") from None

    def close(self) -> None:
        """End the connection, and with it an attempt that is being made."""
        self._closed = True
        self._disconnect()

    def _call(self, data: bytes, timeout: float) -> None:
        with self._lock:
            if self._closed:
                raise UnsentError("stopped", "the exporter was shut down")
            if self._channel is None:
                self._channel = self._connect()
            export = self._channel.unary_unary(_METHODS[self._endpoint.signal], None, None)
        export(data, timeout=timeout, metadata=self._headers)

    def _connect(self) -> grpc.Channel:
        gzip = self._endpoint.compression == "gzip"
        compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        if self._credentials is None:
            return grpc.insecure_channel(self._endpoint.address, _OPTIONS, compression)
        return grpc.secure_channel(self._endpoint.address, self._credentials, _OPTIONS, compression)

    def _disconnect(self) -> None:
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _failure(self, error: Any) -> Exception:
        code, details = error.code(), str(error.details())
        pause = _pause(error)
        if code is grpc.StatusCode.UNAVAILABLE and not pause:
            self._disconnect()  # a channel that has failed refuses calls for a while by itself
            return self._reasons.unanswered(details)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self._reasons.late()
        if code in _RETRYABLE or pause is not None:
            return self._reasons.busy(code.name, pause or 0.0)
        return RefusedError(f"refused_{code.name.lower()}", self._reasons.refused(code.name, _CAUSES.get(code, "")))


def _pause(error: Any) -> float | None:
    """Seconds that the receiver asks to be left alone; None when it does not say."""
    data = dict(error.trailing_metadata() or ()).get(_RETRY_INFO)
    if data is None:
        return None
    try:
        nanoseconds: int = RetryInfo.FromString(data).retry_delay.ToNanoseconds()
    except DecodeError:
        return None
    return max(nanoseconds / 1e9, 0.0)


def _credentials(endpoint: Endpoint, files: Certificates) -> grpc.ChannelCredentials:
    made: grpc.ChannelCredentials | None = provided("GRPC", endpoint.signal, grpc.ChannelCredentials)
    if made is not None:
        return made
    authority, client, key = (
        None if path is None else Path(path).read_bytes() for path in (files.authority, files.client, files.key)
    )
    return grpc.ssl_channel_credentials(authority, key, client)
