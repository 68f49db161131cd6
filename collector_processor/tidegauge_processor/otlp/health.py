"""``grpc.health.v1``: whether requests are welcome.

A probe must be answered while every worker waits for a slow disk, or a busy processor would be restarted for being
busy. So ``Check`` has a thread of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1.health import SERVICE_NAME, HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse


class Health:
    """Health of some services, as serving until told otherwise.

    Args:
        services: full names; the empty one stands for the server as a whole.

    Attributes:
        handlers: what to add to a server.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._servicer = HealthServicer()
        for service in services:
            self._servicer.set(service, HealthCheckResponse.SERVING)
        self._check = _Check(self._servicer)
        serialisers = {
            "request_deserializer": HealthCheckRequest.FromString,
            "response_serializer": HealthCheckResponse.SerializeToString,
        }
        self.handlers = grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._check, **serialisers),
                "Watch": grpc.unary_stream_rpc_method_handler(self._servicer.Watch, **serialisers),
            },
        )

    def not_serving(self) -> None:
        """Tell all who ask or watch that requests are no longer welcome; there is no way back."""
        self._servicer.enter_graceful_shutdown()

    def close(self) -> None:
        """End the thread; call it after the server has stopped."""
        self._check.experimental_thread_pool.shutdown()


class _Check:
    def __init__(self, servicer: HealthServicer) -> None:
        self._servicer = servicer
        self.experimental_thread_pool = ThreadPoolExecutor(1, thread_name_prefix="tidegauge-health")  # gRPC looks here

    def __call__(self, request: HealthCheckRequest, context: grpc.ServicerContext) -> HealthCheckResponse:
        response: HealthCheckResponse = self._servicer.Check(request, context)
        return response
