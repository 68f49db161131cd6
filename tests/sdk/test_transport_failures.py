"""What keeps data from arriving is said in one line that names the cause and the remedy; real servers on loopback."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.receivers import TLS, Metrics, free_port, grpc_server, http_server, silent_server
from tests.sdk.test_requests import counted
from tidegauge._environment import _say_once
from tidegauge._export import MetricSender, exporter_from_environment, otlp, request
from tidegauge._outbox import Outbox, UnsentError
from tidegauge._safety import Safety

GRPC, HTTP = "grpc", "http/protobuf"
OURS = {"~CERTIFICATE": str(TLS / "certificate.pem")}
BATCH = request([counted(name="a")], Resource({}))


def until(condition):
    """Wait for what another thread is about to do; fail when it does not."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def server(kind):
    """The port of a server of this kind."""
    with ExitStack() as stack:
        match kind:
            case "http" | "https":
                yield stack.enter_context(http_server(tls=kind == "https")).server_port
            case "grpc" | "grpcs":
                yield stack.enter_context(grpc_server(Metrics(), tls=kind == "grpcs"))
            case "nobody":
                yield free_port()
            case "closes":
                yield stack.enter_context(silent_server(keep=False))
            case _:
                yield stack.enter_context(silent_server(kind.encode()))


class Watched(Safety):
    """Also told what arrived."""

    taken = False


@contextmanager
def outbox():
    """One batch on its way, as the SDK sends it."""
    safety, sender = Watched(), MetricSender(lambda: exporter_from_environment("metrics"))

    def send(batch):
        safety.taken = sender.send(batch)
        return safety.taken

    box = Outbox("metrics", send, 100, safety)
    box.put(BATCH, 1)
    box.start()
    try:
        yield safety, box
    finally:
        sender.shutdown()
        box.stop()


@pytest.fixture
def send(monkeypatch, caplog):
    """Sends one batch as the SDK does; gives whether it was taken, the lines logged, failures and drops."""
    caplog.set_level(logging.WARNING)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)

    def attempt(endpoint, protocol, **variables):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        for variable, text in variables.items():
            monkeypatch.setenv(variable.replace("~", "OTEL_EXPORTER_OTLP_"), text)
        caplog.clear()
        with outbox() as (safety, _):
            until(lambda: safety.taken or (caplog.messages and (safety.failures or safety.drops)))
            return safety.taken, list(caplog.messages), safety.failures, safety.drops

    return attempt


SPEAKS_HTTP = "127.0.0.1:<port> speaks HTTP, and it was sent gRPC: set ~PROTOCOL=http/protobuf;"
SPEAKS_GRPC = "127.0.0.1:<port> speaks gRPC, and it was sent HTTP: set ~PROTOCOL=grpc;"
WANTS_TLS = "127.0.0.1:<port> wants TLS: set ~ENDPOINT=https://127.0.0.1:<port>;"
NO_TLS = "127.0.0.1:<port> speaks no TLS: set ~ENDPOINT=http://127.0.0.1:<port>;"
DISTRUSTED = (
    "127.0.0.1:<port> is not trusted (self-signed certificate): name the file of its authority by ~CERTIFICATE;"
)
NOBODY = "nobody listens at 127.0.0.1:<port>: start the receiver, or correct ~ENDPOINT;"
NO_HOST = "there is no host nobody.invalid: correct ~ENDPOINT;"
LATE = "no answer from 127.0.0.1:<port> within 0.3 s: is it the right port, and not too busy? ~TIMEOUT gives it longer;"
MAIL = "220 mail ready\r\n"


@pytest.mark.parametrize(
    ("protocol", "address", "kind", "variables", "words"),
    [
        (GRPC, "http://127.0.0.1", "http", {}, SPEAKS_HTTP),
        (HTTP, "http://127.0.0.1", "grpc", {}, SPEAKS_GRPC),
        (GRPC, "https://127.0.0.1", "https", OURS, SPEAKS_HTTP),
        (HTTP, "https://127.0.0.1", "grpcs", OURS, SPEAKS_GRPC),
        (GRPC, "http://127.0.0.1", "grpcs", {}, WANTS_TLS),
        (HTTP, "http://127.0.0.1", "https", {}, WANTS_TLS),
        (GRPC, "127.0.0.1", "grpcs", {}, WANTS_TLS),
        (HTTP, "127.0.0.1", "grpcs", {}, WANTS_TLS),
        (GRPC, "http://127.0.0.1", "https", {}, WANTS_TLS[:-1] + " and ~PROTOCOL=http/protobuf;"),
        (GRPC, "https://127.0.0.1", "grpc", {}, NO_TLS),
        (HTTP, "https://127.0.0.1", "http", {}, NO_TLS),
        (GRPC, "https://127.0.0.1", "http", {}, NO_TLS[:-1] + " and ~PROTOCOL=http/protobuf;"),
        (GRPC, "https://127.0.0.1", "grpcs", {}, DISTRUSTED),
        (HTTP, "https://127.0.0.1", "https", {}, DISTRUSTED),
        (GRPC, "127.0.0.1", "nobody", {}, NOBODY),
        (HTTP, "127.0.0.1", "nobody", {}, NOBODY),
        (GRPC, "nobody.invalid", "nobody", {}, NO_HOST),
        (HTTP, "nobody.invalid", "nobody", {}, NO_HOST),
        (
            GRPC,
            "127.0.0.1",
            "closes",
            {},
            "127.0.0.1:<port> takes connections and says nothing: is its receiver up, is",
        ),
        (
            HTTP,
            "127.0.0.1",
            "closes",
            {},
            "127.0.0.1:<port> takes connections and says nothing: is its receiver up, is",
        ),
        (GRPC, "127.0.0.1", MAIL, {}, "what listens at 127.0.0.1:<port> does not speak gRPC: correct ~ENDPOINT;"),
        (HTTP, "127.0.0.1", MAIL, {}, "what listens at 127.0.0.1:<port> does not speak HTTP: correct ~ENDPOINT;"),
        (GRPC, "127.0.0.1", "", {"~TIMEOUT": "300ms"}, LATE),
        (HTTP, "127.0.0.1", "", {"~TIMEOUT": "300ms"}, LATE),
        (HTTP, "127.0.0.1", "http", {"http_proxy": "http://u:sec%0Aret@127.0.0.1:1"}, "way of the proxy 127.0.0.1:1:"),
    ],
)
def test_a_batch_without_an_answer_is_kept_and_the_line_says_why(protocol, address, kind, variables, words, send):
    with server(kind) as port:
        taken, lines, failures, drops = send(f"{address}:{port}", protocol, **variables)
    assert (taken, failures, drops) == (False, {"export_metrics": 1}, {})
    (line,) = lines
    assert line.startswith("Tidegauge could not do a part of its work (export_metrics): ")
    assert words.replace("<port>", str(port)).replace("~", "OTEL_EXPORTER_OTLP_") in line
    assert "; the batch is kept and sent again." in line
    assert "sec" not in line.replace("second", "")


@pytest.mark.parametrize(
    ("protocol", "kind", "address", "variables"),
    [
        (GRPC, "grpc", "127.0.0.1", {}),
        (GRPC, "grpc", "http://127.0.0.1", {"~COMPRESSION": "none"}),
        (GRPC, "grpc", "http://127.0.0.1", {"~COMPRESSION": "gzip"}),
        (GRPC, "grpcs", "https://127.0.0.1", OURS),
        (GRPC, "grpcs", "localhost", OURS),
        (HTTP, "http", "127.0.0.1", {}),
        (HTTP, "http", "http://127.0.0.1", {"~COMPRESSION": "deflate"}),
        (HTTP, "https", "https://127.0.0.1", OURS),
        (HTTP, "https", "localhost", OURS),
    ],
)
def test_a_right_address_is_reached(protocol, kind, address, variables, send):
    with server(kind) as port:
        assert send(f"{address}:{port}", protocol, **variables) == (True, [], {}, {})


@pytest.mark.parametrize("protocol", [GRPC, HTTP])
def test_a_header_that_cannot_be_sent_is_left_out_and_not_shown(protocol, send):
    _say_once.cache_clear()
    with server("grpc" if protocol == GRPC else "http") as port:
        taken, lines, _, drops = send(f"127.0.0.1:{port}", protocol, **{"~HEADERS": "a=sec%0Aret,b=c"})
    assert (taken, drops) == (True, {})
    (line,) = lines
    assert line.startswith("Tidegauge cannot use OTEL_EXPORTER_OTLP_HEADERS='a=***': it takes values of letters")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "(301 Moved Permanently): it names another address, which is not followed, set ~ENDPOINT to that one."),
        (400, "(400 Bad Request): its own log says more."),
        (401, "(401 Unauthorized): it wants credentials, set ~HEADERS as in authorization=Bearer%20TOKEN."),
        (403, "(403 Forbidden): the credentials in ~HEADERS do not give the right to send there."),
        (404, "(404 Not Found): it takes no OTLP at /v1/metrics, correct ~ENDPOINT, to which the paths of signals are"),
        (405, "(405 Method Not Allowed): it takes no OTLP at /v1/metrics, correct ~ENDPOINT"),
        (413, "the request is too large for it, raise its limit (max_recv_msg_size_mib or max_request_body_size)."),
    ],
)
def test_a_batch_that_http_refuses_is_dropped_and_the_line_says_why(status, words, send):
    with http_server(status, headers={"Location": "http://127.0.0.1:1/"}) as refusing:
        taken, lines, failures, drops = send(f"127.0.0.1:{refusing.server_port}", HTTP)
    assert (taken, failures, drops) == (False, {}, {f"metrics_refused_{status}": 1})
    (line,) = lines
    assert f"Tidegauge dropped data (metrics_refused_{status}): 127.0.0.1:{refusing.server_port} refuses it " in line
    assert words.replace("~", "OTEL_EXPORTER_OTLP_") in line


def test_the_path_of_an_address_for_one_signal_is_asked_for(send):
    with http_server(404) as refusing:
        variables = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{refusing.server_port}"}
        _, (line,), _, _ = send("", HTTP, **variables)
    assert (
        "takes no OTLP at /, correct OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, which has the path in it, such as /v1/m"
        in line
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UNAUTHENTICATED", "it wants credentials, set OTEL_EXPORTER_OTLP_HEADERS"),
        ("PERMISSION_DENIED", "do not give the right to send there"),
        ("UNIMPLEMENTED", "it has no service for OTLP metrics, set OTEL_EXPORTER_OTLP_ENDPOINT to a receiver that has"),
        ("RESOURCE_EXHAUSTED", "the request is too large for it, raise its limit"),
        ("INTERNAL", "its own log says more"),
    ],
)
def test_a_batch_that_grpc_refuses_is_dropped_and_the_line_says_why(code, words, send):
    with grpc_server(Metrics(grpc.StatusCode[code])) as port:
        taken, lines, failures, drops = send(f"127.0.0.1:{port}", GRPC)
    assert (taken, failures, drops) == (False, {}, {f"metrics_refused_{code.lower()}": 1})
    (line,) = lines
    assert f"127.0.0.1:{port} refuses it ({code}): " in line
    assert words in line
    assert "4711" not in line  # what a receiver says may quote what it was sent


@pytest.mark.parametrize(
    ("code", "words"),
    [("UNAVAILABLE", "is there and took nothing"), ("DATA_LOSS", "asks to come again later (DATA_LOSS)")],
)
def test_a_receiver_that_is_busy_is_not_taken_for_another(code, words, send):
    with grpc_server(Metrics(grpc.StatusCode[code])) as port:
        taken, (line,), failures, drops = send(f"127.0.0.1:{port}", GRPC)
    assert (taken, failures, drops) == (False, {"export_metrics": 1}, {})
    assert words in line


@pytest.mark.parametrize("protocol", [GRPC, HTTP])
def test_a_receiver_that_asks_for_a_pause_gets_it(protocol, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    asked = RetryInfo(retry_delay=Duration(seconds=3600)).SerializeToString()
    service = Metrics(grpc.StatusCode.RESOURCE_EXHAUSTED, (("google.rpc.retryinfo-bin", asked),))
    with ExitStack() as stack:
        if protocol == GRPC:
            port = stack.enter_context(grpc_server(service))
        else:
            port = stack.enter_context(http_server(429, headers={"Retry-After": "3600"})).server_port
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
        exporter = exporter_from_environment("metrics")
        with pytest.raises(Exception, match="asks to come again later") as caught:
            exporter.export(BATCH)
        assert caught.value.pause == 3600
        exporter.shutdown()


@pytest.mark.parametrize("started", [True, False], ids=["thread", "caller"])
def test_the_outbox_keeps_the_pause_that_a_receiver_asks_for(started):
    attempts = []

    def send(batch):
        attempts.append(batch)
        raise UnsentError("busy", "come again later", pause=3600)

    box = Outbox("metrics", send, 100, Safety())
    box.put(BATCH, 1)
    if started:
        box.start()
        until(lambda: attempts)
    assert not box.drain(0.5)
    box.stop()
    assert len(attempts) == 1


def test_each_reason_is_logged_once_and_a_receiver_that_comes_back_is_found(caplog, monkeypatch):
    port, service = free_port(), Metrics()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"127.0.0.1:{port}")
    with outbox() as (safety, box):
        until(lambda: safety.failures.get("export_metrics", 0) >= 2)  # nobody is there
        with http_server(port=port):
            until(lambda: "speaks HTTP" in caplog.text)
        with grpc_server(service, port=port):
            until(lambda: box.drain(0) or safety.taken)
    assert len(service.taken) == 1
    ours = [line for line in caplog.messages if f"127.0.0.1:{port}" in line]  # other tests may still be sending
    for words in ("nobody listens", "speaks HTTP"):  # in between, a server that is ending may keep silent
        assert sum(words in line for line in ours) == 1


def spans():
    return TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")


def test_spans_reach_a_receiver_that_is_started_late(monkeypatch):
    port = free_port()
    for name, text in (("ENDPOINT", f"127.0.0.1:{port}"), ("TIMEOUT", "60"), ("PROTOCOL", HTTP)):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", text)
    monkeypatch.setattr(otlp, "_FIRST_PAUSE", 0.01)
    exporter = exporter_from_environment("traces")
    with ThreadPoolExecutor(1) as pool:
        attempt = pool.submit(exporter.export, [spans()])
        until(lambda: exporter.absent)
        with http_server(port=port) as receiver:
            assert attempt.result(60) is SpanExportResult.SUCCESS
            assert [path for path, _ in receiver.taken] == ["/v1/traces"]
    exporter.shutdown()


@pytest.mark.parametrize("protocol", [GRPC, HTTP])
def test_attempts_to_send_spans_end_when_the_exporter_is_shut_down_and_say_why(protocol, monkeypatch, caplog):
    for name, text in (("ENDPOINT", f"127.0.0.1:{free_port()}"), ("TIMEOUT", "3600"), ("PROTOCOL", protocol)):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", text)
    monkeypatch.setattr(otlp, "_FIRST_PAUSE", 3600.0)
    exporter = exporter_from_environment("traces")
    with ThreadPoolExecutor(1) as pool:
        attempt = pool.submit(exporter.export, [spans()])
        until(lambda: exporter.absent)
        exporter.shutdown()
        assert attempt.result(60) is SpanExportResult.FAILURE
    assert "Tidegauge lost 1 spans (further losses of this kind are not logged): nobody listens" in caplog.text


def test_the_failure_of_an_exporter_of_the_applications_own_is_told(caplog):
    class Failing(MetricExporter):
        def export(self, metrics_data, timeout_millis=0, **kwargs):
            return MetricExportResult.FAILURE

        def force_flush(self, timeout_millis=0):
            return True

        def shutdown(self, timeout_millis=0, **kwargs):
            pass

    box = Outbox("metrics", MetricSender(Failing).send, 100, Safety())
    box.put(BATCH, 1)
    assert not box.drain(0.1)
    assert "Failing reports a failure, see what it has logged itself; the batch is kept" in caplog.text
