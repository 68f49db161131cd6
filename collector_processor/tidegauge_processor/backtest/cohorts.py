"""Predictions and outcomes by cohort, judged in the order of time, as a running processor does with those that come in.

How often groups are selected is said and tested at the end of a cohort, from all of its predictions.

A cohort is measured once, ``labels.wait`` after its end, on the labels that have come until then. (A running processor
measures it again when more of them come.) It is tested once, at the first such time at which its labels are in
(`performance.complete`), as in a running processor. Cohorts from a third of ``labels.retention`` on teach how soon
labels of each class come; without a column of their times nobody knows, and all are taken to be in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.evaluating import Evaluated, evaluate_cohort, learn_arrivals, selection_signals, subject_of
from tidegauge_processor.label_incidents import judge_labels, judge_selection
from tidegauge_processor.performance.complete import Patience, complete_at, ripe
from tidegauge_processor.performance.selection import Selection
from tidegauge_processor.performance.table import Table
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.types import Policy


class Judged(NamedTuple):
    """What is said when a cohort, or the wait for its labels, ends.

    Attributes:
        at: when, ns since the epoch.
        labels: of the cohort that had come until then.
        evaluated: what they, or its predictions, say; nothing where there are none.
        changes: what became of incidents, by this and earlier cohorts whose labels are in.
    """

    at: int
    labels: int
    evaluated: Evaluated
    changes: list[IncidentChange]


class Cohorts:
    """Outcomes that wait to be judged, and what is remembered from one cohort to the next.

    Args:
        baseline: what they are compared with.
        policy: thresholds and budget.
        settings: lengths of cohorts and waits.
        predictions: how many predictions each cohort has, by its number counted from the epoch.
        timed: whether it is known when labels came.

    Attributes:
        late: labels that came after their cohort was measured.
    """

    def __init__(
        self, baseline: Baseline, policy: Policy, settings: Labels, predictions: dict[int, int], *, timed: bool
    ) -> None:
        self.late = 0
        self._baseline = baseline
        self._key = ModelKey(baseline.model, baseline.version)
        self._policy = policy
        self._patience = Patience(settings.window, settings.wait, settings.retention)
        self._predictions = predictions
        self._timed = timed
        self._memory = Memory()
        self._waiting: dict[int, list[Table]] = {}
        self._untested: dict[int, Table] = {}
        self._young: dict[int, Table] = {}
        self._selections: dict[int, Selection] = {}
        self._next = 0

    def add(self, outcomes: Table) -> None:
        """Take up outcomes."""
        if not outcomes.kind.size:
            return
        numbers = outcomes.predicted_at // self._patience.cohort
        order = np.argsort(numbers, kind="stable")
        found, firsts = np.unique(numbers[order], return_index=True)
        for number, rows in zip(found.tolist(), np.split(order, firsts[1:]), strict=True):
            self._waiting.setdefault(number, []).append(outcomes.take(rows))

    def select(self, number: int, selection: Selection) -> None:
        """Take up predictions by group of the cohort ``number``."""
        counts = self._selections.setdefault(number, Selection())
        counts += selection
        self._memory.groups_counted = True

    def judge(self, before: int | None) -> Iterator[Judged]:
        """Judge, in the order of time, what needs no rows of the cohort ``before`` or later ones; all if it is None."""
        while True:
            number, selected = self._next_wait(), min(self._selections, default=None)
            last = -1 if number is None else self._patience.tick(number) // self._patience.cohort - 1  # to end by then
            if selected is not None and (number is None or selected <= last):
                if before is not None and selected >= before:
                    return
                yield self._judge_selection(selected)
            elif number is not None and (before is None or (self._waiting and last < before)):
                self._next = number + 1
                yield self._judge(number)
            else:
                return

    def _next_wait(self) -> int | None:
        """Number of the next cohort whose wait ends; None when nothing depends on it."""
        if self._untested:
            return self._next
        return max(self._next, min(self._waiting)) if self._waiting else None

    def _judge_selection(self, number: int) -> Judged:
        start = number * self._patience.cohort
        groups = self._selections.pop(number).groups(self._baseline.positive)
        subject = subject_of(self._key, self._baseline, start, start + self._patience.cohort)
        shown = judge_selection(subject, groups, self._memory, self._policy)
        said = Evaluated(selection_signals(subject, groups), 0)
        return Judged(subject.end, 0, said, [each.change for each in shown])

    def _judge(self, number: int) -> Judged:
        at = self._memory.label_watermark = self._patience.tick(number)
        self._learn(at)
        evaluated, labels = Evaluated([], 0), 0
        if number in self._waiting:
            start = number * self._patience.cohort
            table = _joined(self._waiting.pop(number))
            self._untested[number] = table.without_class_scores()
            if self._timed:
                self._young[start] = self._untested[number]
            arrived = table.until(at)
            labels = arrived.kind.size
            self.late += table.kind.size - labels
            if labels:
                of = arrived, start, start + self._patience.cohort, self._baseline, self._memory
                evaluated = evaluate_cohort(self._key, *of, self._predictions.get(number))
        return Judged(at, labels, evaluated, list(self._test(at)))

    def _test(self, at: int) -> Iterator[IncidentChange]:
        """Test the cohorts whose labels are in."""
        patience = self._patience
        waited = [number * patience.cohort for number in self._untested]
        complete = partial(self._complete, at)
        timed = ripe(waited, at, patience, self._memory.arrivals, complete)
        for start, sure in timed if self._timed else ((start, True) for start in sorted(waited)):
            arrived = self._untested[start // patience.cohort].until(at)
            if arrived.kind.size:
                del self._untested[start // patience.cohort]
                subject = subject_of(self._key, self._baseline, start, start + patience.cohort)
                for shown in judge_labels(subject, arrived, self._baseline, self._memory, self._policy, sure=sure):
                    yield shown.change

    def _complete(self, at: int, start: int) -> bool | None:
        number = start // self._patience.cohort
        table = self._untested[number]
        return complete_at(at, table.kind.size, self._predictions.get(number), lambda: table)

    def _learn(self, now: int) -> None:
        since, self._memory.learned_until = self._memory.learned_until, now
        shown = self._patience.shown(self._young, since, now)
        tables = [(self._young[start].until(now), bins) for start, bins in shown]
        learn_arrivals(tables, self._baseline, self._memory)
        self._young = {start: table for start, table in self._young.items() if now < self._patience.closed(start)}


def _joined(parts: list[Table]) -> Table:
    """One table of several; the kinds of a later one begin with those of an earlier one."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Table._fields[1:]}
    return Table(max((part.kinds for part in parts), key=len), **columns)
