"""What is bounded stays bounded, what is beyond is counted, and what a baseline lists is never beyond."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tests.processor.test_engine import LATER, TIMING, Bench, hours
from tests.sdk.test_class_scores import BASELINE
from tidegauge import Baseline, semconv
from tidegauge.baseline import CategoricalFeature
from tidegauge.summaries import NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor import windowing
from tidegauge_processor.config.sections import Limits
from tidegauge_processor.otlp import attributes, encode
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import StreamKey
from tidegauge_processor.signals import RateSignal, Signal
from tidegauge_processor.state import memory
from tidegauge_processor.state.declared import is_declared
from tidegauge_processor.state.windows import Window


def merged(known: Baseline | None, most_streams: int, *requests: bytes) -> tuple[Window, dict[str, int]]:
    window, fates = Window(), dict[str, int]()
    for request in requests:
        for payload in windowing.decode(SignalKind.METRICS, request, HOUR).payloads.values():
            for fate, number in windowing.merge(window, payload, known, most_streams).items():
                fates[fate] = fates.get(fate, 0) + number
    return window, fates


def rates(said: list[Signal], metric: str) -> list[RateSignal]:
    return [signal for signal in said if isinstance(signal, RateSignal) and signal.metric == metric]


def violations(number: int, at: int, first: int = 0) -> bytes:
    writer = Writer()
    kinds = [f"x{place}" for place in range(first, first + number)]
    return writer.metrics(
        *(
            writer.counter(
                *(semconv.METRIC_VIOLATIONS, 1, at, at + SECOND),
                ml__feature__name=kind,
                ml__data_quality__violation__type="unexpected_feature",
            )
            for kind in kinds
        )
    )


def test_what_a_baseline_lists_finds_room_beyond_the_limit() -> None:
    names = [f"c{place}" for place in range(40)]
    letters = [f"k{place}" for place in range(20)]
    frame = pd.DataFrame(dict.fromkeys(names, letters * 10))
    known = Baseline.fit(frame, model="credit-risk", version="7", task="regression")
    writer = Writer(baseline=known.id)
    interval = hour(0), hour(0) + SECOND

    def counter(name: str, category: str) -> bytes:
        labels = {"ml__feature__name": name, "ml__feature__category": category}
        return writer.metrics(writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, 1, *interval, **labels))

    foreign = [counter("nobody", str(place)) for place in range(30)]
    window, fates = merged(known, 20, *foreign, *(counter(name, letter) for name in names for letter in letters))
    assert fates == {"new": 20 + 800, "overflow": 10}
    assert all(count == 1 for stream, count in window.sums.counts.items() if stream.dimension("ml.feature.name"))


@pytest.mark.parametrize(
    ("metric", "labels", "listed"),
    [
        (semconv.METRIC_FEATURE_VALUE, {"ml.feature.name": "income"}, True),
        (semconv.METRIC_FEATURE_VALUE, {"ml.feature.name": "nobody"}, False),
        (semconv.METRIC_FEATURE_VALUE, {"ml.feature.name": "income", "pod": "a"}, False),
        (semconv.METRIC_FEATURE_OCCURRENCES, {"ml.feature.name": "purpose", "ml.feature.category": "_unseen"}, True),
        (semconv.METRIC_FEATURE_OCCURRENCES, {"ml.feature.name": "purpose", "ml.feature.category": "yacht"}, False),
        (semconv.METRIC_FEATURE_OCCURRENCES, {"ml.feature.name": "income", "ml.feature.category": "car"}, False),
        (semconv.METRIC_VIOLATIONS, {"ml.feature.name": "income", semconv.VIOLATION_TYPE: "missing"}, True),
        (semconv.METRIC_VIOLATIONS, {"ml.feature.name": "income", semconv.VIOLATION_TYPE: "odd"}, False),
        (semconv.METRIC_PREDICTIONS, {"ml.prediction.class": "1"}, True),
        (semconv.METRIC_PREDICTIONS, {"ml.prediction.class": "7"}, False),
        (semconv.METRIC_PREDICTIONS, {"ml.segment.region": "north"}, False),
        (semconv.METRIC_PREDICTION_VALUE, {}, True),
        (semconv.METRIC_RECONSTRUCTION_ERROR, {}, True),
        (semconv.METRIC_ESTIMATED_LOSS, {}, True),
        (semconv.METRIC_ESTIMATED_LOSS, {"pod": "a"}, False),
        (semconv.METRIC_PREDICTION_DURATION, {"error.type": "ValueError"}, False),
    ],
)
def test_which_streams_are_listed(metric: str, labels: dict[str, str], listed: bool) -> None:
    stream = StreamKey(metric, baseline().id, tuple(sorted(labels.items())))
    assert isinstance(baseline().feature("purpose"), CategoricalFeature)
    assert is_declared(stream, baseline()) is listed
    assert not is_declared(stream._replace(baseline="another"), baseline())


@pytest.mark.parametrize(
    ("labels", "listed"),
    [
        ({semconv.PREDICTION_CLASS: "car", semconv.PREDICTION_CHOSEN: "true"}, True),
        ({semconv.PREDICTION_CLASS: "car", semconv.PREDICTION_CHOSEN: "false"}, True),
        ({semconv.PREDICTION_CLASS: "car", semconv.PREDICTION_CHOSEN: "maybe"}, False),
        ({semconv.PREDICTION_CLASS: "zebra", semconv.PREDICTION_CHOSEN: "true"}, False),
        ({semconv.PREDICTION_CLASS: "car"}, False),
        ({semconv.PREDICTION_CLASS: "car", semconv.PREDICTION_CHOSEN: "true", "pod": "a"}, False),
    ],
)
def test_scores_of_a_class_are_listed_where_the_baseline_calibrates_it(labels: dict[str, str], listed: bool) -> None:
    stream = StreamKey(semconv.METRIC_CLASS_SCORE, BASELINE.id, tuple(sorted(labels.items())))
    assert is_declared(stream, BASELINE) is listed
    assert not is_declared(stream._replace(baseline=baseline().id), baseline())


def test_the_limit_counts_streams_and_not_writers() -> None:
    requests = []
    for place in range(30):
        writer = Writer(instance=f"w{place}", temporality=CUMULATIVE)
        requests.append(writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 5, hour(0), hour(0) + SECOND)))
    window, fates = merged(None, 3, *requests)
    assert fates == {"new": 30}
    assert merged(None, 3, *requests)[0].dump() == Window.load(window.dump()).dump()
    writer = Writer(temporality=CUMULATIVE)
    others = [
        writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 5, hour(0), hour(0) + SECOND, pod=str(place)))
        for place in range(5)
    ]
    assert merged(None, 3, *others)[1] == {"new": 3, "overflow": 2}


def test_the_memory_of_streams_beyond_the_limit_is_bounded() -> None:
    writer = Writer()
    requests = [
        writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 1, hour(0), hour(0) + SECOND, pod=str(place)))
        for place in range(200)
    ]
    window, fates = merged(None, 4, *requests)
    assert fates == {"new": 4, "overflow": 196}
    assert len(window.seen["writer-1"]) == 40
    assert merged(None, 4, *requests, requests[-1])[1] == {"new": 4, "overflow": 197}
    assert sum(window.sums.counts.values()) == 40


def test_violations_beyond_the_limit_share_one_overflow_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_VIOLATIONS", 3)
    bench = Bench()
    said = bench.take(violations(5, hour(0)), *hours(0, 0))
    first = rates(said, semconv.METRIC_VIOLATION_RATE)
    own = {"ml.feature.name": "x0", semconv.VIOLATION_TYPE: "unexpected_feature"}
    assert own in [signal.dimensions for signal in first]
    assert len(first) == 4
    (overflow,) = [signal for signal in first if semconv.OVERFLOW in signal.dimensions]
    assert overflow.value == pytest.approx(2 / 400)
    assert dict(overflow.dimensions) == {"otel.metric.overflow": "true"}
    assert b"otel.metric.overflow\x12\x02\x10\x01" in b"".join(encode.metrics(attributes.resource({}), first, None))


def test_error_types_beyond_the_limit_are_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_ERRORS", 2)
    bench = Bench()
    bins, writer = Bins(np.array([0.1, 1.0])), Writer()
    calls = [
        writer.metrics(
            writer.histogram(
                *(semconv.METRIC_PREDICTION_DURATION, NumericSummary.of(np.full(10, 0.05), bins)),
                *(hour(at), hour(at) + SECOND),
                error__type=f"Error{error}",
            )
        )
        for at, error in ((0, 0), (0, 1), (0, 2), (0, 3), (1, 9), (2, 0))
    ]
    by_hour: dict[int, dict[str, float]] = {}
    for signal in rates(bench.take(*calls), semconv.METRIC_ERROR_RATE):
        named = signal.dimensions.get(semconv.ERROR_TYPE, "all")
        by_hour.setdefault(signal.subject.start, {})[named] = signal.value
    assert by_hour == {
        hour(0): {"all": 1.0, "Error0": 0.25, "Error1": 0.25, "_other": 0.5},
        hour(1): {"all": 1.0, "Error0": 0.0, "Error1": 0.0, "_other": 1.0},
    }


def test_models_beyond_the_limit_are_counted_until_a_dead_one_is_forgotten() -> None:
    bench = Bench(timing=replace(TIMING, retention=48 * HOUR), limits=Limits(models=2))
    named = [Writer(model=f"model-{place}", baseline=baseline().id) for place in range(3)]
    bench.take(*(flush(rows(20, 1), hour(0), writer) for writer in named))
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) > 0
    stored = {key for key, data in bench.engine.dirty().items() if data is not None}
    assert {key for key in stored if "model-2" in key} == set()
    bench.engine.saved()

    bench.take(flush(rows(20, 2), hour(1), named[1]), now=LATER + 47 * HOUR)
    bench.engine.advance(LATER + 49 * HOUR)  # nothing came from the first for longer than outcomes are taken
    gone = {key for key, data in bench.engine.dirty().items() if data is None}
    assert {key for key in stored if "model-0" in key} <= gone
    before = bench.count(semconv.METRIC_PROCESSOR_DROPPED)
    bench.take(flush(rows(20, 3), hour(2), named[2]), now=LATER + 49 * HOUR)
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == before
