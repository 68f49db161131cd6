"""How far a model's numbers lay from the true ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.cohort import Table
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError


@dataclass(frozen=True, slots=True)
class Regressed:
    """The outcomes that are numbers and had a number predicted, ``n`` of them.

    Attributes:
        predicted: shape ``(n,)``.
        actual: shape ``(n,)``.
        unreadable: outcomes set aside, because they are texts or had no number predicted.
    """

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    unreadable: int

    @classmethod
    def read(cls, table: Table) -> Regressed:
        """Read a cohort."""
        both = ~(np.isnan(table.value) | np.isnan(table.actual))
        return cls(table.value[both], table.actual[both], int(np.count_nonzero(~both)))

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
    return intervals.mean(np.abs(rows.errors), least=0.0)


def root_mean_squared_error(rows: Regressed) -> Estimate:
    """Root of the mean squared distance between predicted and true numbers."""
    return intervals.root_mean_square(rows.errors)


METRICS: Final[Mapping[str, Callable[[Regressed], Estimate]]] = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
}
"""What is measured, by the name that it has on the wire."""
