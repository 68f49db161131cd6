"""Signals that do not arrive: one line says what is wrong with the exporter's endpoint and how to mend it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from tests.processor.edges import until
from tests.receivers import TLS, Metrics, free_port, grpc_server, http_server, silent_server
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.sender import Sender
from tidegauge_processor.state.store import Store


@contextmanager
def server(kind: str) -> Iterator[int]:
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


@contextmanager
def sending(folder: Path, endpoint: str, **options: float) -> Iterator[Sender]:
    store = Store.open(folder)
    store.checkpoint(0, {}, [(SignalKind.METRICS, b"")])
    sender = Sender(endpoint, store, initial_interval=0.02, max_interval=0.1, **{"timeout": 20, **options})
    try:
        yield sender
    finally:
        sender.stop()
        store.close()


@pytest.mark.parametrize(
    ("kind", "insecure", "words"),
    [
        ("http", True, "it speaks HTTP: set exporter.endpoint to a port for OTLP over gRPC, usually 4317"),
        ("http", False, "it speaks HTTP: set exporter.endpoint to a port for OTLP over gRPC, usually 4317"),
        ("https", True, "a port for OTLP over gRPC, usually 4317, and exporter.insecure: false"),
        ("grpcs", True, "it wants TLS: set exporter.insecure: false"),
        ("grpc", False, "it speaks no TLS: set exporter.insecure: true"),
        ("grpcs", False, "its certificate is not trusted (self-signed certificate): name the file of its authority"),
        ("nobody", True, "nobody listens there: start the receiver, or correct exporter.endpoint"),
        ("closes", True, "what listens there says nothing: is its receiver up, is exporter.endpoint right?"),
        ("220 mail ready\r\n", True, "what listens there does not speak gRPC: correct exporter.endpoint"),
    ],
)
def test_a_wrong_endpoint_is_named_once(
    kind: str, insecure: bool, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with server(kind) as port, sending(tmp_path, f"127.0.0.1:{port}", insecure=insecure) as sender:
        until(lambda: bool(caplog.messages))
        assert not sender.drain(0.5)  # several attempts
        (line,) = caplog.messages
    assert line.startswith(f"signals wait for 127.0.0.1:{port}: unavailable: ")
    assert words in line


def test_an_unknown_host_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sending(tmp_path, "nobody.invalid:4317"):
        until(lambda: "there is no such host: correct exporter.endpoint" in caplog.text)


def test_a_receiver_that_does_not_answer_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with server("") as port, sending(tmp_path, f"127.0.0.1:{port}", timeout=0.2):
        until(lambda: "no answer within 0.2 s: is exporter.endpoint right?" in caplog.text)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UNAUTHENTICATED", "it wants credentials, and none are sent: put a Collector in between that has some"),
        ("PERMISSION_DENIED", "it wants credentials, and none are sent: put a Collector in between that has some"),
        ("UNIMPLEMENTED", "it has no service for this kind of signal: set exporter.endpoint to one that has"),
        ("RESOURCE_EXHAUSTED", "too large for it, raise its limit (max_recv_msg_size_mib), or a quota is used up"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with grpc_server(Metrics(grpc.StatusCode[code])) as port, sending(tmp_path, f"127.0.0.1:{port}") as sender:
        assert sender.drain(20)
    (line,) = caplog.messages
    assert line.startswith(f"127.0.0.1:{port} refuses metrics for good: {code.lower()}: ")
    assert words in line


def test_another_reason_is_told_and_so_is_the_return(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    with sending(tmp_path, f"127.0.0.1:{port}") as sender:
        until(lambda: "nobody listens there" in caplog.text)
        with http_server(port=port):
            until(lambda: "it speaks HTTP" in caplog.text)
        with grpc_server(Metrics(), port=port):
            assert sender.drain(20)
            until(lambda: "takes signals again" in caplog.text)


def test_the_authority_of_a_certificate_can_be_named_as_the_line_says(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tests.processor.test_sender_reasons import sending
with sending(Path({str(tmp_path)!r}), f"localhost:{{sys.argv[1]}}", insecure=False) as sender:
    print(sender.drain(60))
"""
    service = Metrics()
    with grpc_server(service, tls=True) as port:
        environment = os.environ | {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(TLS / "certificate.pem")}
        command = [sys.executable, "-c", program, str(port)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "True\n"
    assert len(service.taken) == 1
