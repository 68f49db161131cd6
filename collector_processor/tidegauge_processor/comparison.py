"""What of a window can be compared with its baseline: counts of the window beside counts of the reference.

| stream | cells |
|---|---|
| feature, numeric | the baseline's bins |
| feature, categorical | the baseline's categories, ``_other``, ``_unseen`` |
| prediction | the baseline's classes and one for all others; the bins of the predicted number for regression |
| score | the baseline's score bins, all predicted classes together |
| quality | rows in order, rows that break the schema; one stream for each feature and kind of violation |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, Feature, NumericFeature, ScoreReference
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY
from tidegauge.summaries import OTHER, UNSEEN, NumericSummary
from tidegauge_processor.records import StreamKey
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.verdicts.types import Reference, Stream

Cells = NDArray[np.int64]

FEATURE: Final = "feature"
PREDICTION: Final = "prediction"
SCORE: Final = "score"
QUALITY: Final = "quality"

_OF_NUMBERS: Final = (MISSING, NON_FINITE, TYPE_MISMATCH, OUT_OF_RANGE)
_OF_CATEGORIES: Final = (MISSING, TYPE_MISMATCH, UNSEEN_CATEGORY)
_OF_OPEN_CATEGORIES: Final = (MISSING, TYPE_MISMATCH)


def references(baseline: Baseline) -> dict[Stream, Reference]:
    """Reference counts of every stream that ``baseline`` knows, by season slot."""
    found: dict[Stream, Reference] = {}
    for feature in baseline.features:
        bounds = feature.bounds if isinstance(feature, NumericFeature) else None
        found[Stream(FEATURE, feature.name)] = Reference(feature.counts, bounds)
        present = feature.counts.sum(axis=1)
        for kind in _possible_violations(feature):
            bad = feature.missing if kind == MISSING else np.zeros_like(present)
            found[Stream(QUALITY, feature.name, kind)] = Reference(np.stack([present, bad], axis=1), None)
    if baseline.value is not None:
        found[Stream(PREDICTION, "")] = Reference(baseline.value.counts, baseline.value.bounds)
    elif baseline.class_counts is not None:
        padded = np.pad(baseline.class_counts, ((0, 0), (0, 1)))
        found[Stream(PREDICTION, "")] = Reference(padded, None)
    if baseline.score is not None:
        found[Stream(SCORE, "")] = Reference(baseline.score.counts.sum(axis=1), baseline.score.bounds)
    return found


class Seen(Protocol):
    """What a window saw, whether it comes from data points or from rows."""

    def feature(self, feature: Feature) -> Cells:
        """Values by cell of the feature's reference."""

    def violations(self, feature: str, kind: str) -> int:
        """Values of a feature that broke the schema in one way."""

    def classes(self) -> Cells:
        """Predicted classes by cell, see `class_cells`."""

    def value(self, reference: NumericFeature) -> Cells:
        """Predicted numbers by bin."""

    def score(self, reference: ScoreReference) -> Cells:
        """Scores by bin, all predicted classes together."""


def counts(seen: Seen, baseline: Baseline) -> dict[Stream, Cells]:
    """Counts of one window, cell by cell as in `references`; streams without data have empty cells."""
    found: dict[Stream, Cells] = {}
    for feature in baseline.features:
        cells = seen.feature(feature)
        found[Stream(FEATURE, feature.name)] = cells
        present = int(cells.sum())
        bad = {kind: seen.violations(feature.name, kind) for kind in _possible_violations(feature)}
        rows = present + sum(bad.get(kind, 0) for kind in (MISSING, NON_FINITE, TYPE_MISMATCH))
        for kind, number in bad.items():
            found[Stream(QUALITY, feature.name, kind)] = np.array([max(rows - number, 0), number], dtype=np.int64)
    if baseline.value is not None:
        found[Stream(PREDICTION, "")] = seen.value(baseline.value)
    elif baseline.class_counts is not None:
        found[Stream(PREDICTION, "")] = seen.classes()
    if baseline.score is not None:
        found[Stream(SCORE, "")] = seen.score(baseline.score)
    return found


def class_cells(baseline: Baseline) -> tuple[dict[str, int], int]:
    """Cell of each class that the baseline knows, and the cell of all others.

    A baseline of more classes than it can list has counted the rare ones together, as ``_other``.
    """
    place = {label: cell for cell, label in enumerate(baseline.classes)}
    return place, place.get(OTHER, len(place))


def _possible_violations(feature: Feature) -> tuple[str, ...]:
    """What a feature can get wrong; each is a stream, and takes its share of the budget of false alarms."""
    if isinstance(feature, NumericFeature):
        return _OF_NUMBERS
    return _OF_OPEN_CATEGORIES if feature.open else _OF_CATEGORIES


def rows_predicted(sums: Aggregates) -> int:
    """Rows predicted in one window, whatever baseline they were compared with."""
    return sum(count for stream, count in sums.counts.items() if stream.metric == semconv.METRIC_PREDICTIONS)


def baseline_in_use(sums: Aggregates) -> str:
    """Id of the baseline that most rows, or else most streams, were binned with; empty when there was none."""
    streams = Counter(stream.baseline for stream in (*sums.histograms, *sums.counts) if stream.baseline)
    rows = Counter(dict.fromkeys(streams, 0))
    for stream, count in sums.counts.items():
        if stream.metric == semconv.METRIC_PREDICTIONS and stream.baseline:
            rows[stream.baseline] += count
    return max(rows, key=lambda baseline: (rows[baseline], streams[baseline], baseline), default="")


def violation_rates(sums: Aggregates, known: Mapping[Stream, Cells]) -> dict[tuple[str, str], float]:
    """Share of rows that broke the schema, by feature and kind, where any did.

    Rows of calls that failed were seen as well, though nothing was predicted for them; ``known`` tells of them.
    """
    rows = rows_predicted(sums)
    bad: dict[tuple[str, str], int] = {}
    for stream, count in sums.counts.items():
        if stream.metric == semconv.METRIC_VIOLATIONS and count:
            broken = stream.dimension(semconv.FEATURE_NAME), stream.dimension(semconv.VIOLATION_TYPE)
            bad[broken] = bad.get(broken, 0) + count
    seen = {(stream.name, stream.detail): int(cells.sum()) for stream, cells in known.items()}
    return {broken: min(1.0, count / max(rows, seen.get(broken, 0), 1)) for broken, count in bad.items()}


class Points:
    """What the data points of a window say about the streams of one baseline.

    Args:
        sums: the window.
        baseline: points that stand on another one are not looked at.
    """

    def __init__(self, sums: Aggregates, baseline: Baseline) -> None:
        self._sums = sums
        self._baseline = baseline
        self._by_feature: dict[tuple[str, str], list[StreamKey]] = {}
        for stream in (*sums.histograms, *sums.counts):
            if stream.baseline == baseline.id:
                key = stream.metric, stream.dimension(semconv.FEATURE_NAME)
                self._by_feature.setdefault(key, []).append(stream)

    def feature(self, feature: Feature) -> Cells:
        """See `Seen`."""
        if isinstance(feature, NumericFeature):
            return self._histogram(semconv.METRIC_FEATURE_VALUE, feature.bounds, feature.name)
        place = {label: cell for cell, label in enumerate(feature.labels)}
        return self._cells(
            len(place),
            semconv.METRIC_FEATURE_OCCURRENCES,
            feature.name,
            lambda stream: place.get(stream.dimension(semconv.FEATURE_CATEGORY), place[UNSEEN]),
        )

    def classes(self) -> Cells:
        """See `Seen`."""
        place, others = class_cells(self._baseline)
        return self._cells(
            len(place) + 1,
            semconv.METRIC_PREDICTIONS,
            "",
            lambda stream: place.get(stream.dimension(semconv.PREDICTION_CLASS), others),
        )

    def value(self, reference: NumericFeature) -> Cells:
        """See `Seen`."""
        return self._histogram(semconv.METRIC_PREDICTION_VALUE, reference.bounds)

    def score(self, reference: ScoreReference) -> Cells:
        """See `Seen`."""
        return self._histogram(semconv.METRIC_PREDICTION_SCORE, reference.bounds)

    def violations(self, feature: str, kind: str) -> int:
        """See `Seen`."""
        return int(
            self._cells(
                2,
                semconv.METRIC_VIOLATIONS,
                feature,
                lambda stream: int(stream.dimension(semconv.VIOLATION_TYPE) == kind),
            )[1]
        )

    def _histogram(self, metric: str, bounds: NDArray[np.float64], feature: str = "") -> Cells:
        cells = np.zeros(bounds.size + 1, dtype=np.int64)
        for stream in self._by_feature.get((metric, feature), ()):
            summary = self._sums.histograms.get(stream)
            if isinstance(summary, NumericSummary) and np.array_equal(summary.bounds, bounds):
                cells += summary.counts
        return cells

    def _cells(self, size: int, metric: str, feature: str, cell: Callable[[StreamKey], int]) -> Cells:
        cells = np.zeros(size, dtype=np.int64)
        for stream in self._by_feature.get((metric, feature), ()):
            cells[cell(stream)] += self._sums.counts[stream]
        return cells
