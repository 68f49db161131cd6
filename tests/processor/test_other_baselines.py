"""Rows of one version that come with several baselines: added up where the cells are the same, else said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tests.processor.test_engine import TIMING, states
from tests.processor.test_learning import unreferenced
from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge.summaries import NumericSummary
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp import attributes, encode_events
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import BaselineSignal, ConflictSignal, Signal, WindowSignal
from tidegauge_processor.state.learning import NOTHING_LEARNED, LearningRule
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy

LATER = hour(10_000)


@cache
def same_cells() -> Baseline:
    """Another baseline of the same version that counts in the same cells."""
    return replace(baseline(), metadata={"refit": "2026-12"})


@cache
def other_cells() -> Baseline:
    """One that was fitted again, on other rows, and so has other bins."""
    df = rows(5_000, seed=2, shift=0.1)
    return Baseline.fit(df, model="credit-risk", version="7", task="binary", score="score", label="label")


class Bench:
    """An engine that knows several baselines, and what it counts."""

    def __init__(self, *known: Baseline, learning: LearningRule = NOTHING_LEARNED) -> None:
        self.telemetry = Telemetry()
        shelf = Baselines({each.id: each for each in known})
        policy = Policy(scales=(1, 3))
        self.engine = Engine(TIMING, shelf, lambda _: policy, 1_000, self.telemetry, {}, None, learning)

    def apply(self, *requests: bytes) -> None:
        for request in requests:
            self.engine.apply(windowing.decode(SignalKind.METRICS, request, HOUR), LATER)

    def take(self, *requests: bytes) -> list[Signal]:
        """Apply requests, and close all windows: nobody is waited for any more."""
        self.apply(*requests)
        return self.engine.advance(LATER + TIMING.idle)

    def count(self, name: str, reason: str = "") -> int:
        counts = self.telemetry.counts()
        return sum(n for (counted, of), n in counts.items() if counted == name and (not reason or reason in str(of)))


def sent(known: Baseline | str, at: int, number: int, seed: int, shift: float = 0.0, instance: str = "") -> bytes:
    """Rows of an hour, counted by ``known`` but on the bins of `baseline` where that is only an id."""
    id = known if isinstance(known, str) else known.id
    writer = Writer(instance=instance or f"writer-{id}", baseline=id)
    return flush(rows(number, seed, shift), hour(at), writer)


def refitted(at: int, number: int, seed: int, shift: float = 0.0, **writer: str) -> bytes:
    """Rows of an hour, counted by `other_cells` on its own bins."""
    known = other_cells()
    writing, df = Writer(**{"instance": "refitted", "baseline": known.id, **writer}), rows(number, seed, shift)
    interval = hour(at), hour(at) + 600 * SECOND
    income = known.feature("income")
    values = NumericSummary.of(df["income"].to_numpy(), income.bins)  # type: ignore[union-attr]
    return writing.metrics(
        writing.histogram(semconv.METRIC_FEATURE_VALUE, values, *interval, ml__feature__name="income"),
        writing.counter(semconv.METRIC_PREDICTIONS, number, *interval, ml__prediction__class="0"),
    )


def windows(said: Iterable[Signal]) -> list[WindowSignal]:
    return [signal for signal in said if isinstance(signal, WindowSignal)]


def conflicts(said: Iterable[Signal]) -> list[ConflictSignal]:
    return [signal for signal in said if isinstance(signal, ConflictSignal)]


def test_rows_of_a_rolling_deployment_add_up_where_the_cells_are_the_same() -> None:
    bench = Bench(baseline(), same_cells())
    said = bench.take(
        *(
            request
            for at in range(3)
            for request in (
                sent(same_cells(), at, 550, seed=at),
                sent(baseline(), at, 450, seed=50 + at, shift=3.0),
            )
        )
    )
    assert states(said, "feature")["income"] == [State.MATERIAL] * 3
    assert [(found.rows, found.completeness) for found in windows(said)] == [(1000, None)] * 3
    assert not conflicts(said)
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == 0


def test_what_was_counted_in_other_cells_is_counted_said_and_lowers_completeness() -> None:
    bench = Bench(baseline(), other_cells())
    said = bench.take(sent(baseline(), 0, 600, 1), refitted(0, 200, 2))
    (conflict,) = conflicts(said)
    assert (conflict.subject.baseline, conflict.other, conflict.rows) == (baseline().id, other_cells().id, 200)
    assert "income" in conflict.streams
    (window,) = windows(said)
    assert (window.rows, window.completeness) == (800, 0.75)
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED, "other_baseline") == 200


def test_a_conflict_is_said_once_a_window_and_pair_as_an_event() -> None:
    bench = Bench(baseline(), other_cells())
    said = bench.take(
        sent(baseline(), 0, 600, 1),
        *(refitted(0, 200, 2, instance=f"r{place}") for place in range(3)),
        sent("of nobody", 0, 100, 3),
        sent("", 0, 50, 4, instance="none"),
    )
    found = conflicts(said)
    assert [(each.other, each.rows) for each in found] == [(other_cells().id, 600), ("of nobody", 100), ("", 50)]
    data = encode_events.events(attributes.resource({}), found, 9)
    for text in (b"ml.baseline.conflict", b"ml.baseline.other", b"100 rows came with baseline of nobody"):
        assert text in data
    assert b"50 rows came without a baseline" in data


def test_a_baseline_is_in_use_by_what_came_with_it_and_not_by_what_a_few_points_claim() -> None:
    bench = Bench(baseline(), other_cells())
    bench.apply(sent(baseline(), 0, 400, 0))
    evil = Writer(instance="evil", baseline=other_cells().id)
    interval = hour(1), hour(1) + SECOND
    claim = evil.counter(semconv.METRIC_PREDICTIONS, 2**40, *interval, ml__prediction__class="0")
    said = bench.take(sent(baseline(), 1, 400, 1, shift=2.0), evil.metrics(claim))
    assert not [signal for signal in said if isinstance(signal, BaselineSignal) and signal.previous]
    assert states(said, "feature")["income"][-1] is State.MATERIAL
    assert [conflict.other for conflict in conflicts(said)] == [other_cells().id]


def test_a_few_points_with_a_baseline_do_not_end_what_is_being_learned() -> None:
    rule = LearningRule(4 * HOUR, 100)
    bench = Bench(baseline(), learning=rule)
    evil = Writer(instance="evil", baseline=baseline().id)
    requests = []
    for at in range(6):
        requests.append(unreferenced(hour(at), at))
        point = evil.counter(semconv.METRIC_PREDICTIONS, 1, hour(at), hour(at) + SECOND, ml__prediction__class="0")
        requests.append(evil.metrics(point))
    said = bench.take(*requests)
    learned = [signal.learned for signal in said if isinstance(signal, BaselineSignal) and signal.learned]
    assert len(learned) == 1
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED, "other_baseline") == 6
    (later,) = {signal.subject.baseline for signal in said if isinstance(signal, WindowSignal)} - {""}
    assert later == learned[0].id


def test_the_one_in_force_stays_until_another_has_twice_its_rows() -> None:
    bench = Bench(baseline(), other_cells())
    said = bench.take(
        sent(baseline(), 0, 600, 0),
        *(request for at, (old, new) in enumerate([(500, 600), (300, 700), (0, 900)], 1)
          for request in ([sent(baseline(), at, old, at)] if old else []) + [refitted(at, new, at)]),
    )  # fmt: skip
    assert [found.subject.baseline for found in windows(said)] == [baseline().id] * 2 + [other_cells().id] * 2
    assert [found.completeness for found in windows(said)] == [None, pytest.approx(500 / 1100), 0.7, None]


def test_a_known_baseline_goes_before_one_that_nobody_has_published() -> None:
    bench = Bench(baseline())
    said = bench.take(sent("unheard of", 0, 900, 0), sent(baseline(), 0, 300, 1))
    assert [(found.subject.baseline, found.completeness) for found in windows(said)] == [(baseline().id, 0.25)]
    assert states(said, "feature")["income"] == [State.OK]


def test_rows_with_a_baseline_that_nobody_knows_are_counted() -> None:
    bench = Bench(baseline())
    bench.take(sent("unheard of", 0, 900, 0))
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED, "unknown_baseline") == 900


def test_cumulative_points_and_a_restart_choose_alike() -> None:
    def requests() -> list[bytes]:
        return [
            sent(baseline(), 0, 400, 0),
            refitted(0, 9_000, 1, instance="one"),
            flush(rows(10, 3), hour(0), Writer("c", baseline=baseline().id, temporality=CUMULATIVE)),
        ]

    straight, cut = Bench(baseline(), other_cells()), Bench(baseline(), other_cells())
    cut.apply(*requests()[:2])
    units = {key: data for key, data in cut.engine.dirty().items() if data is not None}
    again = Bench(baseline(), other_cells())
    policy = Policy(scales=(1, 3))
    shelf = Baselines({each.id: each for each in (baseline(), other_cells())})
    again.engine = Engine(TIMING, shelf, lambda _: policy, 1_000, again.telemetry, units)
    assert windows(again.take(requests()[2])) == windows(straight.take(*requests()))


def test_joint_errors_add_up_only_where_the_components_are_the_same() -> None:
    df = rows(2_000, 4)
    df["second"] = df["income"] * 0.5 + np.random.default_rng(5).normal(size=len(df))
    one = Baseline.fit(df, model="credit-risk", version="7", task="binary", score="score")
    assert one.joint is not None
    turned = replace(one.joint, components=-one.joint.components[:, ::-1])
    bench = Bench(one, other := replace(one, joint=turned))
    requests = []
    for known, instance in ((one, "a"), (other, "b")):
        writer = Writer(instance=instance, baseline=known.id)
        errors = NumericSummary.of(np.ones(100), one.joint.error.bins)
        point = writer.histogram(semconv.METRIC_RECONSTRUCTION_ERROR, errors, hour(0), hour(0) + SECOND)
        requests.append(writer.metrics(point))
    said = bench.take(*requests)
    (conflict,) = conflicts(said)
    assert (conflict.rows, conflict.streams) == (100, (semconv.METRIC_RECONSTRUCTION_ERROR,))
