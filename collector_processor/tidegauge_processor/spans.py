"""Spans as a source: from the calls that a span describes to the sums that metrics would have brought.

For clients that send no metrics of ours. Their values are read and binned exactly as the SDK reads and bins them; what
a sampler dropped on the way is not here, so a signal that rests on spans says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature, NumericFeature
from tidegauge.baseline.joint import encode
from tidegauge.columns import CategoricalColumn, NumericColumn, categorical_column, numeric_column
from tidegauge.observation import MISSING, UNEXPECTED_FEATURE, observe_categorical, observe_numeric
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import DURATION_BOUNDS, Bins
from tidegauge_processor.records import CallSpan, StreamKey
from tidegauge_processor.state.aggregates import Aggregates

_NS: Final = 1e-9


def summarise_calls(calls: Sequence[CallSpan], baseline: Baseline | None) -> Aggregates:
    """Sum up calls of one writer and model, a row each; without a baseline numbers fall into exponential bins."""
    sums = _Sums(baseline)
    groups: dict[tuple[str, ...], list[CallSpan]] = {}
    for call in calls:
        groups.setdefault(call.names, []).append(call)
    for names, group in groups.items():
        sums.add_features(names, [call.values for call in group])
    sums.add_outputs(calls)
    return sums.aggregates


class _Sums:
    def __init__(self, baseline: Baseline | None) -> None:
        self.aggregates = Aggregates()
        self._baseline = baseline
        self._id = baseline.id if baseline else ""
        self._features = {feature.name: feature for feature in baseline.features} if baseline else {}

    def add_features(self, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        for absent in self._features.keys() - columns.keys():
            self._violated(absent, {MISSING: len(rows)})
        read: dict[str, NumericColumn | CategoricalColumn] = {}
        for name, values in columns.items():
            feature = self._features.get(name)
            if self._baseline and feature is None:
                self._violated(name, {UNEXPECTED_FEATURE: len(rows)})
            elif isinstance(feature, CategoricalFeature):
                read[name] = self._add_categories(feature, values)
            else:
                read[name] = self._add_numbers(name, feature, values)
        self._add_errors(read, len(rows))

    def add_outputs(self, calls: Sequence[CallSpan]) -> None:
        baseline = self._baseline
        durations = Bins(np.array(DURATION_BOUNDS))
        for error_type, group in _grouped(calls, lambda call: call.error_type):
            seconds = np.array([(call.end - call.start) * _NS for call in group])
            labels = {semconv.ERROR_TYPE: error_type} if error_type else {}
            stream = StreamKey(semconv.METRIC_PREDICTION_DURATION, "", tuple(labels.items()))
            self.aggregates.add(stream, NumericSummary.of(seconds, durations))
        score_bins = baseline.score.bins if baseline and baseline.score else Bins(np.arange(1, 100) / 100)
        for name, group in _grouped([call for call in calls if not call.error_type], lambda call: call.predicted_class):
            labels = {semconv.PREDICTION_CLASS: name} if name else {}
            self._add(semconv.METRIC_PREDICTIONS, labels, len(group))
            scores = _finite(call.score for call in group)
            if scores.size:
                self._add(semconv.METRIC_PREDICTION_SCORE, labels, NumericSummary.of(scores, score_bins))
            values = _finite(call.value for call in group)
            if values.size:
                reference = baseline.value if baseline else None
                summary = NumericSummary.of(values, reference.bins) if reference else ExponentialSummary.of(values)
                self._add(semconv.METRIC_PREDICTION_VALUE, {}, summary)

    def _add_errors(self, read: dict[str, NumericColumn | CategoricalColumn], rows: int) -> None:
        joint = self._baseline.joint if self._baseline else None
        if joint is None:
            return
        encoded = {name: encode(read[name], self._features[name]) for name in joint.names if name in read}
        errors = _finite(joint.errors(encoded, rows).tolist())
        if errors.size:
            self._add(semconv.METRIC_RECONSTRUCTION_ERROR, {}, NumericSummary.of(errors, joint.error.bins))

    def _add_numbers(self, name: str, feature: NumericFeature | None, values: Sequence[Any]) -> NumericColumn:
        column = numeric_column([_number(value) for value in values])
        found = observe_numeric(column, feature)
        self._violated(name, found.violations)
        if found.summary.count:
            self._add(semconv.METRIC_FEATURE_VALUE, {semconv.FEATURE_NAME: name}, found.summary)
        return column

    def _add_categories(self, feature: CategoricalFeature, values: Sequence[Any]) -> CategoricalColumn:
        column = categorical_column(values)
        found = observe_categorical(column, feature)
        self._violated(feature.name, found.violations)
        for category, count in found.summary.counts.items():
            labels = {semconv.FEATURE_CATEGORY: category, semconv.FEATURE_NAME: feature.name}
            self._add(semconv.METRIC_FEATURE_OCCURRENCES, labels, count)
        return column

    def _violated(self, feature: str, violations: dict[str, int]) -> None:
        for kind, count in violations.items():
            labels = {semconv.VIOLATION_TYPE: kind, semconv.FEATURE_NAME: feature}
            self._add(semconv.METRIC_VIOLATIONS, labels, count)

    def _add(self, metric: str, labels: dict[str, str], value: NumericSummary | ExponentialSummary | int) -> None:
        self.aggregates.add(StreamKey(metric, self._id, tuple(sorted(labels.items()))), value)


def _grouped(calls: Iterable[CallSpan], key: Callable[[CallSpan], str]) -> Iterable[tuple[str, list[CallSpan]]]:
    groups: dict[str, list[CallSpan]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups.items()


def _finite(values: Iterable[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([value for value in values if value is not None and math.isfinite(value)], dtype=np.float64)


def _number(value: Any) -> Any:
    """A span's values are all strings when one of them is no number; then a number has to be read from its text."""
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    try:
        return float(value)
    except ValueError:
        return value
