"""What came true, from the columns of labels, their times and segments: the outcomes that the SDK would have sent.

| task | label column |
|---|---|
| binary, multiclass, anomaly | class: a name of the baseline's, or the place of one |
| regression | number |
| ranking | relevance: a number from zero upward |

Items of one list are rows with the same value of a column, as live they are those whose ids agree up to the last dash.
A row without a label is one whose label has not arrived. A label that cannot be one of the task is set aside and
counted, as a running processor does; one that says that it came before its prediction came at once, and is counted too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge.baseline.tasks import NUMBER_TASKS
from tidegauge.columns import is_missing, key_text
from tidegauge.errors import DataError
from tidegauge.score_codes import CODE, class_set_of, to_codes
from tidegauge_processor.backtest.class_scores import Named, are_whole
from tidegauge_processor.backtest.outputs import (
    OutputColumns,
    named_classes,
    numbers_of,
    read_classes,
    score_table,
    scores_of,
)
from tidegauge_processor.backtest.reading import Chunk, Source
from tidegauge_processor.backtest.segments import Segments, check_number
from tidegauge_processor.backtest.timeline import times_in
from tidegauge_processor.performance.cohort import hash_of
from tidegauge_processor.performance.table import Kind, Table

MOST_CLASSES: Final = 10_000
"""Different values of a label column at the most, where they are classes."""

UNLABELLED, TIMELESS, UNREADABLE = "unlabelled", "without_time", "unreadable"
"""Why a row has no outcome."""
EARLY: Final = "before_prediction"
"""What is odd about an outcome that counts."""

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


class LabelColumns(NamedTuple):
    """Names of the columns that hold what came true; None where there is none.

    Attributes:
        label: what came true.
        arrived: when that was known; None: in time.
        segments: groups that are compared.
        lists: names of the lists that ranked items belong to.
    """

    label: str | None = None
    arrived: str | None = None
    segments: tuple[str, ...] = ()
    lists: str | None = None

    @property
    def names(self) -> list[str]:
        """The names that there are."""
        return [name for name in (self.label, self.arrived, self.lists, *self.segments) if name is not None]


NO_LABELS: Final = LabelColumns()
"""Nobody knows what came true."""


class Outcomes:
    """Reads the outcomes of one file, chunk by chunk.

    Args:
        source: the file.
        baseline: says what the model does, and names its classes.
        outputs: columns of what the model said.
        columns: columns of what came true; there is a label.

    Attributes:
        aside: rows without an outcome, by why, and those with an odd one.

    Raises:
        DataError: a ranking lacks lists or scores, or another task has lists.
    """

    def __init__(self, source: Source, baseline: Baseline, outputs: OutputColumns, columns: LabelColumns) -> None:
        _check_ranking(baseline, outputs, columns)
        self.aside: Counter[str] = Counter()
        self._source = source
        self._baseline = baseline
        self._outputs = outputs
        self._columns = columns
        classes = [name for name, _ in outputs.class_scores]
        self._class_set = class_set_of(classes), len(classes)
        self._kinds: dict[Kind, int] = {}
        self._classes: set[str] = set()
        self._segments = Segments(columns.segments)

    def read(self, chunk: Chunk, times: NDArray[np.int64], first: int) -> Table:
        """The outcomes of a chunk, in the order of its rows, with all kinds so far as its kinds.

        Args:
            chunk: some rows.
            times: when the predictions were made, ns since the epoch, shape ``(rows,)``.
            first: number of the chunk's first row in the file.

        Raises:
            DataError: a time cannot be read, or a column has too many values for what it is.
        """
        actual, numbers, good = self._labels(chunk)
        rows, delay = self._arrivals(chunk, times, np.flatnonzero(good), first)
        classes: Named | None = None
        value = nothing = np.full(chunk.rows, np.nan)
        if self._baseline.task in NUMBER_TASKS:
            value = _finite(numbers_of(chunk, self._outputs.prediction), nothing)
        else:
            classes = named_classes(chunk, self._outputs, self._baseline)
        score = _finite(scores_of(chunk, self._outputs, classes), nothing)
        coded = [actual, classes or _nothing(chunk), *self._segments.read(chunk)]
        every, codes = self._class_scores(chunk, classes)
        kind = self._kind([(names, codes[rows]) for names, codes in coded], score[rows], value[rows], every[rows])
        columns = score[rows], value[rows], numbers[rows], times[rows], delay, self._lists(chunk)[rows]
        return Table(tuple(self._kinds), kind, *columns, np.ones(rows.size), codes[rows])

    def _labels(self, chunk: Chunk) -> tuple[Named, Floats, NDArray[np.bool_]]:
        """True classes, true numbers (NaN where there is a class), and which rows have a label that can be used."""
        label = self._columns.label
        assert label is not None
        if self._baseline.task in NUMBER_TASKS:
            column = chunk.numbers(label)
            actual, numbers, missing, good = _nothing(chunk), column.values, column.missing, np.isfinite(column.values)
        else:
            names, places = actual = read_classes(chunk, label, self._baseline.classes)
            check_number(label, self._classes, names, MOST_CLASSES, "classes")
            numbers, missing = np.full(chunk.rows, np.nan), _missing(chunk, label)
            good = np.array([name is not None for name in names], dtype=np.bool_)[places]
        self.aside[UNLABELLED] += int(np.count_nonzero(missing))
        self.aside[UNREADABLE] += int(np.count_nonzero(~good & ~missing))
        return actual, numbers, good

    def _arrivals(
        self, chunk: Chunk, times: NDArray[np.int64], rows: Codes, first: int
    ) -> tuple[Codes, NDArray[np.int64]]:
        """Which of ``rows`` have a label that came at some time, and how long after the prediction, ns."""
        name = self._columns.arrived
        if name is None:
            return rows, np.zeros(rows.size, dtype=np.int64)
        known = rows[~_missing(chunk, name)[rows]]
        self.aside[TIMELESS] += rows.size - known.size
        if not known.size:
            return known, np.zeros(0, dtype=np.int64)
        delay = times_in(chunk.take(known), name, known + first, self._source) - times[known]
        self.aside[EARLY] += int(np.count_nonzero(delay < 0))
        return known, np.maximum(delay, 0)

    def _class_scores(self, chunk: Chunk, predicted: Named | None) -> tuple[NDArray[np.bool_], NDArray[np.uint16]]:
        """Which rows have scores of every class, and their codes as a receipt would carry them, ``(rows, classes)``."""
        if not self._outputs.class_scores or predicted is None:
            return np.zeros(chunk.rows, dtype=np.bool_), np.empty((chunk.rows, 0), dtype=CODE)
        scores = score_table(chunk, self._outputs)
        whole = are_whole(scores, predicted)
        return whole, to_codes(np.where(whole[:, np.newaxis], scores, 0.0))

    def _lists(self, chunk: Chunk) -> NDArray[np.int64]:
        """What stands for the name of each row's list; 0 without one."""
        if self._columns.lists is None:
            return np.zeros(chunk.rows, dtype=np.int64)
        names, places = chunk.distinct(self._columns.lists)
        return np.array([0 if is_missing(name) else hash_of(key_text(name)) for name in names], dtype=np.int64)[places]

    def _kind(
        self, coded: Sequence[Named], score: Floats, value: Floats, every: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Index of each row's kind among all kinds so far."""
        scored, valued = ~np.isnan(score), ~np.isnan(value)
        key: NDArray[np.int64] = 4 * every.astype(np.int64) + 2 * scored + valued
        for names, codes in coded:
            key = np.unique(key * max(len(names), 1) + codes, return_inverse=True)[1].astype(np.int64)
        found: list[int] = []
        for row in np.unique(key, return_index=True)[1].tolist():  # a row of each kind
            actual, klass, *groups = (names[codes[row]] for names, codes in coded)
            of = zip(self._columns.segments, groups, strict=True)
            pairs = tuple((segment, group) for segment, group in of if group is not None)
            of_classes = self._class_set if every[row] else ("", 0)
            kind = Kind(actual, klass, bool(scored[row]), bool(valued[row]), tuple(sorted(pairs)), *of_classes)
            found.append(self._kinds.setdefault(kind, len(self._kinds)))
        return np.array(found, dtype=np.int64)[key]


def _check_ranking(baseline: Baseline, outputs: OutputColumns, columns: LabelColumns) -> None:
    if baseline.task != "ranking":
        if columns.lists is not None:
            raise DataError(f"a {baseline.task} model has no lists, a ranking has: leave --list out")
    elif columns.lists is None:
        named = "name the column that says which rows are one by --list, or leave --label out"
        raise DataError(f"a ranking is evaluated by its lists: {named}")
    elif not outputs.names:
        raise DataError("a ranking is evaluated by its scores: name their column by --score")


def _missing(chunk: Chunk, name: str) -> NDArray[np.bool_]:
    return np.asarray(pc.is_null(chunk.column(name), nan_is_null=True), dtype=np.bool_)


def _nothing(chunk: Chunk) -> Named:
    return [None], np.zeros(chunk.rows, dtype=np.intp)


def _finite(numbers: Floats | None, nothing: Floats) -> Floats:
    return nothing if numbers is None else np.where(np.isfinite(numbers), numbers, np.nan) + 0.0
