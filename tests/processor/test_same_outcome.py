"""An outcome means the same whoever records it: the predicting process, or one that has never heard of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tidegauge
from tests.processor.models import hour
from tests.processor.requests import SECOND, Writer
from tests.processor.test_engine import LATER, TIMING
from tidegauge import Baseline, ManualClock, semconv
from tidegauge.testing import Captured, capture
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import EvaluationSignal, Signal
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

SCORES = [0.9, 0.8, 0.3, 0.2, 0.7, 0.1]
TRUTH = [1, 0, 0, 0, 1, 1]


def good_or_bad() -> Baseline:
    """Of a model whose second class, which has the place 1, is the good one."""
    score = np.random.default_rng(3).random(2_000)
    frame = pd.DataFrame({"age": score, "score": score, "was": np.where(score > 0.5, "good", "bad")})
    return Baseline.fit(frame, model="m", version="1", task="binary", score="score", label="was")


class Bench:
    """An engine that hears of one model."""

    def __init__(self, baseline: Baseline | None = None) -> None:
        self._known = Baselines({} if baseline is None else {baseline.id: baseline})
        self.telemetry = Telemetry()
        self._engine = self._make({})

    def take(self, events: Sequence[Mapping[str, Any]], now: int = LATER) -> list[Signal]:
        records = [Writer().event(event["name"], hour(1), **event["attributes"]) for event in events]
        self._engine.apply(windowing.decode(SignalKind.LOGS, Writer().logs(*records), TIMING.window), now)
        return self._engine.advance(now)

    def take_span(self, **labels: Any) -> None:
        span = Writer(model="m", version="1").span(1, hour(0), [], [], **labels)
        self._engine.apply(windowing.decode(SignalKind.TRACES, Writer().spans(span), TIMING.window), LATER)

    def advance(self, now: int) -> list[Signal]:
        return self._engine.advance(now)

    def restart(self) -> None:
        self._engine = self._make({key: data for key, data in self._engine.dirty().items() if data is not None})

    def _make(self, units: dict[str, bytes]) -> Engine:
        return Engine(TIMING, self._known, lambda _: Policy(), 1_000, self.telemetry, units)


def evaluations(said: Sequence[Signal]) -> dict[tuple[str, str], float]:
    return {(each.name, each.klass): each.value for each in said if isinstance(each, EvaluationSignal)}


def receipts(said: Sequence[Any], baseline: Baseline | None = None, **options: Any) -> tuple[list[str], Captured]:
    """Of predictions in a process of their own, and what that process sent."""
    with capture(clock=ManualClock(hour(0))) as seen:
        with tidegauge.prediction("m", version="1", baseline=baseline, **options) as p:
            p.output(said)
        return p.receipts, seen


def feedback(seen: Captured) -> list[Mapping[str, Any]]:
    return [event for event in seen.events if event["name"] == semconv.EVENT_FEEDBACK]


def told_elsewhere(given: Sequence[str], actual: Sequence[Any]) -> list[Mapping[str, Any]]:
    """What a process sends that has receipts and nothing else."""
    with capture(clock=ManualClock(hour(1))) as seen:
        found = tidegauge.record_outcomes({"receipt": given, "actual": actual})
        assert found.refused == ()
        return feedback(seen)


SPELLED = [
    *(("bad", "good"), (0, 1), (0.0, 1.0), (Decimal(0), Decimal(1)), (False, True), (np.False_, np.True_)),
    *(("0", "1"), ("False", "True")),
]


@pytest.mark.parametrize("spelled", SPELLED, ids=repr)
def test_a_class_is_named_or_has_its_place_among_those_of_the_baseline(spelled: tuple[Any, Any]) -> None:
    known, actual = good_or_bad(), [spelled[each] for each in TRUTH]
    with capture(clock=ManualClock(hour(0))) as seen:
        with tidegauge.prediction("m", version="1", baseline=known) as p:
            p.output(SCORES)
        for receipt, each in zip(p.receipts, actual, strict=True):
            tidegauge.record_outcome(receipt, actual=each)
    here = Bench(known).take(feedback(seen))
    elsewhere = Bench(known).take(told_elsewhere(p.receipts, actual))
    found = evaluations(here)
    assert found == evaluations(elsewhere)
    assert found["mean_label", ""] == 0.5
    assert found["accuracy", ""] == pytest.approx(4 / 6)


PREDICTED = [
    pytest.param(SCORES, "binary", TRUTH, ("brier", ""), id="binary"),
    pytest.param([True, False], None, [True, True], ("recall", ""), id="truths"),
    pytest.param([3.5, 4.5], "regression", [3.0, 5.0], ("mae", ""), id="regression"),
    pytest.param(["bus", "car", "walk"], None, ["bus", "walk", "walk"], ("recall", "walk"), id="multiclass"),
    pytest.param([-0.5, 3.5, 2.5], "anomaly", [0, 1, 0], ("roc_auc", ""), id="anomaly"),
]


@pytest.mark.parametrize(("said", "task", "truth", "measured"), PREDICTED)
def test_without_a_baseline_and_without_anybody_who_says_the_task(
    said: list[Any], task: str | None, truth: list[Any], measured: tuple[str, str]
) -> None:
    given, _ = receipts(said, task=task)
    found = evaluations(Bench().take(told_elsewhere(given, truth)))
    assert measured in found


def test_which_class_is_positive_is_known_from_scores_as_soon_as_they_tell() -> None:
    given, _ = receipts([{"class": "good" if score > 0.5 else "bad", "score": score} for score in SCORES])
    truth, bench = ["good" if each else "bad" for each in TRUTH], Bench()
    first = evaluations(bench.take(told_elsewhere(given[:2], truth[:2])))
    assert ("accuracy", "") in first
    assert ("brier", "") not in first
    bench.restart()
    later = evaluations(bench.take(told_elsewhere(given[2:], truth[2:]), LATER + 61 * SECOND))
    assert later["mean_label", ""] == 0.5
    assert ("brier", "") in later


def test_what_nobody_knows_is_said_once_and_measured_when_a_span_says_it(caplog: pytest.LogCaptureFixture) -> None:
    def event(number: int) -> Mapping[str, Any]:
        labels: dict[str, Any] = {semconv.MODEL_NAME: "m", semconv.MODEL_VERSION: "1"}
        labels |= {semconv.PREDICTION_ID: f"item-{number}", semconv.PREDICTION_TIME: hour(0)}
        labels |= {semconv.PREDICTION_SCORE: number / 4, semconv.FEEDBACK_ACTUAL: float(number % 2)}
        return {"name": semconv.EVENT_FEEDBACK, "attributes": labels}

    bench = Bench()
    assert evaluations(bench.take([event(0), event(1)])) == {}
    assert evaluations(bench.take([event(2), event(3)], LATER + 61 * SECOND)) == {}
    (message,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert message.startswith("m 1: outcomes are kept and not measured, since nobody has said what the model does")
    assert "name its task= where it is monitored" in message
    bench.take_span(ml__task__type="clasification")
    assert evaluations(bench.advance(LATER + 200 * SECOND)) == {}
    bench.take_span(ml__task__type="anomaly")
    assert evaluations(bench.advance(LATER + 300 * SECOND))["roc_auc", ""] == 0.75


def test_the_task_is_read_from_spans_of_the_sdk_though_they_are_for_looking_at() -> None:
    span = Writer(model="m", version="1").span(1, hour(0), [], [], ml__task__type="anomaly")
    for scope in (semconv.SCOPE_NAME, "another"):
        found = windowing.decode(SignalKind.TRACES, Writer(scope=scope).spans(span), TIMING.window)
        assert found.tasks == {("m", "1"): "anomaly"}
