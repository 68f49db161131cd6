"""What the data points of a window say about the streams of a baseline, counted in its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, Calibration, CategoricalFeature, Feature, NumericFeature, ScoreReference
from tidegauge.baseline.joint import JointReference
from tidegauge.baseline.loss import LossModel
from tidegauge.observation import UNSEEN_CATEGORY
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor.comparison import Cells, class_cells
from tidegauge_processor.records import StreamKey, Summary
from tidegauge_processor.same_cells import SameCells
from tidegauge_processor.state.aggregates import Aggregates

NONE_KNOWN: Final[Mapping[str, Baseline]] = MappingProxyType({})


def between(summary: Summary | None, bounds: NDArray[np.float64]) -> Cells:
    """Counts of a summary between ``bounds`` (shape ``(K,)``), shape ``(K + 1,)``; none where its bins do not fit."""
    if isinstance(summary, ExponentialSummary) and ExponentialSummary.fits(bounds):
        return summary.count_between(bounds)
    if isinstance(summary, NumericSummary) and np.array_equal(summary.bounds, bounds):
        return summary.counts
    return np.zeros(bounds.size + 1, dtype=np.int64)


def category_cell(feature: CategoricalFeature) -> Callable[[StreamKey], int]:
    """Cell of a point of ``ml.feature.occurrences``.

    Where it came with a baseline, its writer has said what the category counts as; else the feature says so.
    """
    place = {label: cell for cell, label in enumerate(feature.labels)}

    def cell(stream: StreamKey) -> int:
        category = stream.dimension(semconv.FEATURE_CATEGORY)
        return place[category] if category in place else place[feature.place(category)]

    return cell


def class_cell(baseline: Baseline) -> Callable[[StreamKey], int]:
    """Cell of a point of ``ml.predictions``."""
    place, others = class_cells(baseline)
    return lambda stream: place.get(stream.dimension(semconv.PREDICTION_CLASS), others)


class Points:
    """The points of a window that can be counted in the cells of one baseline; a `comparison.Seen`.

    Args:
        sums: of the window.
        baseline: whose cells they are counted in.
        unreferenced: what came without a baseline counts too, where its bins fit the cells.
        known: other baselines, by id; what came with them counts too where both have the same cells.

    Attributes:
        left_out: streams that came otherwise.
    """

    def __init__(
        self,
        sums: Aggregates,
        baseline: Baseline,
        *,
        unreferenced: bool = False,
        known: Mapping[str, Baseline] = NONE_KNOWN,
    ) -> None:
        self._sums = sums
        self._baseline = baseline
        self._unreferenced = unreferenced
        self._known = known
        self._alike: dict[str, SameCells | None] = {}
        self._by_feature: dict[tuple[str, str], list[StreamKey]] = {}
        self.left_out: list[StreamKey] = []
        for stream in (*sums.histograms, *sums.counts):
            if self._fits(stream):
                place = stream.metric, stream.dimension(semconv.FEATURE_NAME)
                self._by_feature.setdefault(place, []).append(stream)
            else:
                self.left_out.append(stream)

    def feature(self, feature: Feature) -> Cells:
        """See `comparison.Seen`."""
        if isinstance(feature, NumericFeature):
            return self._histogram(semconv.METRIC_FEATURE_VALUE, feature.bounds, feature.name)
        cell = category_cell(feature)
        return self._cells(len(feature.labels), semconv.METRIC_FEATURE_OCCURRENCES, feature.name, cell)

    def classes(self) -> Cells:
        """See `comparison.Seen`."""
        cell = class_cell(self._baseline)
        return self._cells(len(self._baseline.classes) + 1, semconv.METRIC_PREDICTIONS, "", cell)

    def joint(self, reference: JointReference) -> Cells:
        """See `comparison.Seen`."""
        return self._histogram(semconv.METRIC_RECONSTRUCTION_ERROR, reference.error.bounds)

    def attribution(self, reference: NumericFeature) -> Cells:
        """See `comparison.Seen`."""
        return self._histogram(semconv.METRIC_FEATURE_ATTRIBUTION, reference.bounds, reference.name)

    def value(self, reference: NumericFeature) -> Cells:
        """See `comparison.Seen`."""
        return self._histogram(semconv.METRIC_PREDICTION_VALUE, reference.bounds)

    def score(self, reference: ScoreReference) -> Cells:
        """See `comparison.Seen`."""
        return self._histogram(semconv.METRIC_PREDICTION_SCORE, reference.bounds)

    def scores_by_class(self, reference: ScoreReference) -> dict[str, Cells]:
        """See `evaluations.Estimable`."""
        found: dict[str, Cells] = {}
        for stream, summary in self._numeric(semconv.METRIC_PREDICTION_SCORE, reference.bounds):
            name = stream.dimension(semconv.PREDICTION_CLASS)
            found[name] = found.get(name, 0) + summary.counts
        return found

    def class_scores(self, references: Mapping[str, Calibration]) -> dict[str, Cells]:
        """See `evaluations.Estimable`."""
        found = {name: np.zeros((2, each.rows.size), dtype=np.int64) for name, each in references.items()}
        for stream in self._by_feature.get((semconv.METRIC_CLASS_SCORE, ""), ()):
            name, line = stream.dimension(semconv.PREDICTION_CLASS), stream.dimension(semconv.PREDICTION_CHOSEN)
            if name in references:
                found[name][int(line == "true")] += between(self._sums.histograms.get(stream), references[name].bounds)
        return found

    def expected_loss(self, reference: LossModel) -> tuple[float, int]:
        """See `evaluations.Estimable`."""
        found = [summary for _, summary in self._numeric(semconv.METRIC_ESTIMATED_LOSS, reference.error.bounds)]
        return sum(summary.sum.value for summary in found), sum(summary.count for summary in found)

    def violations(self, feature: Feature, kind: str) -> int:
        """See `comparison.Seen`."""
        if self._unreferenced and kind == UNSEEN_CATEGORY:  # nobody who knows no baseline can say what is unseen
            return int(self.feature(feature)[-1])
        return int(
            self._cells(
                2,
                semconv.METRIC_VIOLATIONS,
                feature.name,
                lambda stream: int(stream.dimension(semconv.VIOLATION_TYPE) == kind),
            )[1]
        )

    def _fits(self, stream: StreamKey) -> bool:
        id = stream.baseline
        if id == self._baseline.id or not id:
            return bool(id) or self._unreferenced
        if id not in self._alike:
            other = self._known.get(id)
            self._alike[id] = SameCells(other, self._baseline) if other else None
        alike = self._alike[id]
        return alike is not None and alike(stream)

    def _numeric(self, metric: str, bounds: NDArray[np.float64]) -> Iterator[tuple[StreamKey, NumericSummary]]:
        for stream in self._by_feature.get((metric, ""), ()):
            summary = self._sums.histograms.get(stream)
            if isinstance(summary, NumericSummary) and np.array_equal(summary.bounds, bounds):
                yield stream, summary

    def _histogram(self, metric: str, bounds: NDArray[np.float64], feature: str = "") -> Cells:
        cells = np.zeros(bounds.size + 1, dtype=np.int64)
        for stream in self._by_feature.get((metric, feature), ()):
            cells += between(self._sums.histograms.get(stream), bounds)
        return cells

    def _cells(self, size: int, metric: str, feature: str, cell: Callable[[StreamKey], int]) -> Cells:
        cells = np.zeros(size, dtype=np.int64)
        for stream in self._by_feature.get((metric, feature), ()):
            cells[cell(stream)] += self._sums.counts[stream]
        return cells
