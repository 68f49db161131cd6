"""What is lost on the way is seen, although those who would tell of it are what was lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.test_engine import LATER, TIMING, Bench
from tidegauge import ManualClock, Settings, monitor, semconv
from tidegauge._export.encode import encode_metrics
from tidegauge._process import PROCESS
from tidegauge.testing import capture
from tidegauge_processor.signals import Signal, WindowSignal

DAY = 24 * HOUR
FLUSHES_AN_HOUR = 3


def sent(sizes: list[int], instance: str = "writer") -> list[bytes]:
    """What the SDK sends of flushes with so many rows, three of them an hour; nothing for an empty one."""

    @monitor("credit", version="7", task="binary")
    def predict(rows: list[dict[str, Any]]) -> list[float]:
        return [0.75] * len(rows)

    clock, requests = ManualClock(DAY), []
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        assert PROCESS.pipeline is not None
        received = PROCESS.pipeline._exporters.metrics.received  # type: ignore[union-attr]
        for size in sizes:
            received.clear()
            if size:
                predict([{"age": 30.0}] * size)
            clock.advance(HOUR // FLUSHES_AN_HOUR)
            seen.flush()
            merged = ExportMetricsServiceRequest()
            for data in received:
                merged.MergeFrom(encode_metrics(data))
            for attribute in (pair for found in merged.resource_metrics for pair in found.resource.attributes):
                if attribute.key == semconv.SERVICE_INSTANCE_ID:
                    attribute.value.string_value = instance
            requests.append(merged.SerializeToString())
    return requests


def completeness(bench: Bench, *requests: bytes) -> dict[int, float | None]:
    """What is said of each hour of the day once it is over."""
    said: list[Signal] = bench.take(*requests)
    for silence in (TIMING.idle, TIMING.idle + TIMING.hold):  # rows that are missing are waited for
        said += bench.engine.advance(LATER + silence)
    return {
        (signal.subject.start - DAY) // HOUR: signal.completeness for signal in said if isinstance(signal, WindowSignal)
    }


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12), st.randoms())
def test_every_row_that_is_lost_is_missed_once_its_writer_is_heard_again(
    flushes: list[tuple[int, bool]], chance: Any
) -> None:
    requests = sent([size for size, _ in flushes])
    first = next((place for place, (size, _) in enumerate(flushes) if size), 0)
    arriving = [place for place, (size, lost) in enumerate(flushes) if size and not lost]
    bench = Bench()
    order = [*arriving, *(place for place in arriving if chance.random() < 0.3)]
    chance.shuffle(order)
    said = completeness(bench, *(requests[place] for place in order))

    made_before, missed, expected = 0, 0, {}
    for hour in sorted({place // FLUSHES_AN_HOUR for place in arriving}):
        here = [place for place in arriving if place // FLUSHES_AN_HOUR == hour]
        made = sum(size for size, _ in flushes[: here[-1] + 1])
        arrived = sum(flushes[place][0] for place in here)
        heard_too_late = not made_before and first // FLUSHES_AN_HOUR < hour - 1  # it may be the processor that is new
        expected[hour] = None if heard_too_late else arrived / (made - made_before)
        missed += 0 if heard_too_late else made - made_before - arrived
        made_before = made
    assert said == expected
    assert bench.count(semconv.METRIC_PROCESSOR_MISSING) == missed


def test_one_writer_does_not_make_up_for_another() -> None:
    lossy, other = sent([5, 5, 5]), sent([9, 9, 9], "else")
    assert completeness(Bench(), lossy[0], lossy[2], *other) == {0: (10 + 27) / (15 + 27)}


def test_a_window_is_never_more_than_complete() -> None:
    (request, *_) = sent([5])
    another = Writer("another", model="credit").counter(semconv.METRIC_PREDICTIONS, 7, DAY, DAY + SECOND)
    said = completeness(Bench(), request, Writer("another", model="credit").metrics(another))
    assert said == {0: 1.0}  # the other one does not say how many rows it predicted


def test_nothing_is_said_where_nobody_counts_or_counting_began_long_before() -> None:
    another = Writer("another", model="credit").counter(semconv.METRIC_PREDICTIONS, 7, DAY, DAY + SECOND)
    assert completeness(Bench(), Writer("another", model="credit").metrics(another)) == {0: None}
    late_to_the_party = sent([5] * 12)[9:]
    bench = Bench()
    assert completeness(bench, *late_to_the_party) == {3: None}
    assert bench.count(semconv.METRIC_PROCESSOR_MISSING) == 0
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == 0
