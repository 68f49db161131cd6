"""Exporters chosen by the environment, the writer's identity, the end of the process."""

import re
import subprocess
import sys
from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from tests.receivers import Metrics, grpc_server
from tests.sdk.builders import HOUR, small_baseline
from tidegauge import ConfigurationError, ManualClock, Settings, last_prediction, monitor, record_outcome
from tidegauge._export import exporter_from_environment
from tidegauge._export.otlp import OtlpLogExporter, OtlpMetricExporter
from tidegauge._export.over_grpc import GrpcWire
from tidegauge._export.over_http import HttpWire
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge._resource import writer_resource


def test_exporters_follow_the_environment(monkeypatch):
    for signal, protocol, kind, wire in (
        ("metrics", "grpc", OtlpMetricExporter, GrpcWire),
        ("logs", "http/protobuf", OtlpLogExporter, HttpWire),
    ):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        exporter = exporter_from_environment(signal)
        assert isinstance(exporter, kind)
        assert isinstance(exporter._wire, wire)
        exporter.shutdown()
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert exporter_from_environment("metrics") is None
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "nobody")
    with pytest.raises(ConfigurationError, match="no provider of credentials 'nobody' is installed: correct OTEL_PYTH"):
        exporter_from_environment("logs")


def test_no_two_processes_write_under_one_instance_id(monkeypatch):
    made = TracerProvider(shutdown_on_exit=False)
    assert writer_resource(made) == made.resource  # OpenTelemetry's own id is unique already, and spans carry it
    set_by_hand = TracerProvider(resource=Resource({"service.instance.id": "pod-1"}), shutdown_on_exit=False)
    first, second = (writer_resource(set_by_hand).attributes["service.instance.id"] for _ in range(2))
    assert first.startswith("pod-1:")
    assert first != second
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-2")
    assert writer_resource().attributes["service.instance.id"].startswith("pod-2:")


class Receiver(metrics_service_pb2_grpc.MetricsServiceServicer, logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self):
        self.metrics = []
        self.logs = []

    def Export(self, request, context):  # noqa: N802 - the service's own name
        if hasattr(request, "resource_logs"):
            self.logs.append(request)
            return logs_service_pb2.ExportLogsServiceResponse()
        self.metrics.append(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


def test_points_and_events_arrive_over_grpc(monkeypatch):
    receiver = Receiver()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(receiver, server)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    clock = ManualClock(HOUR)
    pipeline = Pipeline(Settings(export_interval=3600), clock, provider=TracerProvider(shutdown_on_exit=False))
    off, before = PROCESS.off, PROCESS.use(pipeline)
    try:

        @monitor("credit", version="7", baseline=small_baseline())
        def predict(row):
            return 0.75

        predict({"age": 30.0, "colour": "red"})
        record_outcome(last_prediction().receipt, actual="yes")
        clock.set(2 * HOUR)
        assert pipeline.flush(20)
        assert pipeline.safety.failures == {}
    finally:
        pipeline.shutdown(5)
        PROCESS.restore(before, off)
        server.stop(None)
    request, last_word = receiver.metrics
    (said,) = last_word.resource_metrics[0].scope_metrics[0].metrics
    assert (said.name, said.sum.data_points[0].as_int) == ("tidegauge.sdk.final_predictions", 1)
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    assert (scope.scope.name, scope.schema_url) == ("tidegauge", "https://tidegauge.dev/schemas/0.1.0")
    assert {metric.name for metric in scope.metrics} >= {"ml.prediction.duration", "ml.predictions", "ml.feature.value"}
    assert all(
        metric.histogram.aggregation_temporality == 1 for metric in scope.metrics if metric.HasField("histogram")
    )
    records = [
        r for request in receiver.logs for rl in request.resource_logs for s in rl.scope_logs for r in s.log_records
    ]
    assert [record.event_name for record in records] == ["ml.baseline.published", "ml.feedback.recorded"]
    assert records[0].body.WhichOneof("value") == "bytes_value"
    assert len(records[1].trace_id) == 16


def test_what_waits_is_sent_at_the_end_of_the_interpreter(tmp_path):
    program = """
import tidegauge
tidegauge.configure()

@tidegauge.monitor("m", version="1")
def predict(row):
    return 1.5

predict({"x": 2.0})
"""
    environment = {"PATH": "", **{f"OTEL_{signal}_EXPORTER": "console" for signal in ("TRACES", "METRICS", "LOGS")}}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0
    assert '"ml.predictions"' in done.stdout
    assert "predict m" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("door", ["", "tidegauge.configure()"], ids=["at the first call", "configure"])
def test_a_wrong_environment_neither_stops_the_application_nor_the_monitoring(door, tmp_path):
    program = f"""
import tidegauge
{door}

@tidegauge.monitor("m", version="1")
def predict(row):
    return 1.5

print([predict({{"x": 2.0}}) for _ in range(3)], tidegauge.flush())
"""
    service = Metrics()
    with grpc_server(service) as port:
        environment = {
            "PATH": "",
            "TIDEGAUGE_EXPORT_INTERVAL": "soon",
            "TIDEGAUGE_DISABLED": "maybe",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpcs",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "a while",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "a while",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "zip",
            "OTEL_LOGS_EXPORTER": "none",
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path
        )
    assert done.stdout == "[1.5, 1.5, 1.5] True\n", done.stderr
    names = {m.name for r in service.taken for rm in r.resource_metrics for s in rm.scope_metrics for m in s.metrics}
    assert "ml.predictions" in names
    lines = [line for line in done.stderr.splitlines() if line.startswith("Tidegauge")]
    wrong = {"TIDEGAUGE_EXPORT_INTERVAL", "TIDEGAUGE_DISABLED", "OTEL_EXPORTER_OTLP_PROTOCOL"}
    wrong |= {"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_COMPRESSION"}
    wrong |= {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"} if door else set()
    said = [re.match(r"Tidegauge cannot use (\w+)='.*': it takes .*\. It goes on with .*\.$", line) for line in lines]
    assert sorted(found[1] for found in said if found) == sorted(wrong), done.stderr


def test_a_tracer_provider_that_does_not_exist_switches_off_and_does_not_reach_predict(tmp_path):
    program = """
import tidegauge
from tidegauge._process import PROCESS

@tidegauge.monitor("m", version="1")
def predict(row):
    return 1.5

print([predict({"x": 2.0}) for _ in range(3)], PROCESS.off, PROCESS.idle().safety.failures)
"""
    environment = {"PATH": "", "OTEL_PYTHON_TRACER_PROVIDER": "nope"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout == "[1.5, 1.5, 1.5] True {'set_up': 1}\n", done.stderr
    assert done.stderr.count("Tidegauge could not do a part of its work (set_up)") == 1
