"""Realized performance: a cohort of outcomes in, every metric of its task out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tidegauge_processor.performance import binary, multiclass, regression
from tidegauge_processor.performance.classes import read_multiclass
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

_Rows = TypeVar("_Rows")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One metric of one cohort.

    Attributes:
        name: ``accuracy``, ``roc_auc``, ``log_loss``, ``mean_score``, ``mean_label``, ``mae`` or ``rmse``.
        value: the metric on the labels that have arrived.
        lower: lower end of its 95 % interval.
        upper: upper end of its 95 % interval.
        labels: rows that it rests on.
    """

    name: str
    value: float
    lower: float
    upper: float
    labels: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that can be said of a cohort.

    Attributes:
        evaluations: the metrics that have a value.
        absent: why the others have none, by their names.
        unreadable: outcomes set aside, because they do not fit the task: a text for a number, a class that is none.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    unreadable: int = 0


def evaluate(cohort: Cohort, task: str, positive: str | None) -> list[Evaluation]:
    """The metrics of `report` that have a value.

    Example:
        >>> from tidegauge_processor.performance.outcomes import Outcome
        >>> cohort = Cohort()
        >>> for row, (predicted, actual) in enumerate([("cat", "cat"), ("dog", "cat"), ("cat", "cat")]):
        ...     fate = cohort.add(Outcome(str(row), 0, 60, predicted, None, None, actual))
        >>> [(found.name, round(found.value, 3), found.labels) for found in evaluate(cohort, "multiclass", None)]
        [('accuracy', 0.667, 3)]
    """
    return report(cohort, task, positive).evaluations


def report(cohort: Cohort, task: str, positive: str | None) -> Report:
    """Measure a cohort on the labels that have arrived.

    Args:
        cohort: outcomes of predictions of one model version.
        task: what the model does; nothing is measured of ``ranking`` and ``anomaly``.
        positive: positive class of a binary task; None when nobody has said, and then ``1`` and ``true`` are.
    """
    table = cohort.table()
    if task == "binary":
        try:
            rows = binary.Binary.read(table, positive)
        except UndefinedMetricError as reason:
            return Report(absent=dict.fromkeys(binary.METRICS, str(reason)), unreadable=cohort.labels)
        return _measured(rows, binary.METRICS, rows.outcomes.unreadable)
    if task == "multiclass":
        outcomes = read_multiclass(table)
        return _measured(outcomes, multiclass.METRICS, outcomes.unreadable)
    if task == "regression":
        numbers = regression.Regressed.read(table)
        return _measured(numbers, regression.METRICS, numbers.unreadable)
    return Report()


def _measured(rows: _Rows, metrics: Mapping[str, Callable[[_Rows], Estimate]], unreadable: int) -> Report:
    found = Report(unreadable=unreadable)
    for name, metric in metrics.items():
        try:
            estimate = metric(rows)
        except UndefinedMetricError as reason:
            found.absent[name] = str(reason)
        else:
            found.evaluations.append(Evaluation(name, estimate.value, estimate.lower, estimate.upper, estimate.labels))
    return found
