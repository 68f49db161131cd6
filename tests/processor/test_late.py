"""What comes when its window has closed still counts in merged windows, once, and is said to be late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.processor.live import MINUTE, TIMING, Application, Live, at
from tests.processor.models import baseline
from tests.processor.requests import CUMULATIVE, Writer
from tidegauge import semconv
from tidegauge.summaries import NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import DriftSignal, EvaluationSignal, RateSignal, Signal, TotalsSignal
from tidegauge_processor.verdicts.state import State

LATE = semconv.METRIC_PROCESSOR_LATE


def impatient(folder: Path) -> Live:
    """Nothing waits, so that what is under way comes late."""
    return Live(folder, replace(TIMING, hold=0))


def minute(live: Live, writer: Application, number: int, rows: int = 40, shift: float = 0.0) -> list[Signal]:
    request = writer.interval(rows, at(60 * number), at(60 * number + 60), shift=shift, seed=number + 1)
    return live.take(request, now=at(60 * number + 61))


def income(said: list[Signal], window: str, versus: str = "") -> list[DriftSignal]:
    found = [each for each in said if isinstance(each, DriftSignal)]
    return [
        each
        for each in found
        if (each.name, each.target, each.window, each.versus) == ("income", "feature", window, versus)
    ]


def test_late_rows_count_in_merged_windows_and_the_verdict_is_not_repeated(tmp_path: Path) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    for number in range(3):
        minute(live, fast, number)
    late = slow.interval(300, at(60), at(120), shift=1.0)
    assert live.take(late, now=at(182)) == []
    assert live.count(LATE, "merged") == live.count(LATE) > 0
    assert live.counted == 40 + 40 + 300

    said = minute(live, fast, 3)
    (merged,) = income(said, "3m")
    assert (merged.rows, merged.state) == (3 * 40 + 300, State.MATERIAL)
    assert (merged.subject.start, merged.subject.end) == (at(0), at(180))
    assert [each.rows for each in income(said, "1m")] == [40]
    assert live.counted == 3 * 40 + 300
    assert {number: signal.rows for number, signal in live.windows.items()} == {0: 40, 1: 40, 2: 40}


def test_late_rows_count_once_over_restarts(tmp_path: Path) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    for number in range(3):
        minute(live, fast, number)
    first, second = slow.interval(30, at(60), at(90)), slow.interval(20, at(90), at(120))
    live.take(first, now=at(182))
    for kill in (True, False):
        live.end(kill=kill)
        live.begin(at(183))
        live.take(first, second, now=at(184))
    assert live.counted == 40 + 40 + 50
    assert live.count(LATE) == 0
    assert live.count(semconv.METRIC_PROCESSOR_DUPLICATE) > 0
    overlapping = Application("slow").interval(9, at(50), at(70))
    live.take(overlapping, now=at(185))
    assert live.counted == 40 + 40 + 50
    assert live.count(semconv.METRIC_PROCESSOR_DROPPED, "malformed") > 0


def test_a_window_that_nobody_had_data_of_in_time_is_filled(tmp_path: Path) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    for number in (0, 3, 4):
        minute(live, fast, number)
    live.take(slow.interval(25, at(120), at(180)), now=at(302))
    assert live.counted == 40 + 40 + 25
    (merged,) = income(minute(live, fast, 5), "3m")
    assert merged.rows == 25 + 40 + 40  # windows 2 to 4
    assert live.count(LATE) == live.count(LATE, "merged")


@pytest.mark.parametrize(("rows", "number"), [(40, 8), (40, 1), (0, 8)], ids=["rows", "old rows", "only a count"])
def test_what_is_too_old_to_be_merged_is_lost_and_said_so(tmp_path: Path, rows: int, number: int) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    for minutes in range(12):
        minute(live, fast, minutes)
    times = at(60 * number), at(60 * number + 60)
    live.take(slow.interval(rows, *times) if rows else slow.count(times[1]), now=at(722))
    assert live.count(LATE, "late") == live.count(LATE) > 0
    assert live.counted == 11 * 40
    live.take(slow.interval(30, at(540), at(600)), now=at(723))  # the oldest that is merged with the next one
    assert live.counted == 11 * 40 + 30


def test_where_nobody_knows_what_a_window_has_counted_nothing_counts_twice(tmp_path: Path) -> None:
    """An earlier build has closed it."""
    live, fast = impatient(tmp_path), Application("fast")
    requests = [fast.interval(40, at(60 * number), at(60 * number + 60)) for number in range(3)]
    live.take(*requests, now=at(181))
    live.state.closed.windows.clear()
    live.take(requests[1], now=at(182))
    assert live.count(LATE, "late") == live.count(LATE) > 0
    assert live.counted == 80


def test_spans_and_other_cumulative_points_of_closed_windows_are_lost(tmp_path: Path) -> None:
    live, fast = impatient(tmp_path), Application("fast")
    for number in range(3):
        minute(live, fast, number)
    other = Writer("other")
    live.take(other.spans(other.span(1, at(61), ["income"], [0.5])), now=at(182), kind=SignalKind.TRACES)
    total = Writer("other", temporality=CUMULATIVE)
    live.take(total.metrics(total.counter(semconv.METRIC_PREDICTIONS, 5, at(61), at(70))), now=at(182))
    assert live.count(LATE, "late") == live.count(LATE) == 2


def test_rows_in_the_bins_of_another_baseline_are_lost(tmp_path: Path) -> None:
    live, fast = impatient(tmp_path), Application("fast")
    for number in range(3):
        minute(live, fast, number)
    other = Writer("other", baseline="a" * 32)
    point = other.counter(semconv.METRIC_PREDICTIONS, 5, at(61), at(70), ml__prediction__class="1")
    live.take(other.metrics(point), now=at(182))
    assert live.count(LATE, "late") == live.count(LATE) == 1
    assert live.counted == 80


def test_late_rows_are_no_longer_missing_from_the_windows_after(tmp_path: Path) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    minute(live, slow, 0)
    first, second = slow.interval(30, at(60), at(90)), slow.interval(20, at(90), at(120))
    live.take(first, now=at(91))
    for number in (1, 2):
        minute(live, fast, number)
    assert live.windows[1].completeness == 1.0  # nobody has told of the rest
    live.take(second, now=at(182))
    minute(live, slow, 2)
    minute(live, fast, 3)
    assert live.windows[2].completeness == 1.0
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 0


def test_late_violations_and_durations_are_taken_up(tmp_path: Path) -> None:
    live, fast = impatient(tmp_path), Application("fast")
    for number in range(3):
        minute(live, fast, number)
    other = Writer("other", baseline=baseline().id)
    labels = {"ml__feature__name": "income", "ml__data_quality__violation__type": "missing"}
    late = other.counter(semconv.METRIC_VIOLATIONS, 30, at(61), at(70), **labels)
    live.take(other.metrics(late), now=at(182))
    said = minute(live, fast, 3)
    rates = [each for each in said if isinstance(each, RateSignal) and each.metric == semconv.METRIC_VIOLATION_RATE]
    assert [each.value for each in rates] == [0.0]  # of this window; the kind is watched from now on
    judged = [
        each for each in said if isinstance(each, DriftSignal) and each.detail == "missing" and each.window == "3m"
    ]
    assert [(each.rows, each.state) for each in judged] == [(150, State.MATERIAL)]


def test_late_calls_are_in_the_totals(tmp_path: Path) -> None:
    live, fast = impatient(tmp_path), Application("fast")
    for number in range(3):
        minute(live, fast, number)
    calls = NumericSummary.of(np.full(7, 0.05), Bins(np.array([0.1, 1.0])))
    other = Writer("other")
    late = other.histogram(semconv.METRIC_PREDICTION_DURATION, calls, at(61), at(70), error__type="ValueError")
    live.take(other.metrics(late), now=at(182))
    minute(live, fast, 3)
    (totals,) = [each for each in live.engine.standing(0) if isinstance(each, TotalsSignal)]
    assert {error: sum(each.counts) for error, each in totals.durations.items()} == {"ValueError": 7}


def test_late_rows_of_a_cohort_are_predictions_of_it(tmp_path: Path) -> None:
    live = Live(tmp_path, replace(TIMING, hold=0, cohort=3 * MINUTE))
    fast = Application("fast")
    for number in range(3):
        minute(live, fast, number)
    other = Writer("other", baseline=baseline().id)
    groups = [
        other.counter(
            semconv.METRIC_PREDICTIONS, 30, at(61), at(70), ml__prediction__class=klass, ml__segment__region=region
        )
        for klass in "01"
        for region in ("north", "south")
    ]
    live.take(other.metrics(*groups), now=at(182))
    minute(live, fast, 3)
    assert live.state.predicted(at(0), replace(TIMING, cohort=3 * MINUTE)) == 3 * 40 + 120
    rates = [each for each in live.said if isinstance(each, EvaluationSignal) and each.name == "selection_rate"]
    assert {(each.segment, each.labels) for each in rates} == {(("region", "north"), 60), (("region", "south"), 60)}


def test_late_rows_count_for_the_effect_and_the_champion(tmp_path: Path) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    for number in range(3):
        minute(live, fast, number)
    live.take(slow.interval(25, at(60), at(120)), now=at(182))
    memory = live.state.memory
    assert dict(memory.recent) == {at(0): 40, at(60): 65}
    assert [int(memory.expected[at(60 * number)].rows.sum()) for number in (0, 1)] == [40, 65]


def test_late_rows_of_a_challenger_are_compared_too(tmp_path: Path) -> None:
    live = impatient(tmp_path)
    champion, challenger = Application("seven"), Application("eight", version="8")
    late = Application("late eight", version="8")
    for number in range(8):
        minute(live, champion, number, rows=200)
        minute(live, challenger, number, rows=50)
        if number == 6:
            live.take(late.interval(60, at(240), at(300)), now=at(422))
    last = income(live.said, "3m", versus="7")[-1]
    assert (last.subject.start, last.subject.end, last.rows) == (at(240), at(420), 3 * 50 + 60)


def test_streams_without_end_are_bounded(tmp_path: Path) -> None:
    live, fast = impatient(tmp_path), Application("fast")
    for number in range(3):
        minute(live, fast, number)
    other = Writer("other", baseline=baseline().id)
    points = [
        other.counter(semconv.METRIC_PREDICTIONS, 1, at(61), at(70), ml__segment__user=str(number))
        for number in range(10_050)
    ]
    live.take(other.metrics(*points), now=at(182))
    assert live.count(LATE, "merged") == 10_000
    assert live.count(semconv.METRIC_PROCESSOR_DROPPED, "overflow") == 50


def test_what_a_closed_window_counted_is_forgotten_with_it(tmp_path: Path) -> None:
    live, fast = impatient(tmp_path), Application("fast")
    for number in range(20):
        minute(live, fast, number)
    history = {each.start for each in live.state.memory.history}
    assert live.state.closed.windows.keys() == history
    live.end(kill=False)
    live.begin(at(1_300))
    assert live.state.closed.windows.keys() == history
    assert len([key for key in live.stored if '"closed"' in key]) == len(history)


def test_totals_that_stand_know_of_late_rows(tmp_path: Path) -> None:
    live, fast, slow = impatient(tmp_path), Application("fast"), Application("slow")
    for number in range(3):
        minute(live, fast, number)
    live.take(slow.interval(25, at(60), at(120)), now=at(182))
    (standing,) = [each for each in live.engine.standing(0) if isinstance(each, TotalsSignal)]
    assert standing.rows == 105
