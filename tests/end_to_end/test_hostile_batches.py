"""One bad byte in anybody's telemetry does not lose what others sent in the same request."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.hostile import HONEST, Answer, Besieged
from tests.end_to_end.leaves import leaves
from tests.processor.models import baseline
from tests.processor.requests import Writer
from tests.processor.wire_bytes import field, nested_attribute, request_of
from tidegauge import semconv

pytestmark = pytest.mark.end_to_end

LATIN = b"/caf\xe9"  # no UTF-8


def test_a_batch_keeps_what_parses_also_after_a_crash(tmp_path: Path) -> None:
    with Besieged(tmp_path, {"storage": {"checkpoint_interval": "1h"}}) as besieged:
        good, other = besieged.honest_request(0), _someone_elses_metric()
        bomb = request_of(field(12, nested_attribute(5_000)))  # field 12: metadata of a metric
        answer = besieged.metrics(other + good + bomb)
        assert (answer.status, answer.rejected) == ("OK", 2)
        besieged.wait_until_counted(semconv.METRIC_RECEIVER_REJECTED, 1, "malformed")
        besieged.wait_until_counted(semconv.METRIC_RECEIVER_REJECTED, 1, "request_nesting")
        besieged.restart(kill=True)
        assert besieged.metrics(good) == Answer("OK")  # sent again, and counted already: the inbox was read alike
        besieged.honest([1])
        besieged.wait_until_judged(1)
        samples = [
            leaf.data.as_int
            for leaf in leaves(besieged.sink.requests, metric=semconv.METRIC_WINDOW_SAMPLES)
            if leaf.attributes[semconv.MODEL_NAME] == HONEST
        ]
        assert samples[-1] == 600


def test_a_log_record_that_does_not_parse_takes_no_other_with_it(tmp_path: Path) -> None:
    known = baseline()
    writer = Writer(instance="publisher")
    part = {"ml__baseline__id": known.id, "ml__baseline__part": 0, "ml__baseline__parts": 1}
    body = gzip.compress(known.to_bytes())
    good = writer.logs(writer.event(semconv.EVENT_BASELINE_PUBLISHED, 1, body, **part))
    request = ExportLogsServiceRequest.FromString(good)
    request.resource_logs[0].scope_logs[0].log_records.add(event_name="/caf@")
    with Besieged(tmp_path) as besieged:
        answer = besieged.logs(request.SerializeToString().replace(b"/caf@", LATIN))
        assert (answer.status, answer.rejected) == ("OK", 1)
        besieged.restart()
        besieged.honest(range(2))
        besieged.wait_until_judged(0)
        # The store has it: a part of it more is nothing new, and not refused as part of an unknown baseline would be.
        assert besieged.logs(writer.logs(writer.event(semconv.EVENT_BASELINE_PUBLISHED, 1, b"x", **part))) == Answer(
            "OK"
        )
        besieged.honest([2])
        besieged.wait_until_judged(1)
        assert besieged.counted(semconv.METRIC_PROCESSOR_DROPPED) == 0


def test_a_request_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    with Besieged(tmp_path) as besieged:
        for garbage in (b"\xff" * 100, besieged.honest_request(0)[:-5], _someone_elses_metric()):
            answer = besieged.metrics(garbage)
            assert answer.status == "INVALID_ARGUMENT"
            assert answer.reason.startswith("not an OTLP metrics request: ")
        bomb = request_of(field(9, nested_attribute(60)))  # field 9: attributes of a span
        assert besieged.traces(bomb).status == "INVALID_ARGUMENT"
        assert besieged.metrics(b"\xfa\x01\x03abc" + besieged.honest_request(0)) == Answer("OK")  # an unknown field
        besieged.honest([1])
        besieged.wait_until_judged(0)
        besieged.wait_until_counted(semconv.METRIC_RECEIVER_REFUSED, 3, "malformed")
        besieged.wait_until_counted(semconv.METRIC_RECEIVER_REFUSED, 1, "request_nesting")


def _someone_elses_metric() -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="http.requests")
    metric.gauge.data_points.add(as_int=1).attributes.add(key="path").value.string_value = "/caf@"
    return request.SerializeToString().replace(b"/caf@", LATIN)
