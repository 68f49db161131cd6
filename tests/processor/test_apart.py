"""A fault in the state of one model stays with that model: the others are counted, judged, said and written."""

import json
import logging
from typing import Any

import pytest

from tests.processor.models import hour
from tests.processor.requests import HOUR, Writer
from tests.processor.test_engine import LATER, Bench
from tidegauge import semconv
from tidegauge_processor import windowing
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import Signal, WindowSignal
from tidegauge_processor.state.memory import Memory

EVIL, GOOD = Writer(instance="e", model="evil"), Writer(instance="g", model="good")


def counted(writer: Writer, window: int) -> bytes:
    return writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 5, hour(window), hour(window) + HOUR))


def judged(said: list[Signal]) -> list[tuple[str, int]]:
    return [(each.subject.model, each.subject.start) for each in said if isinstance(each, WindowSignal)]


def memory(bench: Bench) -> Memory:
    return bench.engine._models[ModelKey("evil", "7")].memory


def failures(bench: Bench) -> dict[str, int]:
    counts = bench.telemetry.counts().items()
    return {
        dict(named)[semconv.REASON]: number
        for (name, named), number in counts
        if name == semconv.METRIC_PROCESSOR_FAILED
    }


@pytest.mark.parametrize(
    ("attribute", "broken", "reason", "evil_too"),
    [
        ("closed_until", None, "request", False),  # points cannot be taken
        ("rows", None, "window", False),  # a window cannot be judged
        ("untested", {None}, "cohort", True),  # labels cannot be, when windows have been
    ],
)
def test_the_others_are_judged(
    attribute: str, broken: Any, reason: str, evil_too: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    bench.take(counted(EVIL, 0), counted(GOOD, 0))
    setattr(memory(bench), attribute, broken)
    with caplog.at_level(logging.ERROR):
        said = bench.take(counted(EVIL, 1) + counted(GOOD, 1))
    assert judged(said) == ([("evil", hour(1))] if evil_too else []) + [("good", hour(1))]
    assert reason in failures(bench)
    assert all("evil" in record.getMessage() for record in caplog.records)


def test_a_state_that_cannot_be_written_begins_anew_and_is_not_judged_again() -> None:
    bench = Bench()
    bench.take(counted(EVIL, 0), counted(GOOD, 0))
    memory(bench).task = {"no JSON"}  # type: ignore[assignment]
    found = bench.engine.dirty()
    assert failures(bench) == {"state": 1}
    (evil,) = (json.loads(data) for key, data in found.items() if '"evil"' in key and data)
    assert (evil["rows"], evil["closed_until"], evil["task"]) == (0, hour(1), "")
    (good,) = (json.loads(data) for key, data in found.items() if '"good"' in key and data)
    assert good["rows"] == 5
    bench.engine.saved()
    again = Bench({key: data for key, data in found.items() if data is not None})
    assert judged(again.take(counted(EVIL, 0), counted(GOOD, 0))) == []  # late, both of them
    assert judged(again.take(counted(EVIL, 1), counted(GOOD, 1))) == [("evil", hour(1)), ("good", hour(1))]


def test_a_part_that_cannot_be_read_is_left_out_and_named() -> None:
    bench = Bench()
    for writer in (EVIL, GOOD):
        request = writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 5, hour(0), hour(0) + HOUR // 2))
        bench.engine.apply(windowing.decode(SignalKind.METRICS, request, HOUR), LATER)
    units = {key: data for key, data in bench.engine.dirty().items() if data is not None}
    (window,) = (key for key in units if '"evil"' in key and '"window"' in key)
    again = Bench(units | {window: b"{"})
    assert set(again.engine.unreadable) == {window}
    assert judged(again.take(counted(EVIL, 1), counted(GOOD, 1))) == [
        ("good", hour(0)),
        ("evil", hour(1)),
        ("good", hour(1)),
    ]
