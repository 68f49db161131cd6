"""How far a model's numbers lay from the true ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.table import Table

_SMALLEST: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Regressed:
    """The outcomes that are numbers and had a number predicted, ``n`` of them.

    Attributes:
        predicted: shape ``(n,)``.
        actual: shape ``(n,)``.
        weight: rows that each row stands for, above zero, shape ``(n,)``.
        unreadable: outcomes set aside, because they are texts or had no number predicted.
    """

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    weight: NDArray[np.float64]
    unreadable: int

    @classmethod
    def read(cls, table: Table) -> Regressed:
        """Read a cohort."""
        both = ~(np.isnan(table.value) | np.isnan(table.actual))
        return cls(table.value[both], table.actual[both], table.weight[both], int(np.count_nonzero(~both)))

    @property
    def errors(self) -> NDArray[np.float64]:
        """Predicted less true numbers, shape ``(n,)``.

        Raises:
            UndefinedMetricError: a difference is no finite double.
        """
        with np.errstate(over="ignore"):
            errors = self.predicted - self.actual
        if not np.isfinite(errors).all():
            raise UndefinedMetricError("a predicted and a true number lie too far apart for a double")
        return errors


def mean_absolute_error(rows: Regressed) -> Estimate:
    """Mean of the distances between predicted and true numbers."""
    return intervals.weighted_mean(np.abs(rows.errors), rows.weight, least=0.0)


def mean_squared_error(rows: Regressed) -> Estimate:
    """Mean squared distance between predicted and true numbers."""
    return intervals.weighted_mean(intervals.squares(rows.errors), rows.weight, least=0.0)


def root_mean_squared_error(rows: Regressed) -> Estimate:
    """Root of the mean squared distance between predicted and true numbers."""
    return intervals.root_mean_square(rows.errors)


def mean_absolute_percentage_error(rows: Regressed) -> Estimate:
    """Mean distance as a share of the true number's size.

    A true number of zero counts as one rounding error (2**-52), as in scikit-learn: the metric is then huge.
    """
    return intervals.weighted_mean(np.abs(rows.errors) / np.maximum(np.abs(rows.actual), _SMALLEST), rows.weight, 0.0)


def r2(rows: Regressed) -> Estimate:
    """Share of the variance of the true numbers that the predicted ones explain; below zero when they do worse.

    The interval is that of the logarithm of the unexplained share, by the delta method.
    """
    if rows.actual.size < 2:
        raise UndefinedMetricError("a variance needs two labels" if rows.actual.size else "no labels yet")
    total = float(rows.weight.sum())
    errors = intervals.squares(rows.errors)
    around = intervals.squares(rows.actual - float((rows.weight * rows.actual).sum()) / total)
    unexplained, spread = float((rows.weight * errors).sum()), float((rows.weight * around).sum())
    if not spread:
        raise UndefinedMetricError("all true numbers are equal, so there is no variance to explain")
    ratio = unexplained / spread
    if not ratio:
        return Estimate(1.0, 1.0, 1.0, rows.actual.size)
    error = float(np.sqrt(np.square(rows.weight * (errors / unexplained - around / spread)).sum()))
    low, high = 1 - ratio * np.exp(intervals.Z * error), 1 - ratio / np.exp(intervals.Z * error)
    return Estimate(1 - ratio, float(low), float(high), rows.actual.size)


def bias(rows: Regressed) -> Estimate:
    """Mean of predicted less true numbers: above zero when the model says too much."""
    return intervals.weighted_mean(rows.errors, rows.weight)


METRICS: Final[Mapping[str, Callable[[Regressed], Estimate]]] = {
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rmse": root_mean_squared_error,
    "mape": mean_absolute_percentage_error,
    "r2": r2,
    "bias": bias,
}
"""What is measured, by the name that it has on the wire."""
