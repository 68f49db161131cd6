"""The engine: windows close by event time or by silence, late and repeated data are counted, state survives."""

import gzip
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import CUMULATIVE, DELTA, HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.errors import ConfigurationError
from tidegauge.summaries import NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.config.sections import Limits
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import (
    BaselineSignal,
    DriftSignal,
    EvaluationSignal,
    IncidentSignal,
    RateSignal,
    Signal,
    TotalsSignal,
    WindowSignal,
)
from tidegauge_processor.state.models import Timing
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy

TIMING = Timing(
    window=HOUR, lateness=0, idle=300 * SECOND, cohort=HOUR, wait=0, retention=90 * 24 * HOUR, again=60 * SECOND
)
LATER = hour(10_000)  # the wall clock of a processor that reads history


class Bench:
    """An engine and what it counts."""

    def __init__(
        self, units: dict[str, bytes] | None = None, timing: Timing = TIMING, limits: Limits | None = None
    ) -> None:
        self.telemetry = Telemetry()
        known = Baselines({baseline().id: baseline()})
        policy = Policy(scales=(1, 3))
        self.engine = Engine(
            timing, known, lambda _: policy, 1_000, self.telemetry, units or {}, limits=limits or Limits()
        )

    def take(self, *requests: bytes, kind: SignalKind = SignalKind.METRICS, now: int = LATER) -> list[Signal]:
        for request in requests:
            self.engine.apply(windowing.decode(kind, request, HOUR), now)
        return self.engine.advance(now)

    def count(self, name: str) -> int:
        return sum(value for (counted, _), value in self.telemetry.counts().items() if counted == name)


def hours(*shifts: float, number: int = 400) -> list[bytes]:
    return [flush(rows(number, seed=10 + i, shift=shift), hour(i)) for i, shift in enumerate(shifts)]


def totals(bench: Bench) -> TotalsSignal:
    (total,) = [signal for signal in bench.engine.standing(0) if isinstance(signal, TotalsSignal)]
    return total


def states(said: Iterable[Signal], target: str, window: str = "1h") -> dict[str, list[State]]:
    found: dict[str, list[State]] = {}
    for signal in said:
        if isinstance(signal, DriftSignal) and (signal.target, signal.window) == (target, window):
            found.setdefault(signal.name, []).append(signal.state)
    return found


def test_a_shifted_feature_is_material_and_the_others_are_ok() -> None:
    bench = Bench()
    said = bench.take(*hours(0, 0, 0.6, 0))
    assert states(said, "feature") == {
        "income": [State.OK, State.OK, State.MATERIAL],
        "purpose": [State.OK, State.OK, State.OK],
    }
    assert states(said, "score") == {"": [State.OK] * 3}
    (opened,) = [signal for signal in said if isinstance(signal, IncidentSignal)]
    assert (opened.change, opened.state, opened.since) == ("opened", State.MATERIAL, hour(2))
    assert opened.streams[0].startswith("feature income: material, ks_distance 0.2")
    assert [signal.rows for signal in said if isinstance(signal, WindowSignal)] == [400, 400, 400]
    assert [signal.previous for signal in said if isinstance(signal, BaselineSignal)] == [""]


def test_a_window_closes_when_the_watermark_passes_its_end() -> None:
    bench = Bench(timing=replace(TIMING, lateness=HOUR // 2))
    assert not bench.take(*hours(0))
    assert not bench.take(flush(rows(9, 1), hour(1), length=HOUR // 2 - SECOND))
    said = bench.take(flush(rows(9, 1), hour(1) + HOUR // 2, length=SECOND))
    assert [signal.subject.end for signal in said if isinstance(signal, WindowSignal)] == [hour(1)]


def test_silence_closes_the_last_window_but_never_one_that_is_not_over() -> None:
    bench = Bench()
    now = hour(0) + HOUR // 2
    assert not bench.take(flush(rows(50, 1), hour(0)), now=now)
    assert not bench.engine.advance(now + 299 * SECOND)
    assert not bench.engine.advance(now + 301 * SECOND)  # silent, but the hour is not over
    assert [s.rows for s in bench.engine.advance(hour(1)) if isinstance(s, WindowSignal)] == [50]


def test_data_after_a_silence_go_on_by_event_time() -> None:
    bench = Bench()
    bench.take(*hours(0))
    bench.engine.advance(LATER + 400 * SECOND)
    assert not bench.take(flush(rows(9, 1), hour(1), length=SECOND), now=LATER + 401 * SECOND)
    said = bench.take(flush(rows(9, 2), hour(1) + SECOND), flush(rows(1, 2), hour(2)), now=LATER + 402 * SECOND)
    assert [signal.rows for signal in said if isinstance(signal, WindowSignal)] == [18]


def test_duplicates_are_counted_and_change_nothing_also_when_their_window_has_closed() -> None:
    bench = Bench()
    first, second = hours(0, 0)
    bench.take(first, first, second)
    assert bench.count(semconv.METRIC_PROCESSOR_DUPLICATE) == bench.count(semconv.METRIC_PROCESSOR_ACCEPTED) // 2
    assert not bench.take(first)
    assert bench.count(semconv.METRIC_PROCESSOR_DUPLICATE) == bench.count(semconv.METRIC_PROCESSOR_ACCEPTED)
    assert bench.count(semconv.METRIC_PROCESSOR_LATE) == 0
    assert totals(bench).rows == 400


def test_a_clock_that_runs_ahead_does_not_close_the_windows_of_others() -> None:
    bench = Bench()
    now = hour(0) + HOUR // 2
    assert not bench.take(flush(rows(9, 1), hour(0)), flush(rows(9, 2), hour(48)), now=now)
    assert bench.count(semconv.METRIC_PROCESSOR_AHEAD) == 1
    assert not bench.take(flush(rows(8, 3), hour(0) + 700 * SECOND), now=now + 60 * SECOND)
    assert [s.rows for s in bench.engine.advance(hour(1)) if isinstance(s, WindowSignal)] == [17]
    assert bench.count(semconv.METRIC_PROCESSOR_LATE) == 0


def test_state_survives_in_bytes() -> None:
    requests = hours(0, 0, 0.6, 0.6, 0, 0)
    straight, first = Bench(), Bench()
    expected = straight.take(*requests)
    said = first.take(*requests[:3])
    units = {key: data for key, data in first.engine.dirty().items() if data is not None}
    second = Bench(units)
    said += second.take(*requests[3:])
    assert said == expected
    assert list(second.engine.standing(0)) == list(straight.engine.standing(0)) != []


def test_what_was_not_saved_stays_dirty() -> None:
    bench = Bench()
    bench.take(*hours(0))
    assert bench.engine.dirty() == bench.engine.dirty() != {}
    bench.engine.saved()
    assert bench.engine.dirty() == {}
    bench.take(*hours(0, 0)[1:])
    gone = [key for key, data in bench.engine.dirty().items() if data is None]
    assert len(gone) == 1


def test_cumulative_points_become_differences_over_windows_and_resets() -> None:
    bench = Bench()

    def count(total: int, start: int, end: int) -> bytes:
        writer = Writer(temporality=CUMULATIVE)
        return writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, total, start, end))

    said = bench.take(
        count(5, hour(0), hour(0) + SECOND),
        count(12, hour(0), hour(1)),
        count(20, hour(0), hour(1) + SECOND),
        count(3, hour(1) + 2 * SECOND, hour(2)),
        count(4, hour(1) + 2 * SECOND, hour(3)),
        count(4, hour(1) + 2 * SECOND, hour(4)),
    )
    assert [signal.rows for signal in said if isinstance(signal, WindowSignal)] == [12, 11, 1, 0]


def test_spans_stand_in_where_no_metrics_come_and_the_signal_says_so() -> None:
    bench = Bench()
    frame = rows(300, seed=5, shift=0.8)
    writer = Writer(instance="node")
    spans = [
        writer.span(
            i + 1,
            hour(0) + i * SECOND,
            ["income", "purpose"],
            [repr(row.income), row.purpose],
            ml__prediction__class="1",
            ml__prediction__score=row.score,
        )
        for i, row in enumerate(frame.itertuples())
    ]
    closing = writer.span(9_999, hour(1), ["income"], ["0"])
    said = bench.take(writer.spans(*spans), writer.spans(*spans[:50], closing), kind=SignalKind.TRACES)
    assert states(said, "feature") == {"income": [State.MATERIAL], "purpose": [State.OK]}
    (judged,) = [signal for signal in said if isinstance(signal, WindowSignal)]
    assert (judged.rows, judged.subject.source, judged.subject.end) == (300, "span", hour(1))


def test_rates_of_violations_fall_back_to_zero() -> None:
    bench = Bench()
    writer = Writer(baseline=baseline().id)
    labels = {"ml__feature__name": "income", "ml__data_quality__violation__type": "missing"}
    missing = writer.metrics(writer.counter(semconv.METRIC_VIOLATIONS, 100, hour(0), hour(0) + SECOND, **labels))
    said = bench.take(missing, *hours(0, 0, 0))
    rates = [s.value for s in said if isinstance(s, RateSignal) and s.metric == semconv.METRIC_VIOLATION_RATE]
    assert rates == [pytest.approx(100 / 500), 0.0]
    judged = [s.state for s in said if isinstance(s, DriftSignal) and (s.name, s.detail) == ("income", "missing")]
    assert judged[0] is State.MATERIAL


def test_errors_are_rates_by_type() -> None:
    bench = Bench()
    bins, writer = Bins(np.array([0.1, 1.0])), Writer()

    def calls(number: int, at: int, **labels: str) -> bytes:
        summary = NumericSummary.of(np.full(number, 0.05), bins)
        return writer.metrics(
            writer.histogram(semconv.METRIC_PREDICTION_DURATION, summary, hour(at), hour(at) + SECOND, **labels)
        )

    said = bench.take(calls(30, 0), calls(10, 0, error__type="ValueError"), calls(5, 1), calls(5, 2))
    rates = [(dict(signal.dimensions), signal.value) for signal in said if isinstance(signal, RateSignal)]
    assert rates == [({}, 0.25), ({"error.type": "ValueError"}, 0.25), ({}, 0.0), ({"error.type": "ValueError"}, 0.0)]
    assert {error: sum(found.counts) for error, found in totals(bench).durations.items()} == {"": 35, "ValueError": 10}


def test_outcomes_are_evaluated_by_cohort_when_their_time_has_come() -> None:
    bench = Bench()
    writer = Writer()

    def outcomes(recorded: int, *pairs: tuple[str, float, int]) -> bytes:
        return writer.logs(
            *(
                writer.event(
                    semconv.EVENT_FEEDBACK,
                    recorded,
                    **{
                        semconv.PREDICTION_ID: name,
                        semconv.PREDICTION_TIME: hour(0),
                        semconv.PREDICTION_SCORE: score,
                        semconv.PREDICTION_CLASS: str(int(score >= 0.5)),
                        semconv.FEEDBACK_ACTUAL: str(actual),
                    },
                )
                for name, score, actual in pairs
            )
        )

    early = outcomes(hour(0) + SECOND, ("a", 0.9, 1), ("b", 0.2, 1), ("c", 0.4, 0))
    assert not bench.take(early, early, kind=SignalKind.LOGS)
    said = bench.take(outcomes(hour(1), ("d", 0.7, 1)), kind=SignalKind.LOGS)
    found = {signal.name: signal for signal in said if isinstance(signal, EvaluationSignal)}
    assert found["accuracy"].value == 0.75
    assert found["accuracy"].labels == 4
    assert found["mean_label"].value == 0.75
    assert (found["accuracy"].subject.start, found["accuracy"].subject.end) == (hour(0), hour(1))
    assert not bench.take(outcomes(hour(2), ("e", 0.7, 0)), kind=SignalKind.LOGS)
    later = {s.name: s for s in bench.engine.advance(LATER + 61 * SECOND) if isinstance(s, EvaluationSignal)}
    assert (later["accuracy"].value, later["accuracy"].labels) == (0.6, 5)
    assert bench.count(semconv.METRIC_PROCESSOR_DUPLICATE) == 3


def test_labels_of_an_old_cohort_are_evaluated_and_the_newest_cohort_stands() -> None:
    bench = Bench()
    writer = Writer()

    def outcome(name: str, predicted: int, recorded: int) -> bytes:
        labels = {
            semconv.PREDICTION_ID: name,
            semconv.PREDICTION_TIME: predicted,
            semconv.PREDICTION_SCORE: 0.9,
            semconv.PREDICTION_CLASS: "1",
            semconv.FEEDBACK_ACTUAL: "1",
        }
        return writer.logs(writer.event(semconv.EVENT_FEEDBACK, recorded, **labels))

    first = bench.take(outcome("a", hour(10), hour(11)), kind=SignalKind.LOGS)
    second = bench.take(outcome("b", hour(3), hour(12)), kind=SignalKind.LOGS)
    starts = [{s.subject.start for s in said if isinstance(s, EvaluationSignal)} for said in (first, second)]
    assert starts == [{hour(10)}, {hour(3)}]
    assert {s.subject.start for s in bench.engine.standing(0) if isinstance(s, EvaluationSignal)} == {hour(10)}


def told(name: str, recorded: int, predicted: int = hour(0), **labels: str | float) -> LogRecord:
    """An outcome, of a prediction that was right unless ``labels`` say another class."""
    known = {semconv.PREDICTION_ID: name, semconv.PREDICTION_TIME: predicted} | labels
    return Writer().event(
        semconv.EVENT_FEEDBACK, recorded, **{semconv.PREDICTION_CLASS: "1", semconv.FEEDBACK_ACTUAL: "1"} | known
    )


@pytest.mark.parametrize("order", [1, -1])
def test_of_outcomes_that_come_together_the_same_expire_in_any_order(order: int) -> None:
    bench = Bench(timing=replace(TIMING, retention=2 * HOUR))
    together = [told(f"at the end {row}", hour(3)) for row in range(10)] + [told("in time", hour(3), hour(1))]
    bench.take(Writer().logs(*together[::order]), kind=SignalKind.LOGS)
    assert (bench.count(semconv.METRIC_PROCESSOR_LATE), bench.count(semconv.METRIC_PROCESSOR_ACCEPTED)) == (10, 1)
    later = [told("sooner", hour(4) - SECOND, hour(1)), told("later", hour(4), hour(2))]
    bench.take(Writer().logs(*later[::order]), kind=SignalKind.LOGS)
    assert (bench.count(semconv.METRIC_PROCESSOR_LATE), bench.count(semconv.METRIC_PROCESSOR_ACCEPTED)) == (11, 2)


def test_an_outcome_from_before_its_prediction_counts() -> None:
    bench = Bench()
    records = told("a", hour(0) - SECOND), told("b", hour(1))
    said = bench.take(Writer().logs(*records), kind=SignalKind.LOGS)
    found = {signal.name: signal for signal in said if isinstance(signal, EvaluationSignal)}
    assert (found["accuracy"].value, found["accuracy"].labels) == (1.0, 2)
    (state,) = bench.engine._models.values()
    assert sorted(state.cohorts[hour(0)].table().delay.tolist()) == [0, HOUR]


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
def test_calls_that_are_timed_in_other_buckets_count_as_calls_and_are_no_part_of_the_histogram(
    temporality: int,
) -> None:
    bench = Bench()

    def calls(instance: str, *edges: float, **labels: str) -> bytes:
        writer = Writer(instance=instance, temporality=temporality)
        summary = NumericSummary.of(np.full(5, 0.05), Bins(np.array(edges)))
        interval = hour(0), hour(0) + SECOND
        return writer.metrics(writer.histogram(semconv.METRIC_PREDICTION_DURATION, summary, *interval, **labels))

    bench.take(calls("a", 0.1, 1.0), calls("b", 0.2), calls("c", 0.2, error__type="OSError"), *hours(0))
    said = bench.engine.advance(LATER + TIMING.idle)
    assert [signal.rows for signal in said if isinstance(signal, WindowSignal)] == [400]
    (rate,) = [s.value for s in said if isinstance(s, RateSignal) and s.metric == semconv.METRIC_ERROR_RATE][:1]
    assert rate == pytest.approx(1 / 3)
    assert {error: sum(each.counts) for error, each in totals(bench).durations.items()} == {"": 5, "OSError": 5}
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == 1


def test_durations_begin_anew_in_buckets_that_are_still_used() -> None:
    bench = Bench()

    def calls(at: int, *edges: float) -> bytes:
        summary = NumericSummary.of(np.full(5, 0.05), Bins(np.array(edges)))
        point = Writer().histogram(semconv.METRIC_PREDICTION_DURATION, summary, hour(at), hour(at) + SECOND)
        return Writer().metrics(point)

    said = []
    for at, edge in enumerate((0.1, 0.2, 0.2)):
        bench.take(calls(at, edge))
        bench.engine.advance(LATER + (at + 1) * TIMING.idle)
        (durations,) = totals(bench).durations.values()
        said.append((durations.bounds, sum(durations.counts)))
    assert said == [((0.1,), 5), ((0.2,), 5), ((0.2,), 10)]
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == 0


def test_what_was_counted_long_before_anybody_listened_is_no_part_of_a_window() -> None:
    bench = Bench()
    writer = Writer(temporality=CUMULATIVE)

    def count(total: int, end: int) -> bytes:
        return writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, total, hour(-500), end))

    said = bench.take(count(1_000_000, hour(0) + SECOND), count(1_000_007, hour(1) + SECOND), count(1_000_007, hour(2)))
    assert [signal.rows for signal in said if isinstance(signal, WindowSignal)] == [0, 7]


def test_a_writer_of_spans_that_counts_its_rows_itself_is_not_counted_twice() -> None:
    bench = Bench()
    writer = Writer(instance="node")
    spans = [writer.span(i + 1, hour(0) + i * SECOND, ["income", "purpose"], ["0.5", "car"]) for i in range(10)]
    bench.take(writer.spans(*spans), kind=SignalKind.TRACES)
    said = bench.take(
        writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 10, hour(0), hour(0) + SECOND)),
        writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 1, hour(1), hour(2))),
    )
    assert [signal.rows for signal in said if isinstance(signal, WindowSignal)] == [10, 1]


def test_a_long_silence_costs_no_more_than_the_longest_scale() -> None:
    bench = Bench()
    bench.take(*hours(0, 0))
    said = bench.take(flush(rows(400, 8), hour(9_000)), flush(rows(9, 9), hour(9_001)))
    (memory,) = [state.memory for state in bench.engine._models.values()]
    assert len(memory.history) == 3
    assert {name: found[-1] for name, found in states(said, "feature", "3h").items()} == {
        "income": State.OK,
        "purpose": State.OK,
    }


def test_state_of_windows_of_another_length_is_refused() -> None:
    bench = Bench()
    bench.take(*hours(0, 0))
    units = {key: data for key, data in bench.engine.dirty().items() if data is not None}
    with pytest.raises(
        ConfigurationError, match=r"made with windows\.duration 1h .* choose another storage\.directory"
    ):
        Bench(units, replace(TIMING, window=HOUR // 6))


def test_parts_of_a_baseline_survive_a_restart() -> None:
    def published(part: int) -> bytes:
        body = gzip.compress(baseline().to_bytes(), mtime=0)
        half = len(body) // 2
        labels = {semconv.BASELINE_ID: baseline().id, semconv.BASELINE_PART: part, semconv.BASELINE_PARTS: 2}
        cut = body[:half] if part == 0 else body[half:]
        return Writer().logs(Writer().event(semconv.EVENT_BASELINE_PUBLISHED, hour(0), cut, **labels))

    def engine(units: dict[str, bytes]) -> Engine:
        return Engine(TIMING, Baselines(), lambda _: Policy(), 1_000, Telemetry(), units)

    first = engine({})
    assert first.apply(windowing.decode(SignalKind.LOGS, published(0), HOUR), LATER) == {}
    second = engine({key: data for key, data in first.dirty().items() if data is not None})
    found = second.apply(windowing.decode(SignalKind.LOGS, published(1), HOUR), LATER)
    assert found == {baseline().id: baseline().to_bytes()}
    assert set(second.dirty().values()) & {None}
    assert all(data is None for key, data in second.dirty().items() if key.startswith("baseline part"))
