"""What labels and groups say of the rows of a file: read, gathered by cohort, judged, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge.errors import DataError
from tidegauge_processor.backtest.cohorts import Cohorts, Judged
from tidegauge_processor.backtest.evaluations import LabelsRecord
from tidegauge_processor.backtest.labels import EARLY, TIMELESS, UNLABELLED, UNREADABLE, LabelColumns, Outcomes
from tidegauge_processor.backtest.outputs import OutputColumns
from tidegauge_processor.backtest.reading import Chunk, Source
from tidegauge_processor.backtest.segments import Selections
from tidegauge_processor.backtest.timeline import Timeline
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.judging import window_name
from tidegauge_processor.verdicts.types import Policy

_LABELS: Final = {
    "regression": "its labels are numbers",
    "ranking": "its labels are numbers from zero upward, of rows with a list and a score",
}


class Realized:
    """The labels and groups of one file.

    Args:
        source: the file.
        baseline: what they are compared with.
        policy: thresholds and budget.
        outputs: columns of what the model said.
        columns: columns of what came true and of groups; there is one of either.
        settings: lengths of cohorts and waits.
        times: of all rows, ns since the epoch.

    Raises:
        DataError: a ranking lacks lists or scores, another task has lists, or there are groups of which nothing can be
            said without labels.
    """

    def __init__(
        self,
        source: Source,
        baseline: Baseline,
        policy: Policy,
        outputs: OutputColumns,
        columns: LabelColumns,
        settings: Labels,
        times: NDArray[np.int64],
    ) -> None:
        self._baseline = baseline
        self._columns = columns
        self._settings = settings
        self._times = times
        self._outcomes = Outcomes(source, baseline, outputs, columns) if columns.label else None
        self._selections = _selections(baseline, outputs, columns)
        self._timeline = Timeline(times, settings.window)
        numbers, rows = np.unique(self._timeline.windows, return_counts=True)
        predictions = dict(zip(numbers.tolist(), rows.tolist(), strict=True))
        self._cohorts = Cohorts(baseline, policy, settings, predictions, timed=columns.arrived is not None)
        self._used = self._unreadable = 0

    def take_up(self, chunk: Chunk, first: int) -> Iterator[Judged]:
        """Read a chunk, which begins with row ``first`` of the file, and judge the cohorts that no later row is of."""
        end = first + chunk.rows
        if self._outcomes:
            self._cohorts.add(self._outcomes.read(chunk, self._times[first:end], first))
        if self._selections:
            for number, counts in self._selections.read(chunk, self._timeline.windows[first:end]).items():
                self._cohorts.select(number, counts)
        for judged in self._cohorts.judge(self._timeline.first_after(end)):
            self._used += judged.labels
            self._unreadable += judged.evaluated.unreadable
            yield judged

    def finish(self) -> LabelsRecord | None:
        """What became of all labels; None without a column of them.

        Raises:
            DataError: not one of them is a label of the task.
        """
        if not self._outcomes:
            return None
        aside, label = self._outcomes.aside, self._columns.label
        unreadable = self._unreadable + aside[UNREADABLE]
        if unreadable and self._used == self._unreadable:
            task, classes = self._baseline.task, ", ".join(map(repr, self._baseline.classes))
            known = _LABELS.get(task, f"its classes are {classes or 'not known'}")
            raise DataError(f"column {label!r} holds no label of a {task} model: {known}; name another column")
        return LabelsRecord(
            window=window_name(self._settings.window),
            wait=window_name(self._settings.wait),
            used=self._used - self._unreadable,
            late=self._cohorts.late,
            unlabelled=aside[UNLABELLED],
            without_time=aside[TIMELESS],
            before_prediction=aside[EARLY],
            unreadable=unreadable,
        )


def _selections(baseline: Baseline, outputs: OutputColumns, columns: LabelColumns) -> Selections | None:
    if columns.segments and baseline.task == "binary" and outputs.names:
        return Selections(baseline, outputs, columns.segments)
    if columns.segments and not columns.label:
        if baseline.task != "binary":
            raise DataError(f"groups of a {baseline.task} model are measured on labels: name their column with --label")
        raise DataError("how often groups are selected is not known without predictions: name --prediction or --score")
    return None
