"""Outcomes by cohort of predictions, judged in the order of time, as a running processor does with those that come in.

A cohort is judged once, ``labels.wait`` after its end, on the labels that have come until then. (A running processor
says it again when more of them come.) Labels of cohorts a third as old as ``labels.retention`` teach how soon labels of
each class come; without a column of their times nobody knows, and all are taken to be in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.evaluating import Evaluated, evaluate_cohort, learn_arrivals
from tidegauge_processor.performance.cohort import Table
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.types import Policy


class JudgedCohort(NamedTuple):
    """What is said of one cohort.

    Attributes:
        start: of its predictions' time, ns since the epoch.
        said_at: when it was judged, ns since the epoch.
        labels: that had come until then.
        evaluated: what they say.
    """

    start: int
    said_at: int
    labels: int
    evaluated: Evaluated


class Cohorts:
    """Outcomes that wait to be judged, and what is remembered from one cohort to the next.

    Args:
        baseline: what they are compared with.
        policy: thresholds and budget.
        settings: lengths of cohorts and waits.
        predictions: how many predictions each cohort has, by its number counted from the epoch.
        timed: whether it is known when labels came.

    Attributes:
        late: labels that came after their cohort was judged.
    """

    def __init__(
        self, baseline: Baseline, policy: Policy, settings: Labels, predictions: dict[int, int], *, timed: bool
    ) -> None:
        self.late = 0
        self._baseline = baseline
        self._policy = policy
        self._settings = settings
        self._predictions = predictions
        self._timed = timed
        self._memory = Memory()
        self._waiting: dict[int, list[Table]] = {}
        self._young: dict[int, Table] = {}

    def add(self, outcomes: Table) -> None:
        """Take up outcomes."""
        if not outcomes.kind.size:
            return
        numbers = outcomes.predicted_at // self._settings.window
        order = np.argsort(numbers, kind="stable")
        found, firsts = np.unique(numbers[order], return_index=True)
        for number, rows in zip(found.tolist(), np.split(order, firsts[1:]), strict=True):
            self._waiting.setdefault(number, []).append(_rows(outcomes, rows))

    def judge(self, before: int | None) -> Iterator[JudgedCohort]:
        """Judge the cohorts with numbers below ``before``, or all of them, in order."""
        for number in sorted(number for number in self._waiting if before is None or number < before):
            yield from self._judge(number, _joined(self._waiting.pop(number)))

    def _judge(self, number: int, table: Table) -> Iterator[JudgedCohort]:
        start = number * self._settings.window
        end = start + self._settings.window
        now = self._memory.label_watermark = end + self._settings.wait
        self._learn(now)
        if self._timed:
            self._young[start] = table
        arrived = _until(table, now)
        labels = arrived.kind.size
        self.late += table.kind.size - labels
        if labels:
            key = ModelKey(self._baseline.model, self._baseline.version)
            of = _used(arrived), start, end, self._baseline, self._memory, self._policy
            yield JudgedCohort(start, now, labels, evaluate_cohort(key, *of, self._predictions.get(number)))

    def _learn(self, now: int) -> None:
        until = now - self._settings.window - self._settings.retention // 3
        mature = sorted(start for start in self._young if start <= until)
        learn_arrivals([_used(_until(self._young.pop(start), now)) for start in mature], self._baseline, self._memory)


def _rows(table: Table, rows: NDArray[np.intp]) -> Table:
    return table._replace(**{name: column[rows] for name, column in table._asdict().items() if name != "kinds"})


def _until(table: Table, now: int) -> Table:
    """The outcomes that had come at ``now``."""
    return table.take(table.predicted_at + table.delay <= now)


def _joined(parts: list[Table]) -> Table:
    """One table of several; the kinds of a later one begin with those of an earlier one."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Table._fields[1:]}
    return Table(max((part.kinds for part in parts), key=len), **columns)


def _used(table: Table) -> Table:
    """The table without the kinds that none of its rows has."""
    codes, kind = np.unique(table.kind, return_inverse=True)
    return table._replace(kinds=tuple(table.kinds[code] for code in codes.tolist()), kind=kind.astype(np.int64))
