"""What the processor's signals must say about a history, computed from its rows."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.end_to_end.leaves import gauge, leaves, points
from tests.end_to_end.sink import Request
from tests.workloads import HOUR, CreditHistory, bin_counts
from tidegauge import Baseline, semconv

_IDENTITY = {semconv.MODEL_NAME, semconv.MODEL_VERSION, semconv.BASELINE_ID}


def check_counts(requests: Sequence[Request], history: CreditHistory, baseline: Baseline) -> None:
    """Assert that every row of the history was counted exactly once, and each feature's values with it.

    A single row too many or too few changes the totals; a single value in a wrong bin changes an effect size.
    """
    hours = range(history.hours)
    ends = [history.start + (hour + 1) * HOUR for hour in hours]

    samples = [point.as_int for point in points(requests, semconv.METRIC_WINDOW_SAMPLES).values()]
    assert samples == sorted(samples)
    assert samples[-1] == len(history.rows)
    assert [gauge(requests, semconv.METRIC_WINDOW_COMPLETENESS).get(end) for end in ends] == [1.0] * len(ends)
    durations = points(requests, semconv.METRIC_PREDICTION_DURATION)
    assert max(point.count for point in durations.values()) == len(history.calls)

    missing = {semconv.FEATURE_NAME: "income", semconv.VIOLATION_TYPE: "missing"}
    rates = gauge(requests, semconv.METRIC_VIOLATION_RATE, missing)
    expected_rates = [history.of_hour(hour)["income"].isna().mean() for hour in hours]
    assert [rates.get(end, 0.0) for end in ends] == expected_rates

    for name in ("income", "age"):
        feature = baseline.feature(name)
        attributes = {semconv.FEATURE_NAME: name, semconv.DRIFT_TARGET: "feature", semconv.WINDOW_NAME: "1h"}
        scores = gauge(requests, semconv.METRIC_DRIFT_SCORE, attributes | {semconv.DRIFT_METHOD: "psi_half_count"})
        expected_scores = {
            end: _psi(feature.counts[0], bin_counts(history.of_hour(hour)[name], feature.bounds.tolist()))
            for hour, end in zip(hours, ends, strict=True)
        }
        assert {end: scores.get(end, math.nan) for end in ends} == pytest.approx(expected_scores, rel=1e-9)


def check_sent(requests: Iterable[Request], history: CreditHistory, baseline: Baseline) -> None:
    """Assert that the SDK's data points add up to the history, and that their intervals never overlap."""
    rows = pd.concat([history.rows, history.rows.iloc[[0]]])
    totals: Counter[tuple[str, ...]] = Counter()
    bins: dict[str, Any] = {"income": 0, "age": 0}
    intervals = defaultdict(list)
    for leaf in leaves(requests):
        if leaf.kind not in ("sum", "histogram") or not leaf.name.startswith("ml."):
            continue
        values = tuple(str(value) for name, value in sorted(leaf.attributes.items()) if name not in _IDENTITY)
        totals[leaf.name, *values] += leaf.data.as_int if leaf.kind == "sum" else leaf.data.count
        intervals[leaf.name, *values].append((leaf.data.start_time_unix_nano, leaf.data.time_unix_nano))
        if leaf.name == semconv.METRIC_FEATURE_VALUE:
            bins[leaf.attributes[semconv.FEATURE_NAME]] += np.array(leaf.data.bucket_counts)
    expected = Counter(
        {
            (semconv.METRIC_PREDICTION_DURATION,): len(history.calls) + 1,
            (semconv.METRIC_FEATURE_VALUE, "income"): rows["income"].count(),
            (semconv.METRIC_FEATURE_VALUE, "age"): len(rows),
            (semconv.METRIC_RECONSTRUCTION_ERROR,): len(rows),
            (semconv.METRIC_VIOLATIONS, "missing", "income"): rows["income"].isna().sum(),
        }
    )
    for channel, count in rows["channel"].value_counts().items():
        expected[semconv.METRIC_FEATURE_OCCURRENCES, str(channel), "channel"] = count
    for predicted, count in rows["predicted"].value_counts().items():
        expected[semconv.METRIC_PREDICTIONS, str(predicted)] = count
        expected[semconv.METRIC_PREDICTION_SCORE, str(predicted)] = count
    assert {stream: count for stream, count in totals.items() if count} == dict(expected)
    for name, counts in bins.items():
        assert counts.tolist() == bin_counts(rows[name], baseline.feature(name).bounds.tolist())
    for stream, taken in intervals.items():
        taken.sort()
        for (_, end), (start, _) in itertools.pairwise(taken):
            assert start >= end, f"two intervals of {stream} overlap"


def check_accuracy(requests: Sequence[Request], history: CreditHistory) -> None:
    """Assert that the realized accuracy of each hour is the share of its labelled rows that were predicted right."""
    said = gauge(
        requests,
        semconv.METRIC_EVALUATION_SCORE,
        {semconv.EVALUATION_NAME: "accuracy", semconv.EVALUATION_TYPE: "realized"},
    )
    expected = {}
    for hour in range(history.hours):
        rows = history.labelled(hour)
        expected[history.start + (hour + 1) * HOUR] = (rows["predicted"] == rows["actual"]).mean()
    assert {end: said.get(end) for end in expected} == pytest.approx(expected, rel=1e-9)


def _psi(reference: np.ndarray, window: Sequence[int]) -> float:
    # Population stability index with half a count added to each bin.
    shares = [(np.asarray(counts) + 0.5) / (np.sum(counts) + 0.5 * len(counts)) for counts in (reference, window)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
