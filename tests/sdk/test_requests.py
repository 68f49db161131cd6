"""Requests that receivers take: sound text, bounded size; and what a receiver refuses for good is told apart."""

from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import grpc
import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData, NumberDataPoint
from opentelemetry.sdk.resources import Resource

from tidegauge._export import MetricSender, batches, exporter_from_environment, request
from tidegauge._export.encode import encode_metrics
from tidegauge._outbox import Outbox, RefusedError
from tidegauge._points import Produced
from tidegauge._safety import Safety


def counted(**attributes):
    return Produced("ml.predictions", NumberDataPoint(attributes, 1, 2, 1))


def histogram(edges):
    bounds = np.arange(edges) + 0.5
    point = HistogramDataPoint(
        {"ml.model.name": "credit", "ml.feature.name": "age"}, 1, 2, 9, 1.0, [2**40] * (edges + 1), bounds, 0.0, 1.0
    )
    return Produced("ml.feature.value", point)


def encoded(points):
    return encode_metrics(request(points, Resource({})))


def test_half_a_surrogate_pair_does_not_spoil_a_request():
    made = encoded([counted(**{"ml.feature.category": "a\ud800b", "k\udfff": "é" * 70 + "\ud800"})])
    (metric,) = made.resource_metrics[0].scope_metrics[0].metrics
    found = {pair.key: pair.value.string_value for pair in metric.sum.data_points[0].attributes}
    assert found == {"ml.feature.category": "a?b", "k?": "é" * 70 + "?"}


def test_what_has_no_place_in_otlp_is_refused_for_good():
    with pytest.raises(RefusedError, match="not_encodable"):
        encoded([counted(odd=object())])


def test_requests_are_bounded_in_points_and_in_bytes():
    small = list(batches([counted(a="b")] * 2_500))
    assert [len(batch) for batch in small] == [1_000, 1_000, 500]
    large = list(batches([histogram(480)] * 1_000))
    sizes = [encoded(batch).ByteSize() for batch in large]
    assert sum(len(batch) for batch in large) == 1_000
    assert len(large) == 3
    assert max(sizes) < 4 << 20
    assert max(encoded(batch).ByteSize() for batch in batches([histogram(124)] * 2_000)) < 4 << 20


class Refusing(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, code):
        self.code = code
        self.calls = 0

    def Export(self, request, context):  # noqa: N802 - the service's own name
        self.calls += 1
        if self.calls == 1:
            context.abort(self.code, "no")
        return metrics_service_pb2.ExportMetricsServiceResponse()


def sent_to(endpoint, protocol, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")  # no time for the exporter's own second try
    sender, safety = MetricSender(lambda: exporter_from_environment("metrics")), Safety()
    outbox: Outbox[MetricsData] = Outbox("metrics", sender.send, 100, safety)
    for name in "ab":
        outbox.put(request([counted(name=name)], Resource({})), 1)
    answers = [outbox.drain(20)]
    if not answers[-1]:
        answers.append(outbox.drain(20))
    sender.shutdown()
    return answers, safety


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"])
def test_a_batch_that_grpc_refuses_for_good_is_dropped(code, monkeypatch):
    answers, safety, calls = over_grpc(grpc.StatusCode[code], monkeypatch)
    assert (answers, calls) == ([True], 2)
    assert safety.drops == {f"metrics_refused_{code.lower()}": 1}
    assert safety.failures == {}


def test_a_batch_that_grpc_cannot_take_now_is_sent_again(monkeypatch):
    answers, safety, calls = over_grpc(grpc.StatusCode.DATA_LOSS, monkeypatch)
    assert (answers[-1], calls) == (True, 3)
    assert safety.drops == {}


def over_grpc(code, monkeypatch):
    service = Refusing(code)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        return *sent_to(f"http://127.0.0.1:{port}", "grpc", monkeypatch), service.calls
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("status", "drops", "calls"), [(400, {"metrics_refused_400": 1}, 2), (503, {}, 3)], ids=["for good", "for now"]
)
def test_http_statuses_are_told_apart(status, drops, calls, monkeypatch):
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status if len(seen) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        answers, safety = sent_to(f"http://127.0.0.1:{server.server_port}", "http/protobuf", monkeypatch)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answers[-1]
    assert len(seen) == calls
    assert (seen[0] == seen[1]) is (status == 503)  # sent again unchanged, or given up
    assert safety.drops == drops
