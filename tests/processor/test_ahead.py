"""Clocks that run ahead: what they say is held back to the clock on the wall, and counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.test_engine import TIMING, Bench
from tidegauge import semconv
from tidegauge_processor import windowing
from tidegauge_processor.config.sections import Limits
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import EvaluationSignal, Signal
from tidegauge_processor.state.join import Join
from tidegauge_processor.state.join import Limits as JoinLimits

NOW = hour(3)
NEXT_CENTURY = 5_000_000_000 * SECOND
MINUTE = 60 * SECOND


def outcomes(number: int, actual: str, recorded: int, predicted: int = hour(0)) -> bytes:
    writer = Writer()
    events = [
        writer.event(
            semconv.EVENT_FEEDBACK,
            recorded,
            ml__prediction__id=f"p{place}",
            ml__prediction__time=predicted + place,
            ml__prediction__class="1",
            ml__prediction__score=0.9,
            ml__feedback__actual=actual,
            ml__task__type="binary",
        )
        for place in range(number)
    ]
    return writer.logs(*events)


def accuracy(said: list[Signal]) -> tuple[float, int]:
    """Of the latest cohort that was measured, and its labels."""
    found = [s for s in said if isinstance(s, EvaluationSignal) and s.name == "accuracy" and s.type == "realized"]
    return found[-1].value, found[-1].labels


def test_an_outcome_from_the_future_is_not_the_last_word() -> None:
    bench = Bench()
    bench.take(outcomes(50, "1", hour(1)), kind=SignalKind.LOGS, now=NOW)
    bench.take(outcomes(50, "0", NEXT_CENTURY), kind=SignalKind.LOGS, now=NOW)
    said = bench.take(outcomes(50, "1", NOW + MINUTE), kind=SignalKind.LOGS, now=NOW + MINUTE)
    said += bench.engine.advance(NOW + HOUR)
    assert accuracy(said) == (1.0, 50)
    assert bench.count(semconv.METRIC_PROCESSOR_AHEAD) == 50
    ahead = {of for (name, of) in bench.telemetry.counts() if name == semconv.METRIC_PROCESSOR_AHEAD}
    assert ahead == {((semconv.MODEL_NAME, "credit-risk"),)}


def test_five_minutes_ahead_is_no_fault() -> None:
    bench = Bench()
    bench.take(outcomes(5, "1", NOW + 5 * MINUTE), kind=SignalKind.LOGS, now=NOW)
    assert bench.count(semconv.METRIC_PROCESSOR_AHEAD) == 0
    bench.take(outcomes(5, "1", NOW + 5 * MINUTE + 1), kind=SignalKind.LOGS, now=NOW)
    assert bench.count(semconv.METRIC_PROCESSOR_AHEAD) == 5


def test_a_prediction_of_the_future_is_one_of_today() -> None:
    bench = Bench()
    for century in range(1, 50):
        predicted = century * NEXT_CENTURY // 50 + NOW
        bench.take(outcomes(1, "1", NEXT_CENTURY, predicted), kind=SignalKind.LOGS, now=NOW)
    (state,) = bench.engine._models.values()
    assert set(state.cohorts) == {NOW}
    assert bench.count(semconv.METRIC_PROCESSOR_AHEAD) == 49


def test_cohorts_are_as_many_as_the_retention_whatever_outcomes_say_of_their_time() -> None:
    timing = replace(TIMING, retention=72 * HOUR)
    bench = Bench(timing=timing)
    requests = [outcomes(1, "1", SECOND, hour(-place * 2)) for place in range(200)]
    for request in requests:
        bench.take(request, kind=SignalKind.LOGS, now=NOW)
    (state,) = bench.engine._models.values()
    assert len(state.cohorts) <= timing.retention // timing.cohort + 2


@pytest.mark.parametrize("first", ["prediction", "outcome"])
def test_halves_of_an_outcome_are_held_back_too(first: str) -> None:
    bench = Bench()
    join = Join(JoinLimits(30 * 24 * HOUR, 100), lambda key: None, {}, bench.telemetry)
    policy = bench.engine._labels._policy
    bench.engine = Engine(TIMING, bench.engine._baselines, policy, 1_000, bench.telemetry, {}, join)
    writer = Writer()
    made = writer.event(
        semconv.EVENT_PREDICTION,
        NOW,
        ml__prediction__id="a",
        ml__prediction__time=NEXT_CENTURY,
        ml__prediction__class="1",
        ml__prediction__score=0.9,
    )
    wrong = writer.event(semconv.EVENT_FEEDBACK, NEXT_CENTURY, ml__prediction__id="a", ml__feedback__actual="0")
    right = writer.event(semconv.EVENT_FEEDBACK, NOW + MINUTE, ml__prediction__id="a", ml__feedback__actual="1")
    for event in (made, wrong) if first == "prediction" else (wrong, made):
        bench.engine.apply(windowing.decode(SignalKind.LOGS, writer.logs(event), HOUR), NOW)
    bench.engine.apply(windowing.decode(SignalKind.LOGS, writer.logs(right), HOUR), NOW + MINUTE)
    assert bench.count(semconv.METRIC_PROCESSOR_AHEAD) == 2
    assert accuracy(bench.engine.advance(NOW + 3 * HOUR)) == (1.0, 1)


def test_windows_ahead_are_bounded_and_the_farthest_goes() -> None:
    bench = Bench(limits=Limits(windows_ahead=3))
    writer = Writer(baseline=baseline().id)
    ahead = [flush(rows(10, 1), hour(at), writer, length=SECOND) for at in (500, 400, 300, 200, 600)]
    bench.take(*ahead, now=hour(0))
    state = next(iter(bench.engine._models.values()))
    assert sorted(state.windows) == [hour(200), hour(300), hour(400)]
    (lost,) = [
        (dict(of), number)
        for (name, of), number in bench.telemetry.counts().items()
        if name == semconv.METRIC_PROCESSOR_DROPPED
    ]
    each = bench.count(semconv.METRIC_PROCESSOR_ACCEPTED) // 4  # the first window had been taken in before it went
    assert lost == ({semconv.REASON: "windows_ahead", semconv.MODEL_NAME: "credit-risk"}, 2 * each)
    gone = [json.loads(key)[3] for key, data in bench.engine.dirty().items() if data is None and '"window"' in key]
    assert gone == [hour(500)]


def test_what_lies_in_the_past_needs_no_room() -> None:
    bench = Bench(limits=Limits(windows_ahead=3))
    writer = Writer(baseline=baseline().id)
    for at in range(20):
        bench.engine.apply(
            windowing.decode(SignalKind.METRICS, flush(rows(10, 1), hour(at), writer, length=SECOND), HOUR), hour(30)
        )
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == 0
