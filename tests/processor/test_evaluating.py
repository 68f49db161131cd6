"""Closing a window estimates performance; labels measure it, and how far groups lie apart."""

from dataclasses import replace

import numpy as np
import pytest

from tests.processor.models import baseline, hour, rows
from tests.processor.requests import HOUR, SECOND
from tests.processor.test_engine import LATER, TIMING, Bench, hours
from tidegauge import semconv
from tidegauge_processor.evaluating import evaluate_cohort, learn_arrivals
from tidegauge_processor.otlp import attributes, encode
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import EvaluationSignal, FairnessSignal, ReliabilitySignal
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.models import ModelState

KEY = ModelKey("credit-risk", "7")


def cohort(number: int, seed: int, noise: float = 0.0, unfair: float = 0.0) -> Cohort:
    """Labels of the credit model: ``noise`` turns so many of them round, ``unfair`` selects in the south by force."""
    random, found, df = np.random.default_rng(seed), Cohort(), rows(number, seed)
    for row, (score, label) in enumerate(zip(df["score"].tolist(), df["label"].tolist(), strict=True)):
        where = ("north", "south")[row % 2]
        actual = 1 - label if random.random() < noise else label
        chosen = score >= 0.5 or (where == "south" and random.random() < unfair)
        made = hour(0) + row
        found.add(
            Outcome(str(row), made, made + HOUR, str(int(chosen)), score, None, str(actual), (("region", where),))
        )
    return found


def evaluate(found: Cohort, memory: Memory):
    end = hour(0) + 24 * HOUR
    of = found.table(), hour(0), end, baseline(), memory
    return evaluate_cohort(KEY, *of, predictions=2 * found.labels).signals


def test_a_closed_window_has_an_estimate_that_labels_bear_out() -> None:
    bench = Bench()
    said = bench.take(*hours(0, 0, 0, number=2_000))
    found = {each.name: each for each in said if isinstance(each, EvaluationSignal) and each.subject.start == hour(0)}
    assert {each.type for each in found.values()} == {"estimated"}
    truth = rows(2_000, seed=10)
    right = ((truth["score"] >= 0.5) == truth["label"]).mean()
    assert found["accuracy"].lower <= right <= found["accuracy"].upper
    assert found["roc_auc"].value == pytest.approx(baseline().performance["roc_auc"], abs=0.03)
    standing = [each for each in bench.engine.standing(0) if isinstance(each, EvaluationSignal)]
    assert sorted(each.name for each in standing) == sorted(found)


def test_labels_measure_all_rows_and_each_slice() -> None:
    said = evaluate(cohort(1_000, 3), Memory())
    found = [each for each in said if isinstance(each, EvaluationSignal)]
    assert {each.segment for each in found} == {None, ("region", "north"), ("region", "south")}
    assert {(each.type, each.completeness) for each in found} == {("realized", 0.5)}
    fair = {each.rate: each for each in said if isinstance(each, FairnessSignal)}
    assert set(fair) == {"selection_rate", "true_positive_rate", "false_positive_rate"}
    assert all(each.segment == "region" and each.lower <= each.value <= each.upper for each in fair.values())
    metrics = b"".join(encode.metrics(attributes.resource({}), said, 0))
    assert semconv.METRIC_FAIRNESS_DIFFERENCE.encode() in metrics
    assert semconv.METRIC_EVALUATION_COMPLETENESS.encode() in metrics
    curve = [each for each in said if isinstance(each, ReliabilitySignal)]
    assert len(curve) >= 8
    assert sum(each.labels for each in curve) == 1_000
    assert all(each.lower <= each.value <= each.upper for each in curve)
    assert metrics.count(semconv.RELIABILITY_BIN.encode()) == 5 * len(curve)


def test_young_labels_are_weighed_and_the_plain_number_stands_beside() -> None:
    mature = cohort(4_000, 9).table()
    memory = Memory()
    learn_arrivals([(mature, slice(None))], baseline(), memory)
    memory.label_watermark = hour(0) + 3 * HOUR
    said = evaluate(cohort(500, 10), memory)
    found = {each.name: each for each in said if isinstance(each, EvaluationSignal) and each.segment is None}
    accuracy = found["accuracy"]
    assert accuracy.unweighted == pytest.approx(accuracy.value)  # all labels arrive within an hour
    assert accuracy.lower < accuracy.value < accuracy.upper
    assert (accuracy.type, accuracy.labels, accuracy.completeness) == ("realized", 500, 0.5)


def test_the_engine_counts_predictions_and_learns_arrivals() -> None:
    timing = replace(TIMING, retention=6 * HOUR)
    bench = Bench(timing=timing)
    bench.take(*hours(0, 0, number=900))
    state = ModelState(KEY)
    for start in (hour(0), hour(1), hour(2), hour(9)):
        for row in range(500):
            state.add_outcome(
                Outcome(f"{start}-{row}", start, start + SECOND * row, "1", 0.7, None, str(row % 2)), timing, LATER
            )
    shown = state.arrivals_shown(timing, hour(4))  # a third of the time that cohorts get, and all of it
    assert [bins for _, bins in shown] == [slice(0, shown[0][1].stop), slice(0, shown[1][1].stop)]
    assert state.arrivals_shown(timing, hour(4)) == []
    learn_arrivals([(each.table(), bins) for each, bins in shown], baseline(), state.memory)
    later = state.arrivals_shown(timing, hour(20))
    assert [bins.start for _, bins in later] == [shown[0][1].stop, shown[1][1].stop, 0, 0]
    assert len({bins.stop for _, bins in later}) == 1  # all of them took labels for as long as they may
    assert state.arrivals_shown(timing, hour(90)) == []
    memory = Memory.load(state.memory.dump())
    assert memory.arrivals.share("1", np.array([250 * SECOND])) == pytest.approx(0.5, abs=0.05)
    state.predictions(hour(0), 900, timing)
    assert state.predicted(hour(0), timing) is None  # its window may not have closed
    state.memory.closed_until = hour(1)
    assert state.predicted(hour(0), timing) == 900
