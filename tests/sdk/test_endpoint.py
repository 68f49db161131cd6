"""Where data go: addresses, protocols and other OTLP settings as people write them."""

import pytest

from tidegauge._environment import _say_once
from tidegauge._export.endpoint import endpoint


@pytest.fixture(autouse=True)
def nothing_said():
    _say_once.cache_clear()


def of(signal="metrics", **variables):
    return endpoint(signal, {f"OTEL_EXPORTER_OTLP_{name}": text for name, text in variables.items()})


@pytest.mark.parametrize(
    ("variables", "protocol", "url", "tls"),
    [
        ({}, "grpc", "http://localhost:4317", False),
        ({"PROTOCOL": "http/protobuf"}, "http/protobuf", "http://localhost:4318/v1/metrics", False),
        ({"ENDPOINT": "http://collector:4317"}, "grpc", "http://collector:4317", False),
        ({"ENDPOINT": "https://collector:4317"}, "grpc", "https://collector:4317", True),
        ({"ENDPOINT": "http://collector:4318"}, "http/protobuf", "http://collector:4318/v1/metrics", False),
        ({"ENDPOINT": "http://collector:4318/"}, "http/protobuf", "http://collector:4318/v1/metrics", False),
        ({"ENDPOINT": "http://c:4318", "PROTOCOL": "grpc"}, "grpc", "http://c:4318", False),
        ({"ENDPOINT": "http://c:43180"}, "grpc", "http://c:43180", False),
        ({"ENDPOINT": "http://c/x:4318"}, "grpc", "http://c:4317", False),
        ({"ENDPOINT": "collector:4317"}, "grpc", "http://collector:4317", False),
        ({"ENDPOINT": " 127.0.0.1:4318 "}, "http/protobuf", "http://127.0.0.1:4318/v1/metrics", False),
        ({"ENDPOINT": "collector"}, "grpc", "http://collector:4317", False),
        (
            {"ENDPOINT": "collector", "PROTOCOL": "http/protobuf"},
            "http/protobuf",
            "http://collector:4318/v1/metrics",
            False,
        ),
        ({"ENDPOINT": "[::1]:4318/otlp"}, "http/protobuf", "http://[::1]:4318/otlp/v1/metrics", False),
        ({"ENDPOINT": "grpc://collector:4317"}, "grpc", "http://collector:4317", False),
        ({"ENDPOINT": "api.example:443"}, "grpc", "https://api.example:443", True),
        ({"ENDPOINT": "c:4317", "INSECURE": "false"}, "grpc", "https://c:4317", True),
        ({"ENDPOINT": "c:4317", "CERTIFICATE": "ca.pem"}, "grpc", "https://c:4317", True),
        ({"ENDPOINT": "c:4317", "CERTIFICATE": "ca.pem", "INSECURE": "true"}, "grpc", "http://c:4317", False),
        ({"ENDPOINT": "unix:///run/otlp.sock", "INSECURE": "true"}, "grpc", "unix:///run/otlp.sock", False),
        ({"METRICS_ENDPOINT": "c:4318/m", "ENDPOINT": "http://d:4317"}, "http/protobuf", "http://c:4318/m", False),
        ({"METRICS_ENDPOINT": "", "ENDPOINT": "http://d:4318"}, "http/protobuf", "http://d:4318/v1/metrics", False),
        ({"METRICS_PROTOCOL": "GRPC", "PROTOCOL": "http/protobuf"}, "grpc", "http://localhost:4317", False),
    ],
)
def test_an_address_is_understood_as_it_is_meant(variables, protocol, url, tls, caplog):
    found = of(**variables)
    assert (found.protocol, found.url, found.tls) == (protocol, url, tls)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("variables", "protocol", "words"),
    [
        (
            {"PROTOCOL": "http"},
            "http/protobuf",
            "PROTOCOL='http': it takes grpc or http/protobuf. It goes on with http/p",
        ),
        ({"PROTOCOL": "http/json"}, "http/protobuf", "PROTOCOL='http/json': it takes grpc or http/protobuf"),
        (
            {"LOGS_PROTOCOL": "pigeon"},
            "grpc",
            "LOGS_PROTOCOL='pigeon': it takes grpc or http/protobuf. It goes on with grpc",
        ),
        ({"PROTOCOL": "pigeon", "ENDPOINT": "c:4318"}, "http/protobuf", "PROTOCOL='pigeon'"),
        ({"ENDPOINT": "a b c"}, "grpc", "ENDPOINT='a b c': it takes an address such as http://collector:4317"),
        ({"ENDPOINT": "http://c:99999"}, "grpc", "It goes on with the default, http://localhost:4317"),
        ({"ENDPOINT": "ftp://me:secret@c"}, "grpc", "ENDPOINT='ftp://***@c'"),
        ({"LOGS_TIMEOUT": "soon"}, "grpc", "LOGS_TIMEOUT='soon': it takes seconds above 0, also with a unit"),
        ({"TIMEOUT": "0"}, "grpc", "TIMEOUT='0': it takes seconds above 0"),
        (
            {"COMPRESSION": "zstd"},
            "grpc",
            "COMPRESSION='zstd': it takes gzip or none. It goes on with the default, none",
        ),
    ],
)
def test_what_cannot_be_read_falls_back_with_one_line(variables, protocol, words, caplog):
    for _ in range(2):
        found = of("logs", **variables)
    assert (found.protocol, found.timeout, found.compression) == (protocol, 10.0, "none")
    (line,) = caplog.messages
    assert words in line
    assert "secret" not in line


def test_the_default_is_whole_also_where_it_takes_the_place_of_a_signals_own_address(caplog):
    found = of(METRICS_ENDPOINT="a b", METRICS_PROTOCOL="http/protobuf")
    assert found.url == "http://localhost:4318/v1/metrics"
    assert "METRICS_ENDPOINT='a b'" in caplog.text


def test_a_timeout_may_have_a_unit_and_none_is_a_compression():
    found = of(TIMEOUT="10s", COMPRESSION="none", METRICS_TIMEOUT="500ms")
    assert (found.timeout, found.compression) == (0.5, "none")
