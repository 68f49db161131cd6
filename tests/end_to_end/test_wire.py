"""From the SDK's summaries through its own encoder and bytes into the processor's windows: nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sdk.builders import HOUR, small_baseline
from tests.sdk.test_class_scores import BASELINE, CLASSES
from tidegauge import ManualClock, Settings, monitor, semconv
from tidegauge._export.encode import encode_metrics
from tidegauge._process import PROCESS
from tidegauge.summaries import CategorySummary, ExactSum, ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge.testing import capture
from tidegauge_processor import windowing
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import StreamKey
from tidegauge_processor.state.windows import Window
from tidegauge_processor.window_points import Points

DAY = 24 * HOUR
AGES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([18.0, 40.0, -0.0, 5e-324, 1.7e308])
ROWS = st.fixed_dictionaries({"age": AGES, "colour": st.sampled_from(["red", "blue", "puce"])})


SCORES = st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(sum)


def merged(requests: Sequence[bytes], seed: int) -> Window:
    """What arrives, in any order, some of it twice; written and read in between."""
    chance, window = random.Random(seed), Window()
    every = [*requests, *chance.choices(requests, k=2)]
    chance.shuffle(every)
    for request in every:
        decoded = windowing.decode(SignalKind.METRICS, request, DAY)
        assert decoded.rejected == 0, decoded.reason
        for payload in decoded.payloads.values():
            windowing.merge(window, payload, None, 1_000)
    return windowing.load(windowing.dump(window))


@settings(max_examples=60)
@given(
    flushes=st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=5),
    based=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_what_the_sdk_summarised_is_what_the_window_holds(
    flushes: list[list[dict[str, Any]]], based: bool, seed: int
) -> None:
    @monitor("credit", version="7", baseline=small_baseline() if based else None, task="binary")
    def predict(rows: list[dict[str, Any]]) -> list[float]:
        return [0.75] * len(rows)

    clock = ManualClock(DAY)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for rows in flushes:
            predict(rows)
            clock.advance(HOUR // 8)
            seen.flush()
        assert PROCESS.pipeline is not None
        sent = PROCESS.pipeline._exporters.metrics.received  # type: ignore[union-attr]
        model = PROCESS.pipeline.known_model("credit", "7")
        assert model is not None
        rest = model.rests.get((semconv.METRIC_FEATURE_VALUE, "age"), ExactSum())
        requests = [encode_metrics(data).SerializeToString() for data in sent]
        assert (seen.failures, seen.drops) == ({}, {})

    window = merged(requests, seed)
    rows = [row for flush in flushes for row in flush]
    ages = np.array([row["age"] for row in rows])
    id = small_baseline().id if based else ""
    found = window.sums.histograms[StreamKey(semconv.METRIC_FEATURE_VALUE, id, ((semconv.FEATURE_NAME, "age"),))]
    expected: NumericSummary | ExponentialSummary
    expected = NumericSummary.of(ages, Bins(np.array([18.0, 40.0, 65.0]))) if based else ExponentialSummary.of(ages)
    found.sum += rest
    assert found == expected
    counted = {
        stream.dimension(semconv.FEATURE_CATEGORY): count
        for stream, count in window.sums.counts.items()
        if stream.metric == semconv.METRIC_FEATURE_OCCURRENCES
    }
    colours = [row["colour"] if row["colour"] != "puce" or not based else "_unseen" for row in rows]
    assert counted == CategorySummary.of(colours).counts
    classes = StreamKey(semconv.METRIC_PREDICTIONS, id, ((semconv.PREDICTION_CLASS, "yes" if based else "1"),))
    assert window.sums.counts[classes] == len(rows)


@settings(max_examples=40)
@given(flushes=st.lists(st.lists(SCORES, min_size=1, max_size=5), min_size=1, max_size=4), seed=st.integers(0, 2**32))
def test_scores_of_every_class_are_counted_once_in_the_cells_of_its_calibration(
    flushes: list[list[list[int]]], seed: int
) -> None:
    shares = [np.array(rows) / np.array(rows).sum(axis=1, keepdims=True) for rows in flushes]
    answers = iter(shares)

    @monitor("ways", version="1", baseline=BASELINE)
    def predict(rows: list[dict[str, float]]) -> Any:
        return next(answers)

    clock = ManualClock(DAY)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for part in shares:
            predict([{"x": 0.0}] * len(part))
            clock.advance(HOUR // 8)
            seen.flush()
        assert PROCESS.pipeline is not None
        sent = PROCESS.pipeline._exporters.metrics.received  # type: ignore[union-attr]
        requests = [encode_metrics(data).SerializeToString() for data in sent]
        assert (seen.failures, seen.drops) == ({}, {})

    found = Points(merged(requests, seed).sums, BASELINE).class_scores(BASELINE.class_calibrations)
    scores = np.concatenate(shares)
    predicted = scores.argmax(axis=1)
    assert list(found) == list(CLASSES)
    for place, (name, learned) in enumerate(BASELINE.class_calibrations.items()):
        chosen = predicted == place
        expected = [learned.bins.count(scores[part, place]).tolist() for part in (~chosen, chosen)]
        assert found[name].tolist() == expected
