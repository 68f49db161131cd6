"""The processor as a tap beside a real collector: application -> collector -> processor -> collector -> back ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.end_to_end.expectations import check_accuracy, check_counts, check_sent
from tests.end_to_end.leaves import leaves, multiset
from tests.end_to_end.processes import Processor, free_endpoint, wait_until
from tests.end_to_end.scenario import application, configuration, finished, write_baseline
from tests.end_to_end.sink import (
    ExportLogsServiceRequest,
    ExportMetricsServiceRequest,
    ExportTraceServiceRequest,
    Request,
    Sink,
    only,
)
from tests.interop.cable import Cable
from tests.interop.tap import running_tap
from tests.workloads import CreditHistory
from tidegauge import Baseline, semconv

pytestmark = pytest.mark.interop

GZIPPED_MESSAGE = re.compile(rb"\x01.{4}\x1f\x8b\x08", re.DOTALL)
"""The head of a compressed gRPC message: a flag, a length of four bytes, and what each gzip stream begins with."""


class Journey(NamedTuple):
    """What was seen at each place of the way.

    Attributes:
        sent: by the application, to the collector.
        tapped: by the collector, to the processor.
        tapped_bytes: the same, as it went over the network.
        traces: by the collector, to the back end of traces.
        said: by the processor, to the collector.
        arrived: behind the collector, by OTLP.
        written: behind the collector, in the file exporter's file.
    """

    sent: list[Request]
    tapped: list[Request]
    tapped_bytes: bytes
    traces: list[Request]
    said: list[Request]
    arrived: list[Request]
    written: list[Request]


@pytest.fixture(scope="session")
def history() -> CreditHistory:
    return CreditHistory(hours=12, rows_per_hour=50, shift_hour=6)


@pytest.fixture(scope="session")
def baseline(history: CreditHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_baseline(history, tmp_path_factory.mktemp("baseline"))


@pytest.fixture(scope="module")
def journey(otelcol: Path, history: CreditHistory, baseline: Path, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return _travel(otelcol, history, baseline, tmp_path_factory.mktemp("journey"))


def test_the_collector_hands_metrics_and_events_on_unchanged(journey: Journey) -> None:
    for kind in (ExportMetricsServiceRequest, ExportLogsServiceRequest):
        assert multiset(only(kind, journey.tapped)) == multiset(only(kind, journey.sent))


def test_spans_of_models_pass_the_filter_and_others_do_not(journey: Journey, history: CreditHistory) -> None:
    spans, every_span = (only(ExportTraceServiceRequest, requests) for requests in (journey.tapped, journey.sent))
    names = [leaf.name for leaf in leaves(every_span)]
    calls = len(history.calls) + 1
    assert sorted(names) == ["POST /applications"] * calls + ["predict credit-risk"] * calls
    assert multiset(journey.traces) == multiset(every_span)
    assert [leaf.name for leaf in leaves(spans)] == ["predict credit-risk"] * calls
    assert multiset(spans) <= multiset(every_span)


def test_the_processor_is_sent_gzip(journey: Journey) -> None:
    assert GZIPPED_MESSAGE.search(journey.tapped_bytes)


def test_every_row_is_counted_once(journey: Journey, history: CreditHistory, baseline: Path) -> None:
    check_sent(journey.tapped, history, Baseline.load(baseline))
    check_counts(journey.arrived, history, Baseline.load(baseline))
    check_accuracy(journey.arrived, history)


def test_signals_come_out_of_the_collector_as_they_went_in(journey: Journey) -> None:
    said = multiset(journey.said)
    assert said
    assert multiset(journey.arrived) == said
    assert multiset(journey.written) == said


def test_signals_do_not_come_round_again(journey: Journey) -> None:
    assert {leaf.scope for leaf in leaves(journey.said)} == {semconv.PROCESSOR_SCOPE_NAME}
    assert semconv.PROCESSOR_SCOPE_NAME not in {leaf.scope for leaf in leaves(journey.tapped)}


def test_sampled_traces_leave_the_numbers_exact(
    otelcol: Path, history: CreditHistory, baseline: Path, tmp_path: Path
) -> None:
    journey = _travel(
        otelcol,
        history,
        baseline,
        tmp_path,
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.01",
    )
    assert len(list(leaves(journey.traces))) < 0.1 * len(history.calls)
    check_sent(journey.tapped, history, Baseline.load(baseline))
    check_counts(journey.arrived, history, Baseline.load(baseline))
    check_accuracy(journey.arrived, history)


def _travel(otelcol: Path, history: CreditHistory, baseline: Path, folder: Path, **environment: str) -> Journey:
    # A collector batches metrics and events apart, and in a replay a moment is hours of event time: so no window closes
    # and no outcome is looked at until all of the history has arrived, and only then comes what moves time on.
    receiver, signals_receiver = free_endpoint(), free_endpoint()
    with (
        Sink(forward=signals_receiver) as said,
        Processor(configuration(receiver, said.endpoint, folder, patience="24h"), folder) as processor,
        Sink(forward=receiver) as tapped,
        Cable(tapped.endpoint) as cable,
        running_tap(otelcol, cable.endpoint, signals_receiver, folder) as tap,
        Sink(forward=tap.receiver) as sent,
    ):
        for part in ("history", "closing"):
            with application(history, baseline, sent.endpoint, folder, part=part, **environment) as app:
                assert app.wait() == 0, app.output
            _wait_until_tapped(tapped, sent.requests)
        tap.signals.wait(lambda requests: finished(requests, history), "the last hour is judged")
        assert processor.stop() == 0, processor.output
        _wait_for_all(lambda: tap.traces.requests, only(ExportTraceServiceRequest, sent.requests))
        _wait_for_all(lambda: tap.signals.requests, said.requests)
        _wait_for_all(lambda: tap.written, said.requests)
        return Journey(
            sent.requests,
            tapped.requests,
            cable.carried,
            tap.traces.requests,
            said.requests,
            tap.signals.requests,
            tap.written,
        )


def _wait_until_tapped(tapped: Sink, sent: list[Request]) -> None:
    # The collector hands on all but the spans that are of no model. What it hands on, the processor has acknowledged.
    count = sum(1 for leaf in leaves(sent) if leaf.kind != "span" or semconv.MODEL_NAME in leaf.attributes)
    _wait_for_leaves(lambda: tapped.requests, count)


def _wait_for_all(arrived: Callable[[], list[Request]], expected: list[Request]) -> None:
    # As many leaves as went off, at least; which they are is for the tests to say.
    _wait_for_leaves(arrived, sum(1 for _ in leaves(expected)))


def _wait_for_leaves(arrived: Callable[[], list[Request]], count: int) -> None:
    wait_until(lambda: sum(1 for _ in leaves(arrived())) >= count, f"{count} leaves have arrived")
