"""What the processor's signals must say about a history, computed from its rows; and how to read what they said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.leaves import leaves
from tests.end_to_end.sink import Request
from tests.workloads import HOUR, SECOND, CreditHistory, bin_counts
from tidegauge import Baseline, semconv


def points(requests: Iterable[Request], name: str, attributes: Mapping[str, str] | None = None) -> dict[int, Any]:
    """Points of one series by their time in ns; a point that was delivered twice must say the same twice."""
    wanted = (attributes or {}).items()
    found: dict[int, Any] = {}
    for leaf in leaves(requests):
        if leaf.name == name and wanted <= leaf.attributes.items():
            known = found.setdefault(leaf.data.time_unix_nano, leaf.data)
            assert known == leaf.data, f"{name} {attributes} says two things about one time: {known} {leaf.data}"
    return dict(sorted(found.items()))


def gauge(requests: Iterable[Request], name: str, attributes: Mapping[str, str] | None = None) -> dict[int, float]:
    """Values of one gauge by their time in ns."""
    return {time: point.as_double for time, point in points(requests, name, attributes).items()}


def finished(requests: Iterable[Request], history: CreditHistory) -> bool:
    """Whether the last hour of the history has been judged and its outcomes evaluated."""
    end = history.start + history.hours * HOUR
    judged = gauge(requests, semconv.METRIC_WINDOW_END).values()
    evaluated = gauge(requests, semconv.METRIC_EVALUATION_SCORE, {semconv.EVALUATION_NAME: "accuracy"})
    return max(judged, default=0.0) * SECOND >= end and max(evaluated, default=0) >= end


def check_counts(requests: Sequence[Request], history: CreditHistory, baseline: Baseline) -> None:
    """Assert that every row of the history was counted exactly once, and each feature's values with it.

    A single row too many or too few changes the totals; a single value in a wrong bin changes an effect size.
    """
    hours = range(history.hours)
    ends = [history.start + (hour + 1) * HOUR for hour in hours]

    samples = points(requests, semconv.METRIC_WINDOW_SAMPLES)
    assert max(point.as_int for point in samples.values()) == len(history.rows)
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


def check_accuracy(requests: Sequence[Request], history: CreditHistory) -> None:
    """Assert that the realized accuracy of each hour is the share of its labelled rows that were predicted right."""
    said = gauge(requests, semconv.METRIC_EVALUATION_SCORE, {semconv.EVALUATION_NAME: "accuracy"})
    expected = {}
    for hour in range(history.hours):
        rows = history.labelled(hour)
        expected[history.start + (hour + 1) * HOUR] = (rows["predicted"] == rows["actual"]).mean()
    assert {end: said.get(end) for end in expected} == pytest.approx(expected, rel=1e-9)


def _psi(reference: np.ndarray, window: Sequence[int]) -> float:
    # Population stability index with half a count added to each bin.
    shares = [(np.asarray(counts) + 0.5) / (np.sum(counts) + 0.5 * len(counts)) for counts in (reference, window)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
