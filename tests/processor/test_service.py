"""The service as a whole, in this process: real gRPC in and out, a real store, a clock that the test can move."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.leaves import Leaf, leaves
from tests.end_to_end.sink import Client, Sink
from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.errors import BaselineError, ConfigurationError, StorageError
from tidegauge_processor.config import Config
from tidegauge_processor.service import Service
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.wiring import resource_of


class Clock:
    """The clock on the wall."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def config(folder: Path, exporter: str = "", **more: Any) -> Config:
    baseline().save(folder / "credit-risk-7.json")
    settings = {
        "receiver": {"endpoint": "127.0.0.1:0"},
        "exporter": {"endpoint": exporter},
        "storage": {"directory": str(folder / "state")},
        "baselines": str(folder),
        "windows": {"allowed_lateness": "0s", "idle_timeout": "300s"},
        "metrics_flush_interval": "1s",
    }
    return Config.model_validate(settings | more)


@contextmanager
def serving(config: Config, clock: Callable[[], int]) -> Iterator[Client]:
    service = Service(config, clock)
    client = Client(f"127.0.0.1:{service.start()}")
    try:
        yield client
    finally:
        client.close()
        service.stop()


def send(client: Client, *requests: bytes) -> None:
    for request in requests:
        assert client.send(ExportMetricsServiceRequest.FromString(request))


def states(found: list[Leaf], name: str) -> dict[int, str]:
    """State of a feature in the newest window, by the time of the point."""
    return {
        leaf.data.time_unix_nano: leaf.attributes[semconv.DRIFT_STATE]
        for leaf in found
        if leaf.name == semconv.METRIC_DRIFT_STATUS
        and leaf.data.as_double == 1
        and leaf.attributes[semconv.DRIFT_TARGET] == "feature"
        and (leaf.attributes[semconv.FEATURE_NAME], leaf.attributes[semconv.WINDOW_NAME]) == (name, "1h")
    }


def test_the_present_is_said_again_with_the_time_of_each_export(tmp_path: Path) -> None:
    clock = Clock(hour(1) + SECOND)
    with Sink() as sink, serving(config(tmp_path, sink.endpoint), clock) as client:
        send(client, flush(rows(400, 1, shift=0.7), hour(0)), flush(rows(9, 2), hour(1), length=SECOND))
        sink.wait(lambda found: len(states(list(leaves(found)), "income")) == 1, "the hour is judged")
        clock.now += 60 * SECOND
        sink.wait(lambda found: len(states(list(leaves(found)), "income")) == 2, "the verdict is repeated")
        found = list(leaves(sink.requests))
    assert states(found, "income") == {hour(1) + SECOND: "material", hour(1) + 61 * SECOND: "material"}
    events = [leaf for leaf in found if leaf.kind == "event"]
    assert [leaf.name for leaf in events] == [semconv.EVENT_BASELINE_CHANGED, semconv.EVENT_DRIFT_STATE]
    (instance,) = {leaf.resource[semconv.SERVICE_INSTANCE_ID] for leaf in found}
    assert instance


def test_the_way_to_the_traces_rides_on_a_counter(tmp_path: Path) -> None:
    """Prometheus drops the exemplars of gauges without a word."""
    request = ExportMetricsServiceRequest.FromString(flush(rows(400, 1, shift=0.7), hour(0)))
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name == semconv.METRIC_FEATURE_VALUE:
            ids = {"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8}
            metric.histogram.data_points[0].exemplars.add(as_double=4.5, time_unix_nano=hour(0), **ids)
    with Sink() as sink, serving(config(tmp_path, sink.endpoint), Clock(hour(1) + SECOND)) as client:
        send(client, request.SerializeToString(), flush(rows(9, 2), hour(1), length=SECOND))
        sink.wait(lambda found: len(states(list(leaves(found)), "income")) == 1, "the hour is judged")
        found = list(leaves(sink.requests))
    points = [leaf for leaf in found if leaf.kind != "event"]
    carrying = {leaf.name for leaf in points if getattr(leaf.data, "exemplars", ())}
    assert carrying == {semconv.METRIC_INCIDENTS}
    (incidents,) = [leaf.data for leaf in points if leaf.name == semconv.METRIC_INCIDENTS][-1:]
    assert incidents.as_int == 1
    assert [(e.trace_id, e.span_id) for e in incidents.exemplars] == [(b"\x01" * 16, b"\x02" * 8)]
    (opened,) = [leaf.data for leaf in found if leaf.name == semconv.EVENT_DRIFT_STATE]
    assert (opened.trace_id, opened.span_id) == (b"\x01" * 16, b"\x02" * 8)


def test_after_a_restart_the_signals_are_repeated_and_the_counters_go_on(tmp_path: Path) -> None:
    clock = Clock(hour(1) + SECOND)
    settings = config(tmp_path)
    with serving(settings, clock) as client:
        send(client, flush(rows(400, 1), hour(0)), flush(rows(9, 2), hour(1), length=SECOND))
    clock.now = hour(1) + 120 * SECOND
    with Sink() as sink, serving(config(tmp_path, sink.endpoint), clock) as client:
        sink.wait(lambda found: bool(states(list(leaves(found)), "income")), "the verdict is repeated")
        send(client, flush(rows(50, 3), hour(1) + 60 * SECOND, length=SECOND), flush(rows(1, 2), hour(2)))
        clock.now = hour(2) + 700 * SECOND
        before = len(sink.requests)
        sink.wait(lambda found: len(found) > before + 2, "it has looked what is due")
        clock.now += 1_000 * SECOND  # it has been away: others may follow for a while
        samples = semconv.METRIC_WINDOW_SAMPLES

        def counted(found: Any) -> int:
            return max((leaf.data.as_int for leaf in leaves(found) if leaf.name == samples), default=0)

        sink.wait(lambda found: counted(found) == 459, "the second hour is counted")


def test_the_last_word_is_said_at_the_stop(tmp_path: Path) -> None:
    with Sink() as sink:
        with serving(config(tmp_path, sink.endpoint, metrics_flush_interval="1h"), Clock(hour(1) + SECOND)) as client:
            send(client, flush(rows(9, 2), hour(1), length=SECOND))
        counted = [leaf.data.as_int for leaf in leaves(sink.requests, semconv.METRIC_RECEIVER_ACCEPTED)]
    assert counted == [1]


def test_series_without_data_expire(tmp_path: Path) -> None:
    clock = Clock(hour(1) + SECOND)
    with Sink() as sink, serving(config(tmp_path, sink.endpoint, series_expiration="1h"), clock) as client:
        send(client, flush(rows(400, 1), hour(0)), flush(rows(9, 2), hour(1), length=SECOND))
        sink.wait(lambda found: len(states(list(leaves(found)), "income")) == 1, "the hour is judged")
        clock.now += 3 * HOUR
        own = semconv.METRIC_PROCESSOR_ACCEPTED
        late = clock.now
        sink.wait(
            lambda found: any(leaf.name == own and leaf.data.time_unix_nano == late for leaf in leaves(found)),
            "the processor's own counters are sent",
        )
        clock.now += 60 * SECOND
        last = clock.now
        sink.wait(
            lambda found: any(leaf.name == own and leaf.data.time_unix_nano == last for leaf in leaves(found)),
            "they are sent again",
        )
        assert last not in states(list(leaves(sink.requests)), "income")


def test_what_was_rejected_is_told_to_the_sender_and_counted(tmp_path: Path) -> None:
    writer = Writer()
    bad = writer.counter(semconv.METRIC_PREDICTIONS, 3, 0, SECOND)
    with Sink() as sink, serving(config(tmp_path, sink.endpoint), Clock(hour(1))) as client:
        send(client, writer.metrics(bad))
        rejected = semconv.METRIC_RECEIVER_REJECTED
        sink.wait(
            lambda found: any(leaf.name == rejected and leaf.data.as_int == 1 for leaf in leaves(found)),
            "it is counted",
        )


@pytest.mark.parametrize("content", [b"", b"\xff", b"x" * 10_000, b"a\nb", None])
def test_the_id_of_the_processor_is_made_anew_where_there_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "instance-id"
    if content is None:
        path.mkdir()  # nothing can be kept there
    else:
        path.write_bytes(content)
    made = resource_of(tmp_path, Telemetry())[semconv.SERVICE_INSTANCE_ID]
    assert len(made) == 36
    assert (resource_of(tmp_path, Telemetry())[semconv.SERVICE_INSTANCE_ID] == made) is (content is not None)


def test_state_in_use_and_unreadable_baselines_are_said_in_one_line(tmp_path: Path) -> None:
    settings = config(tmp_path)
    with serving(settings, Clock(0)), pytest.raises(StorageError, match="is in use by another process"):
        Service(settings)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BaselineError, match=r"broken\.json"):
        Service(settings)


def test_a_port_in_use_leaves_nothing_open(tmp_path: Path) -> None:
    with Sink() as sink:
        settings = config(tmp_path, receiver={"endpoint": sink.endpoint})
        service = Service(settings)
        with pytest.raises(ConfigurationError, match=r"cannot listen on .* change receiver\.endpoint"):
            service.start()
    with serving(config(tmp_path), Clock(0)):
        pass
