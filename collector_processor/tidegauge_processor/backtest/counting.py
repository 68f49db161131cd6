"""Counting the rows of windows, cell by cell, as the SDK and the processor together would have counted them.

The counts of a window are one vector: the cells of each feature, each kind of violation, the cells of the outputs. A
chunk of rows is counted column by column for all of its windows at once; adding chunks up is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline, Calibration, CategoricalFeature, Feature, NumericFeature, ScoreReference
from tidegauge.baseline.joint import JointReference, codes_of
from tidegauge.baseline.loss import LossModel, encode_numbers
from tidegauge.columns import category, is_missing
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY
from tidegauge.summaries import UNSEEN
from tidegauge.summaries.bins import Bins
from tidegauge_processor.backtest.class_scores import cells_by_class
from tidegauge_processor.backtest.expecting import NOTHING_EXPECTED, Codes, Expected, expectations
from tidegauge_processor.backtest.layout import (
    BY_CLASS,
    CLASSES,
    JOINT,
    ROWS,
    SCORE,
    VALUE,
    Key,
    Layout,
    of_class,
)
from tidegauge_processor.backtest.outputs import (
    OutputColumns,
    classes_of,
    named_classes,
    score_table,
    scores_of,
    values_of,
)
from tidegauge_processor.backtest.reading import Chunk
from tidegauge_processor.backtest.texts import label_of_text
from tidegauge_processor.comparison import Cells

_MOST_WINDOWS: Final = 256
"""Windows that are counted at once; rows that are out of order may touch more of them than memory should hold."""

_NOTHING: Final = -1
_NO_CATEGORY: Final = -2
_NO_CODES: Final = np.zeros(0, dtype=np.intp)

Floats = NDArray[np.float64]


class WindowCounts:
    """What the rows of one window showed; a `comparison.Seen`.

    Args:
        vector: the counts, shape ``(layout.size,)``.
        layout: where each of them stands.
        classes: that the baseline knows.
        expected: errors that the baseline's loss model expects.

    Attributes:
        rows: number of rows.
    """

    def __init__(self, vector: Cells, layout: Layout, classes: Sequence[str], expected: Expected) -> None:
        self._vector = vector
        self._layout = layout
        self._classes = classes
        self._expected = expected
        self.rows, *violations = vector[: 1 + len(layout.violations)].tolist()
        self._violations: dict[tuple[str, str], int] = dict(zip(layout.violations, violations, strict=True))

    def broken(self) -> set[tuple[str, str]]:
        """Feature and kind of the violations that occurred."""
        return {violation for violation, count in self._violations.items() if count}

    def feature(self, feature: Feature) -> Cells:
        """See `comparison.Seen`."""
        return self._vector[self._layout[feature.name, "cells"]]

    def violations(self, feature: Feature, kind: str) -> int:
        """See `comparison.Seen`."""
        return self._violations[feature.name, kind]

    def joint(self, reference: JointReference) -> Cells:
        """See `comparison.Seen`."""
        return self._vector[self._layout[JOINT]]

    def attribution(self, reference: NumericFeature) -> Cells:
        """See `comparison.Seen`; rows of a file are not explained."""
        return np.zeros(reference.counts.shape[1], dtype=np.int64)

    def classes(self) -> Cells:
        """See `comparison.Seen`."""
        return self._vector[self._layout[CLASSES]]

    def value(self, reference: NumericFeature) -> Cells:
        """See `comparison.Seen`."""
        return self._vector[self._layout[VALUE]]

    def score(self, reference: ScoreReference) -> Cells:
        """See `comparison.Seen`."""
        return self._vector[self._layout[SCORE]]

    def scores_by_class(self, reference: ScoreReference) -> Mapping[str, Cells]:
        """See `evaluations.Estimable`; those of classes that the baseline does not know, or of none, together."""
        total = self.score(reference)
        parts = self._vector[self._layout[BY_CLASS]].reshape(len(self._classes), total.size)
        return {**dict(zip(self._classes, parts, strict=True)), "": total - parts.sum(axis=0)}

    def class_scores(self, references: Mapping[str, Calibration]) -> Mapping[str, Cells]:
        """See `evaluations.Estimable`."""
        return {name: self._vector[self._layout[of_class(name)]].reshape(2, -1) for name in references}

    def expected_loss(self, reference: LossModel) -> tuple[float, int]:
        """See `evaluations.Estimable`."""
        return self._expected.sum.value, self._expected.rows


class Tally:
    """Counts of the windows that are not complete yet.

    Args:
        baseline: gives the bins, categories and classes.
        outputs: columns of what the model said.
    """

    def __init__(self, baseline: Baseline, outputs: OutputColumns) -> None:
        self._baseline = baseline
        self._outputs = outputs
        self._layout = Layout(baseline)
        self._open: dict[int, Cells] = {}
        self._expected: dict[int, Expected] = {}

    def add(self, chunk: Chunk, windows: NDArray[np.int64]) -> None:
        """Count the rows of a chunk, of which ``windows`` says the window, shape ``(rows,)``."""
        touched, place = np.unique(windows, return_inverse=True)
        if touched.size > _MOST_WINDOWS:
            for first in range(0, touched.size, _MOST_WINDOWS):
                rows = np.flatnonzero((place >= first) & (place < first + _MOST_WINDOWS))
                self.add(chunk.take(rows), windows[rows])
            return
        table = _Table(self._layout, place, touched.size)
        table.count(ROWS, np.zeros(chunk.rows, np.intp))
        joint, loss, encoded, codes = self._baseline.joint, self._baseline.loss, dict[str, Floats](), dict[str, Codes]()
        for feature in self._baseline.features:
            if isinstance(feature, NumericFeature):
                encoded[feature.name] = values = _count_numbers(table, chunk, feature)
                codes[feature.name] = encode_numbers(feature, values) if loss else _NO_CODES
            else:
                cells = _count_categories(table, chunk, feature)
                encoded[feature.name] = np.where(cells >= 0, codes_of(feature)[cells], np.nan)
                codes[feature.name] = np.where(cells >= 0, cells, len(feature.labels))
        if joint is not None:
            table.bin(JOINT, joint.errors(encoded, chunk.rows), joint.error.bins)
        self._count_outputs(table, chunk)
        predicted = values_of(chunk, self._outputs, self._baseline)
        if loss is not None and predicted is not None:
            for at, found in enumerate(expectations(self._baseline, loss, codes, predicted, place, touched.size)):
                window = int(touched[at])
                self._expected[window] = self._expected.get(window, NOTHING_EXPECTED) + found
        for window, vector in zip(touched.tolist(), table.counts, strict=True):
            known = self._open.get(window)
            self._open[window] = vector.copy() if known is None else known + vector

    def take(self, before: int | None) -> list[tuple[int, WindowCounts]]:
        """Take out the windows below ``before``, or all of them, in order."""
        ripe = sorted(window for window in self._open if before is None or window < before)
        found = []
        for window in ripe:
            expected = self._expected.pop(window, NOTHING_EXPECTED)
            found.append((window, WindowCounts(self._open.pop(window), self._layout, self._baseline.classes, expected)))
        return found

    def _count_outputs(self, table: _Table, chunk: Chunk) -> None:
        baseline = self._baseline
        named = named_classes(chunk, self._outputs, baseline)
        classes = classes_of(named, baseline)
        if classes is not None:
            table.count(CLASSES, classes)
        values = values_of(chunk, self._outputs, baseline)
        if values is not None and baseline.value is not None:
            table.bin(VALUE, values, baseline.value.bins)
        if named is not None and self._outputs.class_scores:
            for name, cells, rows in cells_by_class(baseline, score_table(chunk, self._outputs), named):
                table.count(of_class(name), cells, rows)
        scores = scores_of(chunk, self._outputs, named)
        if scores is not None and baseline.score is not None:
            finite = table.bin(SCORE, scores, baseline.score.bins)
            if classes is not None:
                rows = finite & (classes < len(baseline.classes))
                bins, width = baseline.score.bins.index(scores[rows]), baseline.score.counts.shape[2]
                table.count(BY_CLASS, classes[rows] * width + bins, rows)


class _Table:
    """Vectors of several windows: ``place`` says in which of ``windows`` lines each row is counted."""

    def __init__(self, layout: Layout, place: NDArray[np.intp], windows: int) -> None:
        self.counts = np.zeros((windows, layout.size), dtype=np.int64)
        self._layout = layout
        self._place = place

    def count(self, key: Key, cells: NDArray[np.intp], rows: NDArray[np.bool_] | None = None) -> None:
        """Count all rows, or those of ``rows``, in the ``cells`` that are given for each of them."""
        where = self._layout[key]
        width, windows = where.stop - where.start, len(self.counts)
        place = self._place if rows is None else self._place[rows]
        found = np.bincount(place * width + cells, minlength=windows * width)
        self.counts[:, where] += found.reshape(windows, width)

    def mark(self, key: Key, rows: NDArray[np.bool_]) -> None:
        """Count the rows where ``rows`` is true."""
        if rows.any():
            self.count(key, np.zeros(int(rows.sum()), np.intp), rows)

    def bin(self, key: Key, values: NDArray[np.float64], bins: Bins) -> NDArray[np.bool_]:
        """Count finite values in their bins; where values are finite."""
        finite = np.isfinite(values)
        if finite.all():
            self.count(key, bins.index(values))
        else:
            self.count(key, bins.index(values[finite]), finite)
        return finite


def _count_numbers(table: _Table, chunk: Chunk, feature: NumericFeature) -> Floats:
    """Count a column; its values as `tidegauge.baseline.joint.encode` gives them."""
    name = feature.name
    column = chunk.numbers(name)
    values = column.values
    finite = table.bin((name, "cells"), values, feature.bins)
    if not finite.all():
        table.mark((name, MISSING), column.missing)
        table.mark((name, TYPE_MISMATCH), column.mismatched)
        table.mark((name, NON_FINITE), np.isinf(values))
    table.mark((name, OUT_OF_RANGE), ((values < feature.low) | (values > feature.high)) & finite)
    return values


def _count_categories(table: _Table, chunk: Chunk, feature: CategoricalFeature) -> Codes:
    """Count a column of categories; its cells, below zero where there is none. Each different value is read once."""
    name = feature.name
    cell_of = {label: cell for cell, label in enumerate(feature.labels)}
    values, places = chunk.distinct(name)
    cells = np.array([_cell(value, feature, cell_of, text=chunk.text) for value in values], np.intp)[places]
    known = cells >= 0
    table.count((name, "cells"), cells[known], known)
    table.mark((name, MISSING), cells == _NOTHING)
    table.mark((name, TYPE_MISMATCH), cells == _NO_CATEGORY)
    table.mark((name, UNSEEN_CATEGORY), cells == cell_of[UNSEEN])
    return cells


def _cell(value: object, feature: CategoricalFeature, cell_of: dict[str, int], *, text: bool) -> int:
    if is_missing(value):
        return _NOTHING
    if text:
        return cell_of[label_of_text(str(value), feature)]
    spelled = category(value)
    return _NO_CATEGORY if spelled is None else cell_of[feature.place(spelled)]
