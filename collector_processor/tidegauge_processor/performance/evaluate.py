"""Realized performance: the outcomes of a cohort in, every metric of its task out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal, TypeVar

import numpy as np

from tidegauge_processor.performance import binary, every_class, multiclass, ranking, regression
from tidegauge_processor.performance.calibration import Point
from tidegauge_processor.performance.classes import Classified, read_multiclass
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.table import Table

MOST_CLASSES: Final = 64
"""Classes that have metrics of their own: the most frequent ones."""
MOST_SEGMENTS: Final = 64
"""Values of one segment name that have metrics of their own: the most frequent ones."""

_Rows = TypeVar("_Rows")
_Segment = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One metric of one cohort.

    Attributes:
        name: one of the names in ``METRICS`` of `binary`, `multiclass`, `every_class`, `regression` or
            `ranking`.
        value: the metric on the labels that have arrived.
        lower: lower end of its 95 % interval.
        upper: upper end of its 95 % interval.
        labels: rows that it rests on.
        klass: the class that it is about; None when it is about all.
        segment: name and value of the slice that it is about; None when it is about all rows.
        type: ``realized`` when measured on labels, ``estimated`` without any.
        completeness: share of the predictions whose label has arrived; None when nobody has counted them.
        unweighted: the metric with all labels counting alike, where they are weighed; None where they are not.
    """

    name: str
    value: float
    lower: float
    upper: float
    labels: int
    klass: str | None = None
    segment: _Segment = None
    type: Literal["realized", "estimated"] = "realized"
    completeness: float | None = None
    unweighted: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that can be said of a cohort.

    Attributes:
        evaluations: the metrics that have a value.
        absent: why the others have none, by their names.
        unreadable: outcomes set aside, because they do not fit the task: a text for a number, a class that is none.
        reliability: the reliability curve of the scores, where they are probabilities.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    unreadable: int = 0
    reliability: list[Point] = field(default_factory=list)


def evaluate(cohort: Cohort, task: str, positive: str | None) -> list[Evaluation]:
    """The metrics of `report` that have a value.

    Example:
        >>> from tidegauge_processor.performance.outcomes import Outcome
        >>> cohort = Cohort()
        >>> for row, (predicted, actual) in enumerate([("cat", "cat"), ("dog", "cat"), ("cat", "cat")]):
        ...     fate = cohort.add(Outcome(str(row), 0, 60, predicted, None, None, actual))
        >>> found = evaluate(cohort, "multiclass", None)
        >>> [(each.name, round(each.value, 3), each.labels) for each in found if each.klass == "cat"]
        [('precision', 1.0, 2), ('recall', 0.667, 3), ('f1', 0.8, 3)]
    """
    return report(cohort.table(), task, positive).evaluations


def report(table: Table, task: str, positive: str | None, classes: Sequence[str] = ()) -> Report:
    """Measure outcomes on the labels that have arrived.

    Args:
        table: outcomes of predictions of one model version.
        task: what the model does.
        positive: positive class of a task of two classes; None when nobody has said, and then ``1`` and ``true`` are.
        classes: of a task of several classes, those whose scores the baseline in force calibrates.
    """
    if task in ("binary", "anomaly"):
        metrics = binary.METRICS if task == "binary" else binary.DETECTION
        try:
            rows = binary.Binary.read(table, positive)
        except UndefinedMetricError as reason:
            return Report(absent=dict.fromkeys(metrics, str(reason)), unreadable=table.kind.size)
        return _measured(rows, metrics, rows.outcomes.unreadable)
    if task == "multiclass":
        outcomes = read_multiclass(table)
        found = _measured(outcomes, multiclass.METRICS, outcomes.unreadable)
        frequency = np.bincount(outcomes.actual, minlength=len(outcomes.names))
        for code in sorted(np.argsort(-frequency, kind="stable")[:MOST_CLASSES].tolist()):
            of_class = {name: partial(_of_class, metric, code) for name, metric in multiclass.OF_A_CLASS.items()}
            found.evaluations.extend(_measured(outcomes, of_class, 0, klass=outcomes.names[code]).evaluations)
        return _with_every_class(found, outcomes, table, classes)
    if task == "regression":
        numbers = regression.Regressed.read(table)
        return _measured(numbers, regression.METRICS, numbers.unreadable)
    if task == "ranking":
        lists = ranking.Ranked.read(table)
        return _measured(lists, ranking.METRICS, lists.unreadable)
    return Report()


def report_segments(table: Table, task: str, positive: str | None, classes: Sequence[str] = ()) -> list[Evaluation]:
    """Measure each slice by itself: `report` of its rows, for each segment name and each of its values."""
    found: list[Evaluation] = []
    for segment, rows in segments(table):
        of_segment = report(rows, task, positive, classes).evaluations
        found += [replace(each, segment=segment) for each in of_segment if each.klass is None]
    return found


def segments(table: Table) -> Iterator[tuple[tuple[str, str], Table]]:
    """The slices of ``table``, as name and value, and their rows."""
    for name in sorted({name for kind in table.kinds for name, _ in kind.segments}):
        values = [dict(kind.segments).get(name) for kind in table.kinds]
        rows = np.bincount(table.kind, minlength=len(values)).tolist()
        sizes: dict[str, int] = {}
        for value, size in zip(values, rows, strict=True):
            if value is not None:
                sizes[value] = sizes.get(value, 0) + size
        for value in sorted(sorted(sizes, key=lambda value: (-sizes[value], value))[:MOST_SEGMENTS]):
            yield (name, value), table.take(np.array([own == value for own in values], dtype=np.bool_)[table.kind])


def _with_every_class(found: Report, outcomes: Classified, table: Table, classes: Sequence[str]) -> Report:
    """What is ``found``, and what the scores of every class say."""
    try:
        rows = every_class.EveryClass.read(outcomes, table, classes)
    except UndefinedMetricError as reason:
        found.absent.update(dict.fromkeys(every_class.METRICS, str(reason)))
        return found
    whole = _measured(rows, every_class.METRICS, 0)
    found.evaluations.extend(whole.evaluations)
    found.absent.update(whole.absent)
    for place, name in enumerate(rows.names):
        of_class = {metric: partial(_of_class, of, place) for metric, of in every_class.OF_A_CLASS.items()}
        found.evaluations.extend(_measured(rows, of_class, 0, klass=name).evaluations)
    return found


def _of_class(metric: Callable[[_Rows, int], Estimate], code: int, rows: _Rows) -> Estimate:
    return metric(rows, code)


def _measured(
    rows: _Rows, metrics: Mapping[str, Callable[[_Rows], Estimate]], unreadable: int, klass: str | None = None
) -> Report:
    found = Report(unreadable=unreadable)
    for name, metric in metrics.items():
        try:
            estimate = metric(rows)
        except UndefinedMetricError as reason:
            found.absent[name] = str(reason)
        else:
            found.evaluations.append(
                Evaluation(name, estimate.value, estimate.lower, estimate.upper, estimate.labels, klass)
            )
    return found
