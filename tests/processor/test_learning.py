"""A model without a baseline: one is learned, said to be, frozen, and compared with; nothing of it is lost."""

from collections.abc import Iterable

import numpy as np

from tests.processor.models import hour, rows
from tests.processor.requests import HOUR, Writer
from tests.processor.restarted import SILENT, Restarted
from tidegauge import Baseline, semconv
from tidegauge.baseline import CategoricalFeature, NumericFeature
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor.signals import BaselineSignal, DriftSignal, IncidentSignal, Signal, WindowSignal
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.verdicts.state import State

RULE = LearningRule(duration=6 * HOUR, least_rows=1_000)


def unreferenced(
    start: int,
    seed: int,
    *,
    shift: float = 0.0,
    number: int = 400,
    missing: int = 0,
    writer: Writer | None = None,
    names: tuple[str, str] = ("0", "1"),
) -> bytes:
    """What an SDK without a baseline sends about an hour."""
    writer, interval = writer or Writer(), (start, start + HOUR)
    df = rows(number, seed, shift)
    metrics = [
        writer.exponential(
            semconv.METRIC_FEATURE_VALUE,
            ExponentialSummary.of(df["income"].to_numpy() * 10_000 + 50_000),
            *interval,
            ml__feature__name="income",
        )
    ]
    if missing:
        labels = {"ml__feature__name": "income", "ml__data_quality__violation__type": "missing"}
        metrics.append(writer.counter(semconv.METRIC_VIOLATIONS, missing, *interval, **labels))
    for name, count in df["purpose"].value_counts().items():
        labels = {"ml__feature__name": "purpose", "ml__feature__category": str(name)}
        metrics.append(writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, int(count), *interval, **labels))
    bins = Bins(np.arange(1, 100) / 100)
    for klass, scores in zip(names, (df["score"][df["score"] < 0.5], df["score"][df["score"] >= 0.5]), strict=True):
        labels = {"ml__prediction__class": klass}
        metrics.append(writer.counter(semconv.METRIC_PREDICTIONS, len(scores), *interval, **labels))
        summary = NumericSummary.of(scores.to_numpy(), bins)
        metrics.append(writer.histogram(semconv.METRIC_PREDICTION_SCORE, summary, *interval, **labels))
    return writer.metrics(*metrics)


def history(shifts: Iterable[float]) -> list[bytes]:
    return [unreferenced(hour(i), 10 + i, shift=shift) for i, shift in enumerate(shifts)]


def income_states(said: Iterable[Signal]) -> list[State]:
    return [
        s.state
        for s in said
        if isinstance(s, DriftSignal) and (s.name, s.window, s.target) == ("income", "1h", "feature")
    ]


def learned_from(said: Iterable[Signal]) -> Baseline:
    (change,) = [signal for signal in said if isinstance(signal, BaselineSignal)]
    assert change.learned is not None
    return change.learned


def test_it_learns_says_so_freezes_and_then_judges() -> None:
    engine = Restarted(learning=RULE)
    said = engine.take(*history([0] * 10 + [1.0, 0]))
    learning, judged = [State.INSUFFICIENT_DATA] * 6, [State.OK] * 4 + [State.MATERIAL, State.OK]
    assert income_states(said) == learning + judged
    reasons = [s.reason for s in said if isinstance(s, DriftSignal) and s.name == "income" and s.target == "feature"]
    assert reasons[0] == "learning: 1 of 6 windows, 400 of 1,000 rows"
    assert reasons[5] == "learning: 6 of 6 windows"
    assert reasons[6] == "the reference was learned from exponential bins"
    assert [s.learning for s in said if isinstance(s, WindowSignal)][:7] == [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, None]
    assert [s.subject.origin for s in said if isinstance(s, WindowSignal)][4:8] == ["learning"] * 2 + ["learned"] * 2
    baseline = learned_from(said)
    assert (baseline.rows, baseline.start, baseline.end) == (2_400, hour(0), hour(6) - 1)
    assert [s.since for s in said if isinstance(s, IncidentSignal)] == [hour(10)]


def test_a_restart_after_every_request_changes_nothing() -> None:
    requests = history([0] * 8 + [0.5, 0.5, 0])
    straight, cut = Restarted(learning=RULE), Restarted(learning=RULE)
    expected = straight.take(*requests)
    said: list[Signal] = []
    for request in requests:
        said += cut.take(request)
        cut.restart()
    assert said == expected
    assert cut.units == straight.units


def test_what_was_learned_is_an_ordinary_baseline() -> None:
    baseline = learned_from(Restarted(learning=RULE).take(*history([0] * 7)))
    assert Baseline.from_bytes(baseline.to_bytes()) == baseline
    assert baseline.metadata["origin"] == "learned"
    assert (baseline.task, baseline.classes, baseline.slots) == ("binary", ("0", "1"), 1)
    assert baseline.metadata["learned_from"] == "2023-11-05T16:00:00Z"
    income, purpose = baseline.feature("income"), baseline.feature("purpose")
    assert isinstance(income, NumericFeature)
    assert isinstance(purpose, CategoricalFeature)
    raw = np.concatenate([rows(400, 10 + i)["income"] * 10_000 + 50_000 for i in range(6)])
    assert income.counts[0].tolist() == income.bins.count(raw).tolist()
    assert income.bounds.size <= 44
    assert purpose.categories == ("car", "house", "boat")
    assert baseline.score is not None
    assert int(baseline.score.counts.sum()) == 2_400


def test_which_of_two_classes_is_the_positive_one_is_learned_from_their_scores() -> None:
    requests = [unreferenced(hour(i), 10 + i, names=("on time", "late")) for i in range(7)]
    baseline = learned_from(Restarted(learning=RULE).take(*requests))
    assert (baseline.task, baseline.classes, baseline.positive) == ("binary", ("on time", "late"), "late")


def test_learning_goes_on_until_there_are_rows_enough() -> None:
    engine = Restarted(learning=LearningRule(duration=2 * HOUR, least_rows=1_500))
    said = engine.take(*history([0] * 6))
    assert learned_from(said).rows == 1_600


def test_nothing_is_learned_when_it_is_switched_off() -> None:
    said = Restarted().take(*history([0] * 4))
    assert not [s for s in said if isinstance(s, DriftSignal | BaselineSignal)]


def test_ten_days_give_a_season() -> None:
    def day(number: int) -> bytes:
        return unreferenced(hour(number), number, shift=1.5 * np.sin(2 * np.pi * number / 24), number=120)

    engine = Restarted(learning=LearningRule(duration=8 * 24 * HOUR, least_rows=1_000))
    said = engine.take(*(day(number) for number in range(8 * 24 + 25)))
    assert learned_from(said).slots == 24
    assert set(income_states(said)[8 * 24 :]) == {State.OK}


def test_missing_values_beyond_what_was_learned_are_found() -> None:
    engine = Restarted(learning=RULE)
    requests = [unreferenced(hour(i), i, missing=8) for i in range(7)] + [unreferenced(hour(7), 7, missing=80)]
    said = engine.take(*requests)
    (feature,) = [feature for feature in learned_from(said).features if feature.name == "income"]
    assert feature.missing.tolist() == [48]
    found = [
        s.state
        for s in said
        if isinstance(s, DriftSignal) and (s.detail, s.window) == ("missing", "1h") and s.name == "income"
    ]
    assert found == [State.OK, State.MATERIAL]


def test_a_new_category_is_unseen() -> None:
    engine = Restarted(learning=RULE)
    writer = Writer("writer-2")
    labels = {"ml__feature__name": "purpose", "ml__feature__category": "yacht"}
    yacht = writer.metrics(writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, 40, hour(6), hour(7), **labels))
    said = engine.take(*history([0] * 7), yacht)
    found = {
        (s.target, s.detail): s.state
        for s in said
        if isinstance(s, DriftSignal) and (s.name, s.window) == ("purpose", "1h")
    }
    assert found["feature", ""] is State.MATERIAL
    assert found["quality", "unseen_category"] is State.MATERIAL


def test_a_category_that_was_met_once_tells_how_many_will_be_new() -> None:
    engine = Restarted(learning=RULE)
    writer = Writer("writer-2")
    labels = {"ml__feature__name": "purpose", "ml__feature__category": "yacht"}
    yacht = writer.metrics(writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, 1, hour(3), hour(4), **labels))
    first, *rest = history([0] * 7)
    engine.take(first, yacht, *rest)
    purpose = learned_from(engine.take(now=SILENT)).feature("purpose")
    assert isinstance(purpose, CategoricalFeature)
    assert (purpose.categories[-1], purpose.counts[0, -3:].tolist()) == ("yacht", [0, 0, 1])
    assert purpose.place("yacht") == "yacht"


def test_more_categories_than_a_process_names_are_not_compared() -> None:
    writer = Writer()
    requests = []
    for i in range(8):
        labels = {"ml__feature__name": "merchant", "ml__feature__category": "_other" if i % 2 else f"m{i}"}
        requests.append(
            writer.metrics(writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, 500, hour(i), hour(i + 1), **labels))
        )
    said = Restarted(learning=RULE).take(*requests)
    merchant = learned_from(said).feature("merchant")
    assert isinstance(merchant, CategoricalFeature)
    assert (merchant.categories, merchant.open, merchant.counts.tolist()) == ((), True, [[3_000, 0]])
    assert not [s for s in said if isinstance(s, IncidentSignal)]


def test_points_on_the_learned_bounds_and_points_without_a_baseline_add_up() -> None:
    engine = Restarted(learning=RULE)
    learned = learned_from(engine.take(*history([0] * 7)))
    income = learned.feature("income")
    assert isinstance(income, NumericFeature)
    told = Writer("writer-2", baseline=learned.id)
    values = rows(300, 77)["income"].to_numpy() * 10_000 + 50_000
    request = told.metrics(
        told.histogram(
            semconv.METRIC_FEATURE_VALUE,
            NumericSummary.of(values, income.bins),
            hour(7),
            hour(8),
            ml__feature__name="income",
        )
    )
    said = engine.take(unreferenced(hour(7), 17), request)
    last = [
        s for s in said if isinstance(s, DriftSignal) and (s.target, s.name, s.window) == ("feature", "income", "1h")
    ][-1]
    assert (last.rows, last.state) == (700, State.OK)
    assert not [s for s in said if isinstance(s, BaselineSignal)]


def test_a_baseline_that_arrives_ends_the_learning() -> None:
    engine = Restarted(learning=RULE)
    engine.take(*history([0] * 3))
    told = Writer("writer-2", baseline="a" * 32)
    engine.take(
        told.metrics(told.counter(semconv.METRIC_PREDICTIONS, 9_000, hour(3), hour(4), ml__prediction__class="1")),
    )
    said = engine.take(now=SILENT)
    assert [s.subject.baseline for s in said if isinstance(s, BaselineSignal)] == ["a" * 32]
    assert not [key for key in engine.units if "learning" in key]


def test_a_feature_that_lies_in_one_bin_is_not_called_ok() -> None:
    writer = Writer()

    def kelvin(number: int) -> bytes:
        values = np.random.default_rng(number).normal(300.0, 1.0, 400)
        summary = ExponentialSummary.of(values)
        labels = {"ml__feature__name": "kelvin"}
        return writer.metrics(
            writer.exponential(semconv.METRIC_FEATURE_VALUE, summary, hour(number), hour(number + 1), **labels)
        )

    said = Restarted(learning=RULE).take(*(kelvin(number) for number in range(8)))
    last = [
        s for s in said if isinstance(s, DriftSignal) and (s.target, s.name, s.window) == ("feature", "kelvin", "1h")
    ]
    assert last[-1].state is State.INSUFFICIENT_DATA
    assert last[-1].reason.startswith("nearly all values lie in one exponential bin")
