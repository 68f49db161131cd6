"""Real servers on the loopback interface, as a slip of the pen in an address may meet them."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

_ANY = random.SystemRandom()  # the workers of a test run must not choose alike
TLS = Path(__file__).parent / "tls"
"""A certificate for localhost that signed itself, and its key; good until 2125, and for nothing but these tests."""


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Takes metrics, or answers with a status."""

    def __init__(self, code: grpc.StatusCode | None = None, trailers: tuple[tuple[str, bytes], ...] = ()) -> None:
        self.code = code
        self.trailers = trailers
        self.taken: list[Any] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's own name
        if self.code is not None:
            context.set_trailing_metadata(self.trailers)
            context.abort(self.code, "what a receiver says may quote 4711")
        self.taken.append(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


@contextlib.contextmanager
def grpc_server(service: Metrics, *, tls: bool = False, port: int = 0) -> Iterator[int]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(service, server)
    if tls:
        pair = (TLS / "key.pem").read_bytes(), (TLS / "certificate.pem").read_bytes()
        port = server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def http_server(
    status: int = 200, *, tls: bool = False, headers: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[Any]:
    """Yields the server; ``server.taken`` are paths and bodies."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def __init__(self) -> None:
            super().__init__(("127.0.0.1", port), Handler)
            self.taken: list[tuple[str, bytes]] = []
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
                self.socket = context.wrap_socket(self.socket, server_side=True)

        def handle_error(self, *args: object) -> None:
            """A client that speaks something else is the point of it."""

    server = Server()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def silent_server(greeting: bytes = b"", *, keep: bool = True) -> Iterator[int]:
    """Takes connections and says nothing more than ``greeting``; ends them at once unless it is to ``keep`` them."""
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as connections:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = connections.enter_context(listening.accept()[0])
                    connection.sendall(greeting)
                    if not keep:
                        connection.close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives away: so nobody gets it meanwhile."""
    while True:
        port = _ANY.randrange(10_000, 32_768)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
