"""Another baseline in force: whatever was counted in the cells of the one before, or held against it, is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.processor.live import TIMING, Application, Live, at
from tests.processor.models import baseline, rows
from tests.processor.requests import Writer
from tests.processor.restarted import Restarted
from tests.processor.test_learning import RULE, history
from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge_processor.performance.effect import Expected
from tidegauge_processor.performance.judging import Labelled
from tidegauge_processor.signals import BaselineSignal, IncidentSignal, Subject
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.switching import switch_baseline
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.state import CloseReason, State
from tidegauge_processor.verdicts.types import Policy, Stream, TestResult, Verdict, Window

AGE = Stream("feature", "age")
SUBJECT = Subject("credit-risk", "7", baseline().id, "metric", 10, 11)


def alarmed() -> IncidentLog:
    log = IncidentLog()
    alarm = Verdict(AGE, 1, 9, 10, 500, State.MATERIAL, (TestResult("g_test", 50.0, 1e-9),), 1e-6)
    assert log.update([alarm], _window(), Policy())
    return log


def full() -> Memory:
    """What is remembered of windows, cohorts and incidents, all against a baseline called ``before``."""
    memory = Memory()
    memory.baseline = "before"
    memory.history = [_window()]
    memory.expected = {9: Expected(np.ones((2, 3), dtype=np.int64), 0.0, 0)}
    memory.labelled = {0: Labelled((8, 2), np.array([4, 6]), np.array([1, 5]))}
    memory.selected = {0: {"region": {"north": (1, 2)}}}
    memory.incidents, memory.label_incidents, memory.fairness_incidents = alarmed(), alarmed(), alarmed()
    memory.learning.start, memory.learning.rows = 1, 5
    return memory


@pytest.mark.parametrize("learned", [None, baseline()], ids=["made", "learned"])
def test_nothing_that_rests_on_the_baseline_before_is_left(learned: Baseline | None) -> None:
    memory = full()
    changed, *ended = switch_baseline(SUBJECT, memory, learned)
    assert changed == BaselineSignal(SUBJECT, "before", learned)
    assert (memory.baseline, memory.learned) == (baseline().id, baseline().id if learned else "")
    assert (memory.history, memory.expected, memory.labelled, memory.selected) == ([], {}, {}, {})
    assert memory.learning.rows == (0 if learned else 5)  # what is learned is forgotten when a window needs it no more

    found = [each for each in ended if isinstance(each, IncidentSignal)]
    assert [each.cause for each in found] == ["drift", "labels", "fairness"] == [each.cause for each in ended]
    assert {(each.change, each.close_reason) for each in found} == {("closed", CloseReason.BASELINE_CHANGED)}
    assert {each.subject.baseline for each in found} == {"before"}  # it was that one that they were held against
    assert [each.id.rpartition("-")[2] for each in found] == [f"{9:016x}", "labels", "fairness"]
    logs = memory.incidents, memory.label_incidents, memory.fairness_incidents
    assert [log.open for log in logs] == [None] * 3


def test_an_incident_closes_when_another_baseline_arrives(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, replace(TIMING, hold=0)), Application("writer")
    for number in range(3):
        live.take(writer.interval(200, at(60 * number), at(60 * number + 60), shift=1.0), now=at(60 * number + 61))
    opened = [each for each in live.said if isinstance(each, IncidentSignal)]
    assert [each.change for each in opened] == ["opened"]
    moved = Baseline.fit(
        rows(5_000, seed=2, shift=1.0), model="credit-risk", version="7", task="binary", score="score", label="label"
    )
    other = Writer("writer", baseline=moved.id)
    point = other.counter(semconv.METRIC_PREDICTIONS, 100, at(180), at(240), ml__prediction__class="1")
    said = live.take(other.metrics(point), now=at(241))
    said += live.look(at(241) + TIMING.idle)
    assert [
        (each.id, each.change, each.close_reason, each.subject.baseline)
        for each in said
        if isinstance(each, IncidentSignal)
    ] == [(opened[0].id, "closed", CloseReason.BASELINE_CHANGED, baseline().id)]
    assert [each.subject.baseline for each in said if isinstance(each, BaselineSignal)] == [moved.id]


def test_a_baseline_that_is_learned_begins_with_no_labels_of_before() -> None:
    """Cohorts that were counted without it have no bins of it."""
    engine = Restarted(learning=RULE)
    requests = history([0] * 8)
    engine.take(*requests[:2])
    (state,) = engine.engine._models.values()
    state.memory.labelled = {0: Labelled((8, 2), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))}
    state.memory.selected = {0: {"region": {"north": (1, 2)}}}
    said = engine.take(*requests[2:])
    assert [each.learned is not None for each in said if isinstance(each, BaselineSignal)] == [True]
    assert (state.memory.labelled, state.memory.selected) == ({}, {})


def _window() -> Window:
    return Window(9, 10, {AGE: np.array([1, 2])}, np.array([True]))
