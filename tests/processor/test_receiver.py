"""Every row of the table of duties, with real clients on real sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import psutil
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.processor.edges import Counts, client, until
from tidegauge.errors import ConfigurationError, StorageError, WireError
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.receiver import Accepted, Receiver, ReceiverLimits

Accept = Callable[[SignalKind, bytes], Accepted]


class Served:
    def __init__(self, receiver: Receiver, counts: Counts) -> None:
        self.receiver, self.counts, self.port = receiver, counts, receiver.start()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(accept: Accept, **limits: object) -> Served:
        counts = Counts()
        receiver = Receiver("127.0.0.1:0", accept, limits=ReceiverLimits(**limits), counter=counts)
        started.append(Served(receiver, counts))
        return started[-1]

    yield start
    for served in started:
        served.receiver.stop(grace=0)


def accept_all(kind: SignalKind, data: bytes) -> Accepted:
    return Accepted()


def refused(port: int, data: bytes = b"request", **channel: object) -> grpc.RpcError:
    with client(port, **channel) as export, pytest.raises(grpc.RpcError) as caught:
        export(data, timeout=20)
    return caught.value


def retry_delays(error: grpc.RpcError) -> list[float]:
    """The delay as a Go client reads it, and as OpenTelemetry's Python exporter does."""
    trailers = dict(error.trailing_metadata())
    delays = []
    if "grpc-status-details-bin" in trailers:
        status = Status.FromString(trailers["grpc-status-details-bin"])
        assert (status.code, status.message) == (error.code().value[0], error.details())
        inside = RetryInfo()
        assert status.details[0].Unpack(inside)
        delays.append(inside.retry_delay.ToMilliseconds() / 1000)
    if "google.rpc.retryinfo-bin" in trailers:
        bare = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
        delays.append(bare.retry_delay.ToMilliseconds() / 1000)
    return delays


def a_span() -> InMemorySpanExporter:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with provider.get_tracer("test").start_as_current_span("predict credit-risk"):
        pass
    return memory


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_opentelemetrys_own_exporter_is_understood(serve: Callable[..., Served], compression: grpc.Compression) -> None:
    taken: list[tuple[SignalKind, bytes]] = []

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        taken.append((kind, data))
        return Accepted()

    served = serve(accept)
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{served.port}", compression=compression)
    result = exporter.export(a_span().get_finished_spans())
    exporter.shutdown()
    assert result is SpanExportResult.SUCCESS
    [(kind, data)] = taken
    assert kind is SignalKind.TRACES
    request = ExportTraceServiceRequest.FromString(data)
    assert request.resource_spans[0].scope_spans[0].spans[0].name == "predict credit-risk"
    assert served.counts() == {"tidegauge.receiver.accepted_requests{kind=traces}": 1}


def test_opentelemetrys_own_exporter_comes_again_when_asked_to(serve: Callable[..., Served]) -> None:
    failures = iter([StorageError("disk full"), RuntimeError("bug")])

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        for failure in failures:
            raise failure
        return Accepted()

    served = serve(accept, retry_delay=(0.01, 0.02))
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{served.port}")
    result = exporter.export(a_span().get_finished_spans())
    exporter.shutdown()
    assert result is SpanExportResult.SUCCESS
    assert served.counts() == {
        "tidegauge.receiver.refused_requests{kind=traces,reason=storage}": 1,
        "tidegauge.receiver.refused_requests{kind=traces,reason=internal}": 1,
        "tidegauge.receiver.accepted_requests{kind=traces}": 1,
    }


def test_an_empty_request_is_a_success_that_needs_no_store(serve: Callable[..., Served]) -> None:
    def accept(kind: SignalKind, data: bytes) -> Accepted:
        raise AssertionError("must not be called")

    served = serve(accept)
    for kind in SignalKind:
        with client(served.port, kind) as export:
            assert export(b"", timeout=5) == b""


@pytest.mark.parametrize(
    ("kind", "response", "field"),
    [
        (SignalKind.TRACES, ExportTraceServiceResponse, "rejected_spans"),
        (SignalKind.METRICS, ExportMetricsServiceResponse, "rejected_data_points"),
        (SignalKind.LOGS, ExportLogsServiceResponse, "rejected_log_records"),
    ],
)
def test_what_was_left_out_is_told(serve: Callable[..., Served], kind: SignalKind, response: type, field: str) -> None:
    answers = iter([Accepted(3, "no ml.model.name"), Accepted()])
    served = serve(lambda kind, data: next(answers))
    with client(served.port, kind) as export:
        partial = response.FromString(export(b"request", timeout=5)).partial_success
        assert (getattr(partial, field), partial.error_message) == (3, "no ml.model.name")
        assert not response.FromString(export(b"request", timeout=5)).HasField("partial_success")


def test_what_is_not_otlp_is_refused_for_good(serve: Callable[..., Served]) -> None:
    def accept(kind: SignalKind, data: bytes) -> Accepted:
        raise WireError("resource_metrics[0] ends after 3 of 7 bytes")

    served = serve(accept)
    error = refused(served.port)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "resource_metrics[0] ends after 3 of 7 bytes"
    assert retry_delays(error) == []
    assert served.counts() == {"tidegauge.receiver.refused_requests{kind=metrics,reason=malformed}": 1}


def test_what_cannot_be_stored_shall_be_sent_again(serve: Callable[..., Served]) -> None:
    def accept(kind: SignalKind, data: bytes) -> Accepted:
        raise StorageError("database or disk is full")

    error = refused(serve(accept).port)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "database or disk is full")
    first, second = retry_delays(error)
    assert first == second
    assert 1 <= first <= 5


def test_our_own_mistake_shall_be_sent_again(serve: Callable[..., Served], caplog: pytest.LogCaptureFixture) -> None:
    def accept(kind: SignalKind, data: bytes) -> Accepted:
        raise ZeroDivisionError("inner workings")

    error = refused(serve(accept).port)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "internal error: send this again later")
    assert len(retry_delays(error)) == 2
    assert "ZeroDivisionError: inner workings" in caplog.text


def test_more_than_fits_shall_be_sent_again(serve: Callable[..., Served]) -> None:
    working, finish = threading.Event(), threading.Event()

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        working.set()
        assert finish.wait(20)
        return Accepted()

    served = serve(accept, in_flight_bytes=1000)
    with ThreadPoolExecutor() as background, client(served.port) as export:
        first = background.submit(export, bytes(700), timeout=20)
        assert working.wait(20)
        error = refused(served.port, bytes(301))
        second = background.submit(export, bytes(300), timeout=20)
        finish.set()
        assert (first.result(), second.result()) == (b"", b"")
        assert export(bytes(5000), timeout=20) == b""  # alone, it may be of any size
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert len(retry_delays(error)) == 2
    assert served.counts() == {
        "tidegauge.receiver.accepted_requests{kind=metrics}": 3,
        "tidegauge.receiver.refused_requests{kind=metrics,reason=busy}": 1,
    }


def test_requests_that_wait_for_a_worker_stay_with_their_clients() -> None:
    program = """if True:
        import threading
        from tidegauge_processor.otlp.receiver import Accepted, Receiver, ReceiverLimits
        finish = threading.Event()
        accept = lambda kind, data: finish.wait(60) and Accepted()
        receiver = Receiver("127.0.0.1:0", accept, limits=ReceiverLimits(workers=2))
        print(receiver.start(), flush=True)
        input()
        finish.set()
        input()
        receiver.stop(grace=0)
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        with client(int(server.stdout.readline())) as export:
            assert export(b"", timeout=20) == b""
            before = psutil.Process(server.pid).memory_info().rss
            calls = [export.future(bytes(4 * 2**20), timeout=60) for _ in range(80)]
            time.sleep(2)
            grown = psutil.Process(server.pid).memory_info().rss - before
            print(file=server.stdin, flush=True)
            assert all(call.result() == b"" for call in calls)
        print(file=server.stdin, flush=True)
    assert grown < 100 * 2**20  # of 320 MiB that are on their way


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_64_mib_is_taken_and_a_byte_more_is_not(serve: Callable[..., Served], compression: grpc.Compression) -> None:
    sizes: list[int] = []

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        sizes.append(len(data))
        return Accepted()

    served = serve(accept)
    with client(served.port, compression=compression) as export:
        export(bytes(64 * 2**20), timeout=20)
    assert sizes == [64 * 2**20]
    error = refused(served.port, bytes(64 * 2**20 + 1), compression=compression)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(sizes) == 1


def test_the_largest_message_can_be_configured(serve: Callable[..., Served]) -> None:
    served = serve(accept_all, message_bytes=100)
    with client(served.port) as export:
        assert export(bytes(100), timeout=5) == b""
    assert refused(served.port, bytes(101)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_unknown_service_is_unimplemented_so_that_arrow_exporters_fall_back(serve: Callable[..., Served]) -> None:
    port = serve(accept_all).port
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/opentelemetry.proto.experimental.arrow.v1.ArrowMetricsService/ArrowMetrics")(
            b"", timeout=5
        )
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(("allowed", "disconnected"), [(0.05, False), (60.0, True)])
def test_pings_of_an_idle_client_are_allowed(serve: Callable[..., Served], allowed: float, disconnected: bool) -> None:
    """The default allows a ping every 10 s; here a ping every 0.2 s is within a shorter time, or too often."""
    port = serve(accept_all, keepalive_min_time=allowed).port
    options = [
        ("grpc.keepalive_time_ms", 200),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    lost = threading.Event()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        assert channel.unary_unary(SignalKind.LOGS.method)(b"request", timeout=5) == b""
        channel.subscribe(lambda state: state is not grpc.ChannelConnectivity.READY and lost.set(), try_to_connect=True)
        lost.clear()
        assert lost.wait(20 if disconnected else 2) is disconnected


def health(port: int, service: str = "") -> int:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=20).status


def test_health_is_on_the_same_port(serve: Callable[..., Served]) -> None:
    port = serve(accept_all).port
    for service in ("", *(kind.service for kind in SignalKind)):
        assert health(port, service) == HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health(port, "another.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_is_told_while_every_worker_waits(serve: Callable[..., Served]) -> None:
    working, finish = threading.Event(), threading.Event()

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        working.set()
        assert finish.wait(20)
        return Accepted()

    served = serve(accept, workers=1)
    with ThreadPoolExecutor() as background, client(served.port) as export:
        waiting = background.submit(export, b"request", timeout=20)
        assert working.wait(20)
        assert health(served.port) == HealthCheckResponse.SERVING
        finish.set()
        assert waiting.result() == b""


def listening(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def test_shutdown_says_not_serving_first_and_finishes_what_is_in_work(serve: Callable[..., Served]) -> None:
    working, finish = threading.Event(), threading.Event()

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        working.set()
        assert finish.wait(20)
        return Accepted()

    served = serve(accept)
    with (
        ThreadPoolExecutor() as background,
        client(served.port) as export,
        grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel,
    ):
        watch = HealthStub(channel).Watch(HealthCheckRequest())
        assert next(watch).status == HealthCheckResponse.SERVING
        waiting = background.submit(export, b"request", timeout=20)
        assert working.wait(20)
        stopped = background.submit(served.receiver.stop, grace=3600)
        assert next(watch).status == HealthCheckResponse.NOT_SERVING
        until(lambda: not listening(served.port))
        # over a connection of its own: one from before may have let the call in when the port was already closed
        alone = [("grpc.use_local_subchannel_pool", 1)]
        assert refused(served.port, options=alone).code() is grpc.StatusCode.UNAVAILABLE
        assert not waiting.done()
        finish.set()
        assert waiting.result() == b""
        stopped.result(timeout=20)  # not the whole grace, although somebody still watches


def test_a_used_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigurationError) as caught:
            Receiver(endpoint, accept_all).start()
    assert str(caught.value) == (f"cannot listen on {endpoint}: address already in use; change receiver.endpoint")


def test_two_receivers_do_not_share_a_port(serve: Callable[..., Served]) -> None:
    port = serve(accept_all).port
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}: address already in use"):
        Receiver(f"127.0.0.1:{port}", accept_all).start()


def test_a_client_that_went_away_leaves_nothing_behind(serve: Callable[..., Served]) -> None:
    working, finish = threading.Event(), threading.Event()

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        working.set()
        assert finish.wait(20)
        return Accepted()

    served = serve(accept, in_flight_bytes=1000)
    with client(served.port) as export:
        call = export.future(bytes(900), timeout=20)
        assert working.wait(20)
        call.cancel()
    finish.set()
    served.receiver.stop(grace=20)
    assert served.counts() == {"tidegauge.receiver.accepted_requests{kind=metrics}": 1}
