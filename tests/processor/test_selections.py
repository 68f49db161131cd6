"""How often groups are selected is known from all predictions, once their windows have closed, whatever labels do."""

from dataclasses import replace

import pytest

from tests.processor.models import baseline, hour, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.test_engine import LATER, TIMING, Bench
from tests.processor.test_evaluating import KEY
from tidegauge import semconv
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import EvaluationSignal, FairnessSignal, IncidentSignal, Signal
from tidegauge_processor.state.memory import Memory

COHORT = 4 * HOUR
OF_COHORTS = replace(TIMING, cohort=COHORT)
RATE = "selection_rate"


def writer() -> Writer:
    return Writer(baseline=baseline().id)


def flush(number: int, selected: dict[str, tuple[int, int]], writer: Writer | None = None) -> bytes:
    """Predictions of an hour: of each region, not selected and selected."""
    own = writer or Writer(baseline=baseline().id)
    points = [
        own.counter(
            semconv.METRIC_PREDICTIONS,
            rows,
            *(hour(number), hour(number) + 600 * SECOND),
            ml__prediction__class=klass,
            ml__segment__region=region,
        )
        for region, counts in selected.items()
        for klass, rows in zip("01", counts, strict=True)
    ]
    return own.metrics(*points)


def said_of(said: list[Signal], region: str, name: str = RATE) -> list[EvaluationSignal]:
    found = [each for each in said if isinstance(each, EvaluationSignal)]
    return [each for each in found if (each.name, each.segment) == (name, ("region", region))]


EQUAL = {"north": (70, 30), "south": (140, 60)}
UNEQUAL = {"north": (70, 30), "south": (100, 100)}


def test_without_any_label_the_rates_of_all_predictions_are_said_and_tested_once() -> None:
    bench = Bench(timing=OF_COHORTS)
    said = [bench.take(flush(at, UNEQUAL if at >= 4 else EQUAL)) for at in range(9)]
    told = [len(said_of(each, "north")) for each in said]
    assert told == [0, 0, 0, 0, 1, 0, 0, 0, 1]  # when the next window has closed those of the cohort
    (first,), (second,) = (said_of(said[at], "north") for at in (4, 8))
    assert (first.value, first.labels, first.completeness, first.type) == (0.3, 400, 1.0, "realized")
    assert (first.subject.start, first.subject.end) == (hour(0), hour(4))
    assert said_of(said[8], "south")[0].value == 0.5
    assert said_of(said[8], "south", f"{RATE}_difference")[0].value == pytest.approx(0.2)
    assert said_of(said[8], "south", f"{RATE}_ratio")[0].value == pytest.approx(0.5 / 0.3)
    (wide,) = [each for each in said[8] if isinstance(each, FairnessSignal)]
    assert (wide.segment, wide.rate, wide.value, wide.labels) == ("region", RATE, pytest.approx(0.2), 1_200)
    events = [each for part in said for each in part if isinstance(each, IncidentSignal) and each.cause == "fairness"]
    assert [(each.change, each.subject.start) for each in events] == [("opened", hour(4))]
    assert events[0].streams[0].startswith(f"fairness region=north {RATE}: material")
    standing = [each for each in bench.engine.standing(0) if isinstance(each, EvaluationSignal | FairnessSignal)]
    assert {each.subject.start for each in standing} == {hour(4)}
    assert second in standing


def test_neither_order_nor_parts_nor_a_restart_change_what_is_said() -> None:
    requests = [
        flush(at, UNEQUAL if at >= 4 else EQUAL, Writer(f"w{w}", baseline=baseline().id))
        for at in range(9)
        for w in range(2)
    ]

    def told(said: list[Signal]) -> list[Signal]:
        return [each for each in said if isinstance(each, EvaluationSignal | FairnessSignal | IncidentSignal)]

    straight = Bench(timing=OF_COHORTS)  # says all of it at once
    expected = told(straight.take(*requests))
    assert len(said_of(expected, "north")) == 2
    mixed = Bench(timing=OF_COHORTS)
    assert told(mixed.take(*reversed(requests[:-2]), *requests)) == expected
    units: dict[str, bytes] = {}
    said: list[Signal] = []
    for at in range(0, 18, 2):
        bench = Bench(units, timing=OF_COHORTS)
        said += bench.take(*requests[at : at + 2])
        units = {key: data for key, data in (units | bench.engine.dirty()).items() if data is not None}
    assert told(said) == expected


def test_a_model_that_falls_silent_has_its_last_cohort_said_and_not_again() -> None:
    bench = Bench(timing=OF_COHORTS)
    now = hour(4) + 30 * SECOND
    assert not said_of(bench.take(flush(0, EQUAL), flush(1, EQUAL), now=now), "north")
    assert not said_of(bench.engine.advance(now + 299 * SECOND), "north")
    (said,) = said_of(bench.engine.advance(now + 301 * SECOND), "north")
    assert said.labels == 200
    bench.take(flush(2, UNEQUAL), flush(5, EQUAL), now=now + 302 * SECOND)
    later = bench.take(flush(8, EQUAL), flush(9, EQUAL), now=LATER)
    assert [each.subject.start for each in said_of(later, "north")] == [hour(4)]


def test_after_a_long_delivery_no_cohort_is_left_out() -> None:
    said = Bench(timing=OF_COHORTS).take(*(flush(at, EQUAL) for at in range(4 * 32 + 1)))
    assert [each.subject.start for each in said_of(said, "north")] == [hour(4 * at) for at in range(32)]


def outcomes(number: int, start: int, klass: str | None = "0") -> list[Outcome]:
    """Labels of those who were not selected only, unless ``klass`` is None."""
    own = [str(int(score >= 0.5)) if klass is None else klass for score in rows(number, 3)["score"].tolist()]
    at = "north", "south"
    return [
        Outcome(
            f"{start}-{row}",
            start + row,
            start + HOUR,
            said,
            None,
            None,
            "10"[row % 3 == 0],
            (("region", at[row % 2]),),
        )
        for row, said in enumerate(own)
    ]


def test_labels_say_the_other_rates_and_leave_these_alone() -> None:
    bench = Bench(timing=OF_COHORTS)
    said = bench.take(*(flush(at, EQUAL) for at in range(9)))
    assert len(said_of(said, "north")) == 2
    state = bench.engine._models[KEY]
    for outcome in [*outcomes(200, hour(0)), *outcomes(1, hour(5))]:
        state.add_outcome(outcome, OF_COHORTS, LATER)
    measured = bench.engine.advance(LATER)
    assert said_of(measured, "north", "false_positive_rate")
    assert not said_of(measured, "north")
    standing = [each for each in bench.engine.standing(0) if isinstance(each, EvaluationSignal)]
    assert {each.subject.start for each in standing if each.name == RATE} == {hour(4)}
    assert {each.subject.start for each in standing if each.name == "false_positive_rate"} == {hour(0)}


def test_where_predictions_come_without_segments_labelled_rows_tell_as_far_as_they_go() -> None:
    bench = Bench(timing=OF_COHORTS)
    own = writer()
    of = semconv.METRIC_PREDICTIONS
    for at in range(5):
        bench.take(own.metrics(own.counter(of, 100, hour(at), hour(at) + SECOND, ml__prediction__class="1")))
    state = bench.engine._models[KEY]
    for outcome in [*outcomes(200, hour(0), None), *outcomes(1, hour(5), None)]:
        state.add_outcome(outcome, OF_COHORTS, LATER)
    (said,) = said_of(bench.engine.advance(LATER), "north")
    assert (said.labels, said.completeness) == (100, 0.5)
    assert said in list(bench.engine.standing(0))


def test_a_model_that_has_not_said_what_it_does_waits() -> None:
    bench, own = Bench(timing=OF_COHORTS), Writer(model="other")
    assert not said_of(bench.take(*(flush(at, EQUAL, own) for at in range(9))), "north")
    state = bench.engine._models[ModelKey("other", "7")]
    state.memory = Memory.load(state.memory.dump())
    state.learn_task("binary")
    said = said_of(bench.engine.advance(LATER), "north")
    assert [(each.subject.start, each.value) for each in said] == [(hour(0), 0.3), (hour(4), 0.3)]
    state.learn_task("regression")
    assert not said_of(bench.take(*(flush(at, EQUAL, own) for at in range(9, 14))), "north")
    assert not [start for start in state.memory.selections if start < hour(12)]


def test_groups_that_could_not_all_be_counted_are_not_said_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(timing=OF_COHORTS)
    many = {f"shop {at}": (3, 1) for at in range(600)}  # two streams each, where 1,000 have room
    said = bench.take(*(flush(at, many) for at in range(9)), kind=SignalKind.METRICS)
    assert not [each for each in said if isinstance(each, FairnessSignal)]
    (told,) = [record.message for record in caplog.records if "selection rates" in record.message]
    assert told.startswith(f"{KEY.model} {KEY.version}: selection rates are not said")
    assert "aggregation_cardinality_limit" in told
