"""A stranger who writes about a model blinds nobody: what is wrong with his points is his loss."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import CUMULATIVE, DELTA, HOUR, SECOND, Writer
from tests.processor.test_engine import LATER, TIMING, Bench, states
from tests.processor.test_learning import unreferenced
from tests.processor.test_other_baselines import Bench as Learner
from tests.processor.test_other_baselines import other_cells
from tidegauge import semconv
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import BaselineSignal, RateSignal, Signal, WindowSignal
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy

ONE_BIN = NumericSummary(np.array([0.0]), np.array([0, 1]))
INCOME = {"ml__feature__name": "income"}


def evil(at: int, summary: NumericSummary = ONE_BIN, metric: str = semconv.METRIC_FEATURE_VALUE, **of: object) -> bytes:
    """A histogram of the honest model's, in bins of the stranger's own."""
    labels = INCOME if metric == semconv.METRIC_FEATURE_VALUE else {}
    writer = Writer(**{"instance": "evil", "baseline": baseline().id, **of})  # type: ignore[arg-type]
    return writer.metrics(writer.histogram(metric, summary, hour(at), hour(at) + 600 * SECOND, **labels))


def judged(bench: Bench, *requests: bytes) -> list[Signal]:
    return [*bench.take(*requests), *bench.engine.advance(LATER + TIMING.idle)]


def dropped(bench: Bench | Learner) -> dict[str, int]:
    """Items dropped, by reason."""
    found: dict[str, int] = {}
    for (name, of), number in bench.telemetry.counts().items():
        if name == semconv.METRIC_PROCESSOR_DROPPED and number:
            reason = dict(of)[semconv.REASON]
            found[reason] = found.get(reason, 0) + number
    return found


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
@pytest.mark.parametrize("instance", ["evil", "writer-1"])
def test_a_stream_that_a_baseline_declares_takes_only_its_bins(temporality: int, instance: str) -> None:
    bench = Bench()
    said = judged(bench, evil(0, instance=instance, temporality=temporality), flush(rows(400, 1, shift=2.0), hour(0)))
    assert states(said, "feature")["income"] == [State.MATERIAL]
    assert dropped(bench) == {"other_bins": 1}


@pytest.mark.parametrize(
    "metric", [semconv.METRIC_PREDICTION_SCORE, semconv.METRIC_RECONSTRUCTION_ERROR, semconv.METRIC_FEATURE_VALUE]
)
def test_every_histogram_of_a_baseline_is_declared(metric: str) -> None:
    bench = Bench()
    judged(bench, evil(0, metric=metric))
    assert dropped(bench) == {"other_bins": 1}


def test_exponential_bins_are_none_of_a_baseline() -> None:
    bench = Bench()
    writer = Writer(instance="evil", baseline=baseline().id)
    values = ExponentialSummary.of(np.array([1.0, 2.0]))
    point = writer.exponential(semconv.METRIC_FEATURE_VALUE, values, hour(0), hour(0) + SECOND, **INCOME)
    said = judged(bench, writer.metrics(point), flush(rows(400, 1, shift=2.0), hour(0)))
    assert states(said, "feature")["income"] == [State.MATERIAL]
    assert dropped(bench) == {"other_bins": 1}


def test_what_came_before_the_baseline_was_known_gives_way() -> None:
    bench = Bench()
    bench.engine = Engine(TIMING, Baselines(), lambda _: Policy(scales=(1, 3)), 1_000, bench.telemetry, {})
    bench.take(evil(0))
    published = Writer(instance="publisher")
    labels = {"ml__baseline__id": baseline().id, "ml__baseline__part": 0, "ml__baseline__parts": 1}
    body = gzip.compress(baseline().to_bytes())
    bench.take(
        published.logs(published.event(semconv.EVENT_BASELINE_PUBLISHED, hour(0), body, **labels)), kind=SignalKind.LOGS
    )
    said = judged(bench, flush(rows(400, 1, shift=2.0), hour(0)))
    assert states(said, "feature")["income"] == [State.MATERIAL]


def test_a_learned_baseline_declares_what_comes_without_any() -> None:
    bench = Learner(learning=LearningRule(4 * HOUR, 100))
    bench.take(*(unreferenced(hour(at), at) for at in range(5)))
    bench.apply(evil(6, baseline=""), unreferenced(hour(6), 6, shift=2.0))
    said = bench.engine.advance(LATER + 3 * TIMING.idle)
    assert states(said, "feature")["income"] == [State.MATERIAL]
    assert dropped(bench) == {"other_bins": 1}


def test_bins_of_a_stranger_end_no_learning() -> None:
    bench = Learner(learning=LearningRule(4 * HOUR, 100))
    said = bench.take(*(evil(at, baseline="") for at in range(5)), *(unreferenced(hour(at), at) for at in range(5)))
    (learned,) = [signal.learned for signal in said if isinstance(signal, BaselineSignal) and signal.learned]
    assert int(learned.feature("income").counts.sum()) == 4 * 400
    assert dropped(bench)["other_bins"] == 4


def test_buckets_of_a_stranger_hide_no_errors() -> None:
    bench = Bench()
    honest = Writer()
    seconds = NumericSummary(np.array([0.1, 1.0]), np.array([5, 5, 0]))
    calls = [
        honest.histogram(semconv.METRIC_PREDICTION_DURATION, seconds, hour(0), hour(0) + SECOND, error__type=error)
        for error in ("ValueError", "OSError")
    ]
    said = judged(
        bench,
        evil(0, metric=semconv.METRIC_PREDICTION_DURATION),
        honest.metrics(*calls),
        evil(0, metric=semconv.METRIC_PREDICTION_DURATION, instance="evil-2", baseline=""),
    )
    rates = {
        signal.dimensions.get(semconv.ERROR_TYPE): signal.value
        for signal in said
        if isinstance(signal, RateSignal) and signal.metric == semconv.METRIC_ERROR_RATE
    }
    assert rates[None] == pytest.approx(20 / 22)


def test_an_interval_that_a_stranger_took_shows_as_rows_that_are_missing() -> None:
    """Who writes under the name of a writer takes its place; until there are tokens, only the count tells."""
    bench = Bench()
    honest = Writer("honest", baseline=baseline().id)
    made = Writer("honest", temporality=CUMULATIVE)
    bench.take(
        flush(rows(5, 9), hour(0), honest),
        flush(rows(800, 1), hour(0), honest),
        made.metrics(made.counter(semconv.METRIC_SDK_PREDICTIONS, 800, hour(0), hour(0) + 600 * SECOND)),
    )
    bench.engine.advance(LATER + TIMING.idle)
    said = bench.engine.advance(LATER + TIMING.idle + TIMING.hold)
    (window,) = [signal for signal in said if isinstance(signal, WindowSignal)]
    assert window.completeness is not None
    assert window.completeness < 0.02
    assert bench.count(semconv.METRIC_PROCESSOR_MISSING) > 780


def test_a_baseline_that_a_stranger_publishes_is_not_in_force() -> None:
    bench = Bench()
    judged(bench, flush(rows(400, 1), hour(0)))
    state = next(iter(bench.engine._models.values()))
    shelf = bench.engine._baselines
    shelf.add(other := other_cells())
    assert shelf.of(state.key) == other
    assert shelf.of(state.key, state.memory.baseline) == baseline()
