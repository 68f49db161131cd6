"""A back end that keeps what it is sent: an OTLP server over gRPC inside the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import Self, TypeVar

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.end_to_end.processes import PATIENCE

Request = ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest
R = TypeVar("R", ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest)

EXPORT = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": ExportTraceServiceRequest,
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": ExportMetricsServiceRequest,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": ExportLogsServiceRequest,
}
METHODS = {kind: method for method, kind in EXPORT.items()}
_LIMIT = 64 << 20
_OPTIONS = [("grpc.max_receive_message_length", _LIMIT), ("grpc.max_send_message_length", _LIMIT)]
_RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Sink(grpc.GenericRpcHandler):
    """Keeps every request in the order of arrival; passes each on unchanged when ``forward`` names an address.

    It takes requests of up to ``largest`` bytes, and waits for ``pause`` seconds between that and its answer.
    """

    def __init__(self, forward: str | None = None, pause: float = 0.0, *, largest: int = _LIMIT) -> None:
        self._pause = pause
        self._requests: list[Request] = []
        self._arrived = threading.Condition()
        self._onward = grpc.insecure_channel(forward, options=_OPTIONS) if forward else None
        options = [("grpc.max_receive_message_length", largest), ("grpc.max_send_message_length", _LIMIT)]
        self._server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self], options=options)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    @property
    def requests(self) -> list[Request]:
        """What has arrived so far."""
        with self._arrived:
            return list(self._requests)

    def wait(self, done: Callable[[list[Request]], bool], what: str) -> None:
        """Wait until ``done`` holds for the requests; fail by naming ``what`` was waited for."""
        with self._arrived:
            met = self._arrived.wait_for(lambda: done(self._requests), PATIENCE)
        assert met, f"waited {PATIENCE:g} s in vain until {what}; {len(self._requests)} requests arrived"

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = handler_call_details.method
        if method not in EXPORT:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._take(method, body, context))

    def _take(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        answer = b""  # an empty response: everything was accepted
        if self._onward:
            try:
                answer = self._onward.unary_unary(method)(body, timeout=30)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
        with self._arrived:
            self._requests.append(EXPORT[method].FromString(body))
            self._arrived.notify_all()
        time.sleep(self._pause)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.stop(grace=None).wait()
        if self._onward:
            self._onward.close()


class Client:
    """Sends whole requests to an OTLP server."""

    def __init__(self, endpoint: str) -> None:
        # A new attempt a few times a second: while the server is being restarted, nothing is gained by patience.
        backoff = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        self._channel = grpc.insecure_channel(endpoint, options=[*_OPTIONS, *backoff])

    def send(self, request: Request) -> bool:
        """Whether the request was acknowledged."""
        call = self._channel.unary_unary(METHODS[type(request)])
        try:
            call(request.SerializeToString(), timeout=10)
        except grpc.RpcError as error:
            if error.code() not in _RETRIED:
                raise
            return False
        return True

    def close(self) -> None:
        self._channel.close()


def only(kind: type[R], requests: Iterable[Request]) -> list[R]:
    """The requests of one signal."""
    return [request for request in requests if isinstance(request, kind)]
