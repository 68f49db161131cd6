"""Our encoder makes the same messages as OpenTelemetry's."""

from opentelemetry.exporter.otlp.proto.common import _log_encoder as their_logs
from opentelemetry.exporter.otlp.proto.common import metrics_encoder as their_metrics

from tests.sdk.builders import HOUR, small_baseline
from tidegauge import ManualClock, Settings, last_prediction, monitor, prediction, record_outcome
from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._process import PROCESS
from tidegauge.testing import capture


def exponential_points(request):
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    return [point for metric in scope.metrics for point in metric.exponential_histogram.data_points]


def test_the_messages_are_the_same():
    @monitor("credit", version="7", baseline=small_baseline(), segments=["colour"])
    def predict(row):
        return 0.75

    clock = ManualClock(HOUR)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for age in (30.0, None, -5.0):
            predict({"age": age, "colour": "red"})
        record_outcome(last_prediction().receipt, actual=1)
        with prediction("unbased", version="1", task="regression") as p:
            p.features([{"x": -1.0}, {"x": 3.0}, {"x": 0.0}])
            p.output([1.0, 2.0, 3.0])
        record_outcome(p.receipt, actual=2.5)
        seen.flush()
        metrics = PROCESS.pipeline._exporters.metrics.received
        logs = PROCESS.pipeline._exporters.logs.received
    assert any(exponential_points(encode_metrics(data)) for data in metrics)
    for data in metrics:
        ours = encode_metrics(data)
        for point in exponential_points(ours):
            assert point.zero_threshold == 2.0**-64  # theirs has no room for it
            point.zero_threshold = 0.0
        assert ours == their_metrics.encode_metrics(data)
    assert {record.log_record.event_name for record in logs} == {"ml.baseline.published", "ml.feedback.recorded"}
    assert encode_logs(logs) == their_logs.encode_logs(logs)
