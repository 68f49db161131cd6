"""From the calls of one model and interval to its summaries: everything that the metrics say, computed at once.

Nothing here depends on how the calls are split over several `ModelSummary.add`: counts and exact sums are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegauge._attributions import Attributions
from tidegauge._block import MOST_ROWS
from tidegauge._class_scores import class_score_histograms
from tidegauge._histogram import DURATION_BINS, Histogram, absorb, exemplify, exemplify_one
from tidegauge._interruption import is_interruption
from tidegauge._joint import joint_histogram
from tidegauge._loss import loss_histogram
from tidegauge._occasions import Occasions
from tidegauge._predicted import count_outputs
from tidegauge._table import Table, tables
from tidegauge.baseline import CategoricalFeature, NumericFeature
from tidegauge.columns import CategoricalColumn, NumericColumn, categorical_column, is_numeric
from tidegauge.examples import by_label, ends, latest_rows, odd_categories, odd_numbers
from tidegauge.observation import (
    MISSING,
    NON_FINITE,
    OUT_OF_RANGE,
    TYPE_MISMATCH,
    UNEXPECTED_FEATURE,
    UNSEEN_CATEGORY,
    observe_categorical,
    observe_numeric,
)
from tidegauge.summaries import UNSEEN, CategorySummary, NumericSummary

if TYPE_CHECKING:
    from tidegauge._model import Model
    from tidegauge._options import Options
    from tidegauge._prediction import Prediction

_OF_NUMBERS: Final = (MISSING, TYPE_MISMATCH, NON_FINITE, OUT_OF_RANGE)


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
        self.violation_calls = Occasions()
        self.occurrence_calls = Occasions()
        self.prediction_calls = Occasions()
        self.attributions = Attributions(model)

    def add(self, calls: Sequence[Prediction]) -> None:
        """Add ``calls``, all of this model.

        Rows that cannot be summarised are left out and counted; the calls around are not lost. A call of which neither
        input nor output could be read counts as one row.
        """
        calls = self.attributions.take(calls)
        self._add_durations(calls)
        groups: dict[Options, list[Prediction]] = {}
        for call in calls:
            groups.setdefault(call.options, []).append(call)
            if call.flawed and call.inputs is None and call.outputs is None and call.error is None:
                call.note_unreadable()
        for group in groups.values():
            self._attempt(group)

    # --- parts that may fail ----------------------------------------------------------------------------------------

    def _attempt(self, calls: Sequence[Prediction]) -> None:
        part = ModelSummary(self.model)
        try:
            part._add_rows(calls)
        except BaseException as error:
            if is_interruption(error):
                raise
            if len(calls) == 1:
                calls[0].note_failure("summarise", error, lost=calls[0].own_rows)
                return
            middle = len(calls) // 2
            for half in (calls[:middle], calls[middle:]):
                self._attempt(half)
        else:
            self._absorb(part)

    def _absorb(self, part: ModelSummary) -> None:
        self.predictions.update(part.predictions)
        self.violations.update(part.violations)
        self.violation_calls.absorb(part.violation_calls)
        self.occurrence_calls.absorb(part.occurrence_calls)
        self.prediction_calls.absorb(part.prediction_calls)
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
            count_outputs(self, table.calls, table)
            seen.update(map(id, table.calls))
        count_outputs(self, [call for call in calls if id(call) not in seen], None)
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
                self._violate_rows(table, name, MISSING, table.rows)
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
                absent = table.absent(name)
                self._violate_rows(table, shown, UNEXPECTED_FEATURE, table.rows - absent, name if absent else None)
            elif self.model.features_seen.knows(name):
                self._add_unreferenced(table, name)

    def _add_block(self, table: Table) -> None:
        names = self.model.numeric
        if not names:
            return
        columns = [table.numbers(name) for name in names]
        found = self.model.block.summarise(np.array([column.values for column in columns]))
        for name, column, part in zip(names, columns, found, strict=True):
            if part.nans or part.infinite or part.outside:
                mismatched = int(column.mismatched.sum()) if part.nans else 0
                counts = (part.nans - mismatched, mismatched, part.infinite, part.outside)
                self._violate_numbers(table, name, column, dict(zip(_OF_NUMBERS, counts, strict=True)))
            if part.summary is not None:
                histogram = self.features.setdefault(name, Histogram(part.summary))
                if histogram.summary is not part.summary:
                    histogram.merge(part.summary)
                exemplify_one(histogram.examples, part.summary.minimum, table.owner(part.lowest))
                exemplify_one(histogram.examples, part.summary.maximum, table.owner(part.highest))

    def _add_numeric(self, table: Table, name: str, feature: NumericFeature | None) -> None:
        column = table.numbers(name)
        found = observe_numeric(column, feature)
        violations = Counter(found.violations)
        if feature is None:
            violations[MISSING] -= table.absent(name)
        self._violate_numbers(table, name, column, violations)
        absorb(self.features, {name: Histogram(found.summary)})
        rows = np.flatnonzero(np.isfinite(column.values))
        if rows.size:
            values = column.values[rows]
            for place in (int(values.argmin()), int(values.argmax())):
                exemplify_one(self.features[name].examples, float(values[place]), table.owner(int(rows[place])))

    def _add_counts(self, table: Table, name: str, feature: NumericFeature) -> None:
        # The sum of one row is its value, and so are the smallest and the largest: only counts say nothing of a row.
        found = observe_numeric(table.numbers(name), feature)
        self._violate_numbers(table, name, table.numbers(name), found.violations)
        bounds = feature.bins.bounds
        counts = NumericSummary(bounds, found.summary.counts) if isinstance(found.summary, NumericSummary) else None
        absorb(self.features, {name: Histogram(counts or NumericSummary(bounds))})

    def _add_categories(self, table: Table, name: str, feature: CategoricalFeature) -> None:
        column = table.categories(name)
        found = observe_categorical(column, feature)
        rows = by_label(latest_rows(column.values, table.recorded), feature.place)
        self._violate_categories(table, name, column, found.violations, rows.get(UNSEEN, ()))
        if name in table.calls[0].options.hash:
            return  # digests have no counterpart in the baseline, and the categories themselves must not leave
        summary = self.occurrences.setdefault(name, CategorySummary())
        summary += found.summary
        self.occurrence_calls.add_rows(table, {(name, label): places for label, places in rows.items()})

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
        missing = counts.pop(None, 0) - column.mismatched - table.absent(name)
        self._violate_categories(table, name, column, {TYPE_MISMATCH: column.mismatched, MISSING: missing})
        labels = {
            value: model.categories_of(name).admit(options.digest(value) if name in options.hash else value)
            for value in counts
            if value is not None
        }
        placed: Counter[str] = Counter()
        for value, label in labels.items():
            placed[label] += counts[value]
        if placed:
            summary = self.occurrences.setdefault(name, CategorySummary())
            summary += CategorySummary(dict(placed))
            rows = by_label(latest_rows(column.values, table.recorded), labels.__getitem__)
            self.occurrence_calls.add_rows(table, {(name, label): places for label, places in rows.items()})

    # --- violations -------------------------------------------------------------------------------------------------

    def _violate_rows(self, table: Table, name: str, kind: str, count: int, but_absent: str | None = None) -> None:
        """Count rows of ``table``: all of them, or those that have a value of the column ``but_absent``."""
        rows = table.recorded
        if but_absent is not None:
            values = table.column(but_absent)
            rows = rows[[values[row] is not None for row in rows.tolist()]]
        self._violate(table, name, {kind: count}, {kind: ends(rows)})

    def _violate_numbers(self, table: Table, name: str, column: NumericColumn, counts: Mapping[str, int]) -> None:
        kinds = self._kinds(table, name, counts)
        feature = self.model.features.get(name)
        reference = feature if isinstance(feature, NumericFeature) else None
        self._violate(table, name, counts, odd_numbers(column, reference, kinds, table.recorded) if kinds else {})

    def _violate_categories(
        self,
        table: Table,
        name: str,
        column: CategoricalColumn,
        counts: Mapping[str, int],
        unseen: tuple[int, ...] = (),
    ) -> None:
        kinds = self._kinds(table, name, counts)
        found = odd_categories(table.column(name), column.values, kinds, table.recorded) if kinds else {}
        self._violate(table, name, counts, {UNSEEN_CATEGORY: unseen, **found})

    def _kinds(self, table: Table, name: str, counts: Mapping[str, int]) -> list[str]:
        """Kinds of violation of which examples are to be looked for."""
        kinds = [kind for kind, count in counts.items() if count > 0 and kind != UNSEEN_CATEGORY]
        if MISSING in kinds and not self.model.features and table.absent(name):
            kinds.remove(MISSING)  # rows that lack the column do not count here, and look the same
        return kinds

    def _violate(self, table: Table, name: str, counts: Mapping[str, int], rows: Mapping[str, tuple[int, ...]]) -> None:
        for kind, count in counts.items():
            if count > 0:
                self.violations[name, kind] += count
                self.violation_calls.add_rows(table, {(name, kind): rows.get(kind, ())})
