"""From the calls of one model and interval to its summaries: everything that the metrics say, computed at once.

Nothing here depends on how the calls are split over several `ModelSummary.add`: counts and exact sums are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge._attributions import Attributions
from tidegauge._block import MOST_ROWS
from tidegauge._class_scores import class_score_histograms
from tidegauge._histogram import DURATION_BINS, Histogram, absorb, empty_histogram, exemplify, exemplify_one
from tidegauge._joint import joint_histogram
from tidegauge._loss import loss_histogram
from tidegauge._table import Table, segments_of, tables
from tidegauge.baseline import CategoricalFeature, NumericFeature
from tidegauge.columns import categorical_column, is_numeric
from tidegauge.observation import (
    MISSING,
    NON_FINITE,
    OUT_OF_RANGE,
    TYPE_MISMATCH,
    UNEXPECTED_FEATURE,
    observe_categorical,
    observe_numeric,
)
from tidegauge.summaries import OTHER, CategorySummary, NumericSummary
from tidegauge.summaries.bins import Bins

if TYPE_CHECKING:
    from tidegauge._model import Model
    from tidegauge._options import Options
    from tidegauge._prediction import Prediction

_NO_SEGMENTS: Final[tuple[tuple[str, str], ...]] = ()


class ModelSummary:
    """What the calls of one model in one interval looked like.

    Args:
        model: gives the bins and remembers bounded vocabularies.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.durations: dict[str | None, Histogram] = {}
        self.predictions: Counter[tuple[str | None, tuple[tuple[str, str], ...]]] = Counter()
        self.values: dict[None, Histogram] = {}
        self.scores: dict[str | None, Histogram] = {}
        self.class_scores: dict[tuple[str, bool], Histogram] = {}
        self.features: dict[str, Histogram] = {}
        self.losses: dict[None, Histogram] = {}
        self.joint: dict[None, Histogram] = {}
        self.occurrences: dict[str, CategorySummary] = {}
        self.violations: Counter[tuple[str, str]] = Counter()
        self.attributions = Attributions(model)

    def add(self, calls: Sequence[Prediction]) -> None:
        """Add ``calls``, all of this model.

        A call whose rows cannot be summarised is left out and counted as a failure; the calls around it are not lost.
        """
        calls = self.attributions.take(calls)
        self._add_durations(calls)
        groups: dict[Options, list[Prediction]] = {}
        for call in calls:
            groups.setdefault(call.options, []).append(call)
        for group in groups.values():
            self._attempt(group)

    # --- parts that may fail ----------------------------------------------------------------------------------------

    def _attempt(self, calls: Sequence[Prediction]) -> None:
        part = ModelSummary(self.model)
        try:
            part._add_rows(calls)
        except Exception as error:
            if len(calls) == 1:
                calls[0].note_failure("summarise", error)
                return
            middle = len(calls) // 2
            self._attempt(calls[:middle])
            self._attempt(calls[middle:])
            return
        self._absorb(part)

    def _absorb(self, part: ModelSummary) -> None:
        self.predictions.update(part.predictions)
        self.violations.update(part.violations)
        for name, categories in part.occurrences.items():
            own = self.occurrences.setdefault(name, CategorySummary())
            own += categories
        absorb(self.values, part.values)
        absorb(self.scores, part.scores)
        absorb(self.class_scores, part.class_scores)
        absorb(self.features, part.features)
        absorb(self.losses, part.losses)
        absorb(self.joint, part.joint)

    def _add_rows(self, calls: Sequence[Prediction]) -> None:
        seen: set[int] = set()
        for table in tables(calls):
            self._add_features(table)
            absorb(self.losses, loss_histogram(table, self.model))
            absorb(self.joint, joint_histogram(table, self.model))
            self._add_outputs(table.calls, table)
            seen.update(map(id, table.calls))
        self._add_outputs([call for call in calls if id(call) not in seen], None)
        self.class_scores = class_score_histograms(calls, self.model)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _add_durations(self, calls: Sequence[Prediction]) -> None:
        groups: dict[str | None, list[Prediction]] = {}
        for call in calls:
            error = None if call.error is None else self.model.errors_seen.admit(call.error)
            groups.setdefault(error, []).append(call)
        for error, group in groups.items():
            seconds = np.array([call.duration for call in group]) / 1e9
            histogram = self.durations.setdefault(error, Histogram(NumericSummary(DURATION_BINS.bounds)))
            histogram.add(seconds, DURATION_BINS)
            exemplify(histogram.examples, seconds, group)

    # --- outputs ----------------------------------------------------------------------------------------------------

    def _add_outputs(self, calls: Sequence[Prediction], table: Table | None) -> None:
        if not any(call.error is None and call.rows for call in calls):
            return
        segments: list[tuple[tuple[str, str], ...]] | None = None
        names = calls[0].options.segments
        if table is not None and names:
            segments = [
                row if self.model.segments_seen.knows(row) else tuple((name, OTHER) for name, _ in row)
                for row in segments_of(table, names)
            ]
        place = 0
        by_class: dict[str | None, list[float]] = {}
        values: list[float] = []
        owners: dict[str | None, list[Prediction]] = {}
        for call in calls:
            first, place = place, place + call.rows
            if call.error is not None:
                continue
            output = call.outputs
            classes: Sequence[str | None] = [None] * call.rows
            if output is not None and output.classes is not None:
                admit = self.model.classes_seen.admit
                classes = [None if name is None else admit(name) for name in output.classes]
            self.predictions.update(
                zip(classes, segments[first:place] if segments else [_NO_SEGMENTS] * call.rows, strict=True)
            )
            if output is not None and output.values is not None:
                values.extend(output.values)
                owners.setdefault("value", []).extend([call] * call.rows)
            if output is not None and output.scores is not None:
                for name, score in zip(classes, output.scores, strict=True):
                    by_class.setdefault(name, []).append(score)
                    owners.setdefault(name, []).append(call)
        for name, scores in by_class.items():
            bins = self.model.score_bins
            histogram = self.scores.setdefault(name, Histogram(NumericSummary(bins.bounds)))
            self._add_numbers(histogram, np.array(scores, dtype=np.float64), bins, owners[name])
        if values:
            baseline = self.model.baseline
            value_bins = None if baseline is None or baseline.value is None else baseline.value.bins
            histogram = self.values.setdefault(None, empty_histogram(value_bins))
            self._add_numbers(histogram, np.array(values, dtype=np.float64), value_bins, owners["value"])

    def _add_numbers(
        self, histogram: Histogram, values: NDArray[np.float64], bins: Bins | None, owners: Sequence[Prediction]
    ) -> None:
        finite = np.isfinite(values)
        if not finite.all():
            owners = [call for call, keep in zip(owners, finite.tolist(), strict=True) if keep]
            values = values[finite]
        if values.size:
            histogram.add(values, bins)
            exemplify(histogram.examples, values, owners)

    # --- features ---------------------------------------------------------------------------------------------------

    def _add_features(self, table: Table) -> None:
        options = table.calls[0].options
        known = self.model.features
        names = set(table.names)
        private = bool(options.deny) or not options.hash.isdisjoint(self.model.numeric)
        together = table.rows <= MOST_ROWS and names.issuperset(self.model.numeric) and not private
        if together:
            self._add_block(table)
        for name, feature in known.items():
            if name in options.deny or (together and isinstance(feature, NumericFeature)):
                continue
            if name not in names:
                self.violations[name, MISSING] += table.rows
            elif isinstance(feature, CategoricalFeature):
                self._add_categories(table, name, feature)
            elif name in options.hash:
                self._add_counts(table, name, feature)
            else:
                self._add_numeric(table, name, feature)
        excused = options.excused if known else options.aside
        for name in table.names:
            if name in known or name in excused:
                continue
            if known:
                shown = self.model.unexpected_seen.admit(name)
                self.violations[shown, UNEXPECTED_FEATURE] += table.rows - table.absent(name)
            elif self.model.features_seen.knows(name):
                self._add_unreferenced(table, name)

    def _add_block(self, table: Table) -> None:
        names = self.model.numeric
        if not names:
            return
        columns = [table.numbers(name) for name in names]
        found = self.model.block.summarise(np.array([column.values for column in columns]))
        for name, column, part in zip(names, columns, found, strict=True):
            if part.nans or part.infinite:
                mismatched = int(column.mismatched.sum())
                self._violate(name, TYPE_MISMATCH, mismatched)
                self._violate(name, MISSING, part.nans - mismatched)
                self._violate(name, NON_FINITE, part.infinite)
            if part.summary is not None:
                self._violate(name, OUT_OF_RANGE, part.outside)
                histogram = self.features.setdefault(name, Histogram(part.summary))
                if histogram.summary is not part.summary:
                    histogram.merge(part.summary)
                exemplify_one(histogram.examples, part.summary.minimum, table.owner(part.lowest))
                exemplify_one(histogram.examples, part.summary.maximum, table.owner(part.highest))

    def _add_numeric(self, table: Table, name: str, feature: NumericFeature | None) -> None:
        column = table.numbers(name)
        found = observe_numeric(column, feature)
        self._violate_all(name, found.violations, excused=0 if feature else table.absent(name))
        histogram = self.features.get(name)
        if histogram is None:
            histogram = self.features[name] = Histogram(found.summary)
        else:
            histogram.merge(found.summary)
        rows = np.flatnonzero(np.isfinite(column.values))
        if rows.size:
            values = column.values[rows]
            for place in (int(values.argmin()), int(values.argmax())):
                exemplify_one(histogram.examples, float(values[place]), table.owner(int(rows[place])))

    def _add_counts(self, table: Table, name: str, feature: NumericFeature) -> None:
        # The sum of one row is its value, and so are the smallest and the largest: only counts say nothing of a row.
        found = observe_numeric(table.numbers(name), feature)
        self._violate_all(name, found.violations)
        bounds = feature.bins.bounds
        counts = NumericSummary(bounds, found.summary.counts) if isinstance(found.summary, NumericSummary) else None
        absorb(self.features, {name: Histogram(counts or NumericSummary(bounds))})

    def _add_categories(self, table: Table, name: str, feature: CategoricalFeature) -> None:
        found = observe_categorical(table.categories(name), feature)
        self._violate_all(name, found.violations)
        if name in table.calls[0].options.hash:
            return  # digests have no counterpart in the baseline, and the categories themselves must not leave
        summary = self.occurrences.setdefault(name, CategorySummary())
        summary += found.summary

    def _add_unreferenced(self, table: Table, name: str) -> None:
        model, options = self.model, table.calls[0].options
        values = table.column(name)
        numeric = model.numeric_seen.get(name)
        if numeric is None:
            numeric = is_numeric(values)
            if numeric is not None:
                model.numeric_seen[name] = numeric
        if numeric and name not in options.hash:
            self._add_numeric(table, name, None)
            return
        column = categorical_column(values)
        counts = Counter(column.values)
        self._violate(name, TYPE_MISMATCH, column.mismatched)
        self._violate(name, MISSING, counts.pop(None, 0) - column.mismatched - table.absent(name))
        placed: Counter[str] = Counter()
        for value, count in counts.items():
            if value is not None:
                placed[model.categories_of(name).admit(options.digest(value) if name in options.hash else value)] += (
                    count
                )
        if placed:
            summary = self.occurrences.setdefault(name, CategorySummary())
            summary += CategorySummary(dict(placed))

    def _violate_all(self, name: str, violations: Mapping[str, int], excused: int = 0) -> None:
        for kind, count in violations.items():
            self._violate(name, kind, count - excused if kind == MISSING else count)

    def _violate(self, name: str, kind: str, count: int) -> None:
        if count > 0:
            self.violations[name, kind] += count
