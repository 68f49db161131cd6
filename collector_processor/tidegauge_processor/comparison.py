"""What of a window can be compared with its baseline: counts of the window beside counts of the reference.

| stream | cells |
|---|---|
| feature, numeric | the baseline's bins |
| feature, categorical | the baseline's categories, ``_other``, ``_unseen`` |
| joint | the bins of the reconstruction error: how far rows lie off the baseline's principal components |
| attribution | the baseline's bins of a feature's attributions |
| prediction | the baseline's classes and one for all others; the bins of the predicted number for regression |
| score | the baseline's score bins, all predicted classes together |
| quality | rows in order, rows that break the schema; one stream for each feature and kind of violation |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature, Feature, NumericFeature, ScoreReference
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY
from tidegauge.statistics.wobble import UNKNOWN
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor.performance.evaluate import Evaluation
from tidegauge_processor.performance.evaluations import estimated
from tidegauge_processor.records import StreamKey, Summary
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.verdicts.moderation import moderate
from tidegauge_processor.verdicts.types import Reference, Stream

Cells = NDArray[np.int64]

FEATURE: Final = "feature"
JOINT: Final = "joint"
ATTRIBUTION: Final = "attribution"
PREDICTION: Final = "prediction"
SCORE: Final = "score"
QUALITY: Final = "quality"

_OF_NUMBERS: Final = (MISSING, NON_FINITE, TYPE_MISMATCH, OUT_OF_RANGE)
_OF_CATEGORIES: Final = (MISSING, TYPE_MISMATCH, UNSEEN_CATEGORY)
_OF_OPEN_CATEGORIES: Final = (MISSING, TYPE_MISMATCH)


def between(summary: Summary | None, bounds: NDArray[np.float64]) -> Cells:
    """Counts of a summary between ``bounds`` (shape ``(K,)``), shape ``(K + 1,)``; none where its bins do not fit."""
    if isinstance(summary, ExponentialSummary) and ExponentialSummary.fits(bounds):
        return summary.count_between(bounds)
    if isinstance(summary, NumericSummary) and np.array_equal(summary.bounds, bounds):
        return summary.counts
    return np.zeros(bounds.size + 1, dtype=np.int64)


def references(baseline: Baseline) -> dict[Stream, Reference]:
    """Reference counts of every stream that ``baseline`` knows, by season slot, and their wobble."""
    found: dict[Stream, Reference] = {}
    for feature in baseline.features:
        bounds = feature.bounds if isinstance(feature, NumericFeature) else None
        found[Stream(FEATURE, feature.name)] = Reference(feature.counts, bounds, wobble=feature.wobble)
        present = feature.counts.sum(axis=1)
        for kind in _possible_violations(feature):
            bad = feature.missing if kind == MISSING else np.zeros_like(present)
            wobble = feature.missing_wobble if kind == MISSING else UNKNOWN
            cells = np.stack([present, bad], axis=1)
            found[Stream(QUALITY, feature.name, kind)] = Reference(cells, wobble=wobble)
    if baseline.joint is not None:
        error = baseline.joint.error
        found[Stream(JOINT, "")] = Reference(error.counts, error.bounds, wobble=error.wobble)
    for part in baseline.attributions:
        found[Stream(ATTRIBUTION, part.name)] = Reference(part.counts, part.bounds, wobble=part.wobble)
    if baseline.value is not None:
        found[Stream(PREDICTION, "")] = Reference(
            baseline.value.counts, baseline.value.bounds, wobble=baseline.value.wobble
        )
    elif baseline.class_counts is not None:
        padded = np.pad(baseline.class_counts, ((0, 0), (0, 1)))
        found[Stream(PREDICTION, "")] = Reference(padded, wobble=baseline.class_wobble)
    if baseline.score is not None:
        found[Stream(SCORE, "")] = Reference(
            baseline.score.counts.sum(axis=1), baseline.score.bounds, wobble=baseline.score.wobble
        )
    return moderate(found)


def counts(
    sums: Aggregates, baseline: Baseline, *, unreferenced: bool = False, also: Baseline | None = None
) -> dict[Stream, Cells]:
    """Counts of one window, cell by cell as in `references`; streams without data have empty cells.

    Args:
        sums: of the window.
        baseline: whose cells they are counted in.
        unreferenced: what came without a baseline counts too, where its bins fit the cells.
        also: another baseline; what came with it counts too where both have the same cells.
    """
    view = _View(sums, baseline, unreferenced, also)
    found: dict[Stream, Cells] = {}
    for feature in baseline.features:
        cells = view.feature(feature)
        found[Stream(FEATURE, feature.name)] = cells
        present = int(cells.sum())
        bad = {kind: view.violations(feature.name, kind) for kind in _possible_violations(feature)}
        if unreferenced and UNSEEN_CATEGORY in bad:  # nobody who knows no baseline can say what is unseen
            bad[UNSEEN_CATEGORY] = int(cells[-1])
        rows = present + sum(bad.get(kind, 0) for kind in (MISSING, NON_FINITE, TYPE_MISMATCH))
        for kind, number in bad.items():
            found[Stream(QUALITY, feature.name, kind)] = np.array([max(rows - number, 0), number], dtype=np.int64)
    if baseline.joint is not None:
        found[Stream(JOINT, "")] = view.histogram(semconv.METRIC_RECONSTRUCTION_ERROR, baseline.joint.error.bounds)
    for part in baseline.attributions:
        cells = view.histogram(semconv.METRIC_FEATURE_ATTRIBUTION, part.bounds, part.name)
        found[Stream(ATTRIBUTION, part.name)] = cells
    if baseline.value is not None:
        found[Stream(PREDICTION, "")] = view.histogram(semconv.METRIC_PREDICTION_VALUE, baseline.value.bounds)
    elif baseline.class_counts is not None:
        found[Stream(PREDICTION, "")] = view.classes()
    if baseline.score is not None:
        found[Stream(SCORE, "")] = view.histogram(semconv.METRIC_PREDICTION_SCORE, baseline.score.bounds)
    return found


def _same_cells(one: Baseline, other: Baseline, name: str) -> bool:
    """Whether two baselines count a feature, or what was predicted when none is named, in the same cells."""
    if not name:
        return (one.classes, _bounds(one.score), _bounds(one.value)) == (
            other.classes,
            _bounds(other.score),
            _bounds(other.value),
        )
    try:
        first, second = one.feature(name), other.feature(name)
    except KeyError:
        return False
    if isinstance(first, NumericFeature) and isinstance(second, NumericFeature):
        return np.array_equal([first.low, *first.bounds, first.high], [second.low, *second.bounds, second.high])
    if isinstance(first, NumericFeature) or isinstance(second, NumericFeature):
        return False
    return (first.labels, first.others, first.open) == (second.labels, second.others, second.open)


def _place(place: Mapping[str, int], feature: CategoricalFeature, category: str) -> int:
    """Cell of a category; of those without one, a writer that knows the baseline has said which they are."""
    return place[category] if category in place else place[feature.place(category)]


def _bounds(part: NumericFeature | ScoreReference | None) -> list[float] | None:
    return None if part is None else part.bounds.tolist()


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


def estimates(sums: Aggregates, baseline: Baseline) -> list[Evaluation]:
    """Performance of one window, estimated without its labels."""
    view = _View(sums, baseline)
    if baseline.score is not None:
        return estimated(baseline, scores=view.by_class(semconv.METRIC_PREDICTION_SCORE, baseline.score.bounds))
    if baseline.loss is not None:
        return estimated(baseline, expected=view.total(semconv.METRIC_ESTIMATED_LOSS, baseline.loss.error.bounds))
    return []


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
    for watched, cells in known.items():  # what only the baseline can tell, in rows that came without it
        if watched.target == QUALITY and cells[1]:
            broken = watched.name, watched.detail
            bad[broken] = max(bad.get(broken, 0), int(cells[1]))
    seen = {(stream.name, stream.detail): int(cells.sum()) for stream, cells in known.items()}
    return {broken: min(1.0, count / max(rows, seen.get(broken, 0), 1)) for broken, count in bad.items()}


class _View:
    """The streams that can be counted in the cells of one baseline, by what they are about."""

    def __init__(
        self, sums: Aggregates, baseline: Baseline, unreferenced: bool = False, also: Baseline | None = None
    ) -> None:
        self._sums = sums
        self._baseline = baseline
        self._by_feature: dict[tuple[str, str], list[StreamKey]] = {}
        for stream in (*sums.histograms, *sums.counts):
            name = stream.dimension(semconv.FEATURE_NAME)
            if (
                stream.baseline == baseline.id
                or (unreferenced and not stream.baseline)
                or (also and stream.baseline == also.id and _same_cells(also, baseline, name))
            ):
                self._by_feature.setdefault((stream.metric, name), []).append(stream)

    def feature(self, feature: Feature) -> Cells:
        if isinstance(feature, NumericFeature):
            return self.histogram(semconv.METRIC_FEATURE_VALUE, feature.bounds, feature.name)
        place = {label: cell for cell, label in enumerate(feature.labels)}
        return self._cells(
            len(place),
            semconv.METRIC_FEATURE_OCCURRENCES,
            feature.name,
            lambda stream: _place(place, feature, stream.dimension(semconv.FEATURE_CATEGORY)),
        )

    def classes(self) -> Cells:
        place = {label: cell for cell, label in enumerate(self._baseline.classes)}
        return self._cells(
            len(place) + 1,
            semconv.METRIC_PREDICTIONS,
            "",
            lambda stream: place.get(stream.dimension(semconv.PREDICTION_CLASS), len(place)),
        )

    def histogram(self, metric: str, bounds: NDArray[np.float64], feature: str = "") -> Cells:
        cells = np.zeros(bounds.size + 1, dtype=np.int64)
        for stream in self._by_feature.get((metric, feature), ()):
            cells += between(self._sums.histograms.get(stream), bounds)
        return cells

    def by_class(self, metric: str, bounds: NDArray[np.float64]) -> dict[str, Cells]:
        found: dict[str, Cells] = {}
        for stream, summary in self._numeric(metric, bounds):
            name = stream.dimension(semconv.PREDICTION_CLASS)
            found[name] = found.get(name, 0) + summary.counts
        return found

    def total(self, metric: str, bounds: NDArray[np.float64]) -> tuple[float, int]:
        summaries = [summary for _, summary in self._numeric(metric, bounds)]
        return sum(summary.sum.value for summary in summaries), sum(summary.count for summary in summaries)

    def _numeric(self, metric: str, bounds: NDArray[np.float64]) -> Iterator[tuple[StreamKey, NumericSummary]]:
        for stream in self._by_feature.get((metric, ""), ()):
            summary = self._sums.histograms.get(stream)
            if isinstance(summary, NumericSummary) and np.array_equal(summary.bounds, bounds):
                yield stream, summary

    def violations(self, feature: str, kind: str) -> int:
        return int(
            self._cells(
                2,
                semconv.METRIC_VIOLATIONS,
                feature,
                lambda stream: int(stream.dimension(semconv.VIOLATION_TYPE) == kind),
            )[1]
        )

    def _cells(self, size: int, metric: str, feature: str, cell: Callable[[StreamKey], int]) -> Cells:
        cells = np.zeros(size, dtype=np.int64)
        for stream in self._by_feature.get((metric, feature), ()):
            cells[cell(stream)] += self._sums.counts[stream]
        return cells
