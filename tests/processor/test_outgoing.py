"""What cannot be said is left out and named, all else leaves, and no request is larger than a collector takes."""

import logging
from collections.abc import Iterable

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.leaves import leaves
from tidegauge import semconv
from tidegauge_processor.config import Config
from tidegauge_processor.otlp.cutting import LARGEST_REQUEST, Unsaid, requests
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.outgoing import Outgoing
from tidegauge_processor.signals import (
    BaselineSignal,
    Durations,
    RateSignal,
    Signal,
    Standing,
    Subject,
    TotalsSignal,
    WindowSignal,
)
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.telemetry import Telemetry


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged. It goes no further: pytest cannot hand names that are no Unicode from process to process."""
    found: list[str] = []
    logger = logging.getLogger("tidegauge_processor.outgoing")
    monkeypatch.setattr(logger, "handle", lambda record: found.append(record.getMessage()))
    return found


def subject(model: str) -> Subject:
    return Subject(model, "1", "", "metric", 10, 20)


def rate(model: str, value: float = 0.5, feature: str = "x") -> RateSignal:
    return RateSignal(subject(model), semconv.METRIC_VIOLATION_RATE, {semconv.FEATURE_NAME: feature}, value)


def totals(model: str, rows: int, *counts: int) -> TotalsSignal:
    durations = {"": Durations((1.0,), tuple(counts), 0.0)} if counts else {}
    return TotalsSignal(subject(model), 10, rows, 0, durations, ())


def outgoing() -> tuple[Outgoing, Telemetry]:
    telemetry = Telemetry()
    return Outgoing(Config(), {"service.name": "p"}, telemetry, 5), telemetry


def said(found: Iterable[tuple[SignalKind, bytes]]) -> list[tuple[str, str]]:
    """Model and name of every point and event."""
    kinds = {SignalKind.METRICS: ExportMetricsServiceRequest, SignalKind.LOGS: ExportLogsServiceRequest}
    parsed = [kinds[kind].FromString(data) for kind, data in found]
    return [(leaf.attributes.get(semconv.MODEL_NAME, ""), leaf.name) for leaf in leaves(parsed)]


UNSAYABLE: list[Standing] = [
    rate("evil\ud800"),
    rate("evil", feature="\ud800"),
    rate("evil", value="much"),  # type: ignore[arg-type]
    totals("evil", -(2**64)),
    totals("evil", 5, -1, 0),
    totals("evil", 5, 2**64, 0),
]


@pytest.mark.parametrize("evil", UNSAYABLE)
def test_a_signal_that_cannot_be_said_takes_no_other_with_it(evil: Standing, entries: list[str]) -> None:
    out, telemetry = outgoing()
    others: list[Standing] = [rate(f"m{place}") for place in range(7)]
    found, unsaid = out.standing([*others[:3], evil, *others[3:]], 30)
    assert said(found) == [(f"m{place}", semconv.METRIC_VIOLATION_RATE) for place in range(7)]
    assert unsaid == [evil]
    (entry,) = entries
    assert entry.startswith(f"{evil.subject.model} 1: 1 signals cannot be said and are left out: ")
    assert telemetry.counts() == {(semconv.METRIC_PROCESSOR_FAILED, (("tidegauge.reason", "signal"),)): 1}
    assert said(out.own({}, 30)) == [("", semconv.METRIC_PROCESSOR_FAILED)]


@pytest.mark.usefixtures("entries")
def test_an_event_that_cannot_be_said_takes_no_other_with_it() -> None:
    out, _ = outgoing()
    events = [BaselineSignal(subject(model), "") for model in ("a", "evil\ud800", "b")]
    assert said(out.events(events, 30)) == [
        ("a", semconv.EVENT_BASELINE_CHANGED),
        ("b", semconv.EVENT_BASELINE_CHANGED),
    ]
    assert out.events([], 30) == []


def test_our_own_counters_leave_whatever_they_count() -> None:
    out, telemetry = outgoing()
    telemetry.add(semconv.METRIC_PROCESSOR_MISSING, 2**70)
    telemetry.add(semconv.METRIC_PROCESSOR_ACCEPTED, 3)
    ((_, data),) = out.own({semconv.METRIC_JOIN_SIZE: 4}, 30)
    found = {leaf.name: leaf.data.as_int for leaf in leaves([ExportMetricsServiceRequest.FromString(data)])}
    assert found == {
        semconv.METRIC_PROCESSOR_MISSING: 2**63 - 1,
        semconv.METRIC_PROCESSOR_ACCEPTED: 3,
        semconv.METRIC_JOIN_SIZE: 4,
    }


def test_requests_are_cut_by_their_size_and_in_order() -> None:
    out, _ = outgoing()
    signals: list[Standing] = [rate("m" * 1024, feature=f"{place:01024}") for place in range(4_000)]
    found, unsaid = out.standing(signals, 30)
    assert unsaid == []
    assert max(len(data) for _, data in found) <= LARGEST_REQUEST
    assert len(found) < 10
    parsed = [ExportMetricsServiceRequest.FromString(data) for _, data in found]
    names = [leaf.attributes[semconv.FEATURE_NAME] for leaf in leaves(parsed)]
    assert names == [f"{place:01024}" for place in range(4_000)]


def test_what_alone_is_larger_than_a_request_is_left_out() -> None:
    out, telemetry = outgoing()
    many = TotalsSignal(
        subject("evil"), 10, 5, 0, {"": Durations(tuple(map(float, range(2 * 10**5))), (0,) * 200_001, 0.0)}, ()
    )
    found, unsaid = out.standing([rate("a"), many, rate("b")], 30)
    assert said(found) == [("a", semconv.METRIC_VIOLATION_RATE), ("b", semconv.METRIC_VIOLATION_RATE)]
    assert unsaid == [many]
    assert telemetry.counts() == {(semconv.METRIC_PROCESSOR_FAILED, (("tidegauge.reason", "signal"),)): 1}


def test_the_usual_case_is_encoded_once() -> None:
    calls: list[int] = []

    def encode(items: Iterable[str]) -> bytes:
        calls.append(1)
        return "".join(items).encode()

    unsaid: list[Unsaid[str]] = []
    assert list(requests(["a", "b", "c"], encode, unsaid)) == [b"abc"]
    assert len(calls) == 1


def test_a_memory_forgets_what_it_cannot_say_and_counts_anew() -> None:
    memory = Memory()
    memory.rows, memory.opened, memory.started, memory.closed_until = 2**63, 2, 10, 20
    window = WindowSignal(subject("m"), 5, None)
    evil = totals("m", 2**63)
    said_of_it: list[Signal] = [window, evil]
    memory.stand("window", said_of_it)
    memory.leave_unsaid([evil])
    assert memory.standing == [window]
    assert (memory.rows, memory.opened, memory.started) == (0, 0, 20)
    memory.leave_unsaid([window])
    assert memory.standing == []
