"""How good the scores of every class were: what cannot be told from that of the predicted class alone.

Each class is held against the rest: its rows are the positive ones, its scores those of every row. The macro averages
are means over the classes that came true, which is what is estimated without labels, too; that of ROC AUC leaves out a
class that all rows are of. (scikit-learn has no number where one of the classes did not come true.) A true class of
which the baseline has no scores had none: its rows are of the rest for every class, and their true class scored 0.

Scores are known as receipts carry them (`tidegauge.score_codes`), within 2**-11 of their distance to 0 or 1. So a log
loss is within 0.0005 of that of the original scores where no true class had less than 2**-30, and a Brier score within
0.001; ROC AUC and average precision differ by pairs of scores that lie closer together than that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.score_codes import class_set_of, from_codes
from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.classes import Classified
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.influences import Levels
from tidegauge_processor.performance.related import RelatedMean
from tidegauge_processor.performance.table import Table

_SMALLEST: Final = float(np.finfo(np.float64).eps)


class Averaged(NamedTuple):
    """A number of each class that has one, and their mean.

    Attributes:
        of_class: by the place of the class.
        mean: over these.
    """

    of_class: dict[int, Estimate]
    mean: RelatedMean

    def add(self, place: int, found: Estimate, influences: NDArray[np.float64]) -> None:
        """Add a class."""
        self.of_class[place] = found
        self.mean.add(found, influences)


@dataclass(frozen=True)
class EveryClass:
    """The outcomes with scores of every class, ``m`` of them.

    Attributes:
        names: the classes, ``c`` of them.
        codes: of their scores, shape ``(m, c)``.
        actual: place of the true class among them, shape ``(m,)``; -1 when it is none of them.
        weight: rows that each row stands for, above zero, shape ``(m,)``.
    """

    names: tuple[str, ...]
    codes: NDArray[np.uint16]
    actual: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def read(cls, outcomes: Classified, table: Table, names: Sequence[str]) -> EveryClass:
        """The outcomes whose scores are of the classes of the baseline in force.

        Args:
            outcomes: those of ``table``.
            table: of a cohort.
            names: classes that the baseline calibrates, in its order.

        Raises:
            UndefinedMetricError: there are none.
        """
        if not outcomes.actual.size:
            raise UndefinedMetricError("no labels yet")
        if not any(kind.classes for kind in table.kinds):
            raise UndefinedMetricError("the outcomes carry no scores of every class")
        if not names:
            raise UndefinedMetricError("there is no baseline that says of which classes the scores are")
        wanted = class_set_of(names), len(names)
        own = np.array([(kind.class_set, kind.classes) == wanted for kind in table.kinds], dtype=np.bool_)
        rows = own[table.kind[outcomes.row]]
        if not rows.any():
            raise UndefinedMetricError(
                "the scores of every class are of other classes than those of the baseline in force"
            )
        places = np.array([names.index(name) if name in names else -1 for name in outcomes.names], dtype=np.int64)
        codes = table.codes[outcomes.row[rows], : len(names)]
        return cls(tuple(names), codes, places[outcomes.actual[rows]], outcomes.weight[rows])

    def scores(self, place: int) -> NDArray[np.float64]:
        """Scores of one class, shape ``(m,)``."""
        return from_codes(self.codes[:, place])

    @cached_property
    def curves(self) -> tuple[Averaged, Averaged]:
        """Areas under the ROC curves and average precisions; what a row does to the mean is added up class by class."""
        areas, precisions = (Averaged({}, RelatedMean(self.actual.size)) for _ in range(2))
        for place in np.unique(self.actual[self.actual >= 0]).tolist():
            rows = self.scores(place), self.actual == place, self.weight
            levels = Levels.of(*rows)
            precisions.add(place, intervals.average_precision(*rows), levels.on_average_precision())
            if not levels.positive.all():
                areas.add(place, intervals.weighted_area_under_roc(*rows), levels.on_area())
        return areas, precisions


def roc_auc(rows: EveryClass) -> Estimate:
    """Mean over the classes of the `roc_auc_of` each."""
    areas = rows.curves[0]
    if not areas.of_class:
        raise UndefinedMetricError(f"all {rows.actual.size} labels are of one class")
    return areas.mean.estimate(rows.actual.size)


def average_precision(rows: EveryClass) -> Estimate:
    """Mean over the classes of the `average_precision_of` each."""
    precisions = rows.curves[1]
    if not precisions.of_class:
        raise UndefinedMetricError("no class with scores came true")
    return precisions.mean.estimate(rows.actual.size)


def log_loss(rows: EveryClass) -> Estimate:
    """Mean negative logarithm of the true class's score, in nats.

    Scores of 0 and 1 count as one rounding error (2**-52) away from them, as in scikit-learn.
    """
    own = rows.codes[np.arange(rows.actual.size), np.maximum(rows.actual, 0)]
    of_truth = np.where(rows.actual >= 0, from_codes(own), 0.0)
    return intervals.weighted_mean(-np.log(np.clip(of_truth, _SMALLEST, 1 - _SMALLEST)), rows.weight, least=0.0)


def brier(rows: EveryClass) -> Estimate:
    """Mean squared distance between scores and label, added up over the classes: from 0 to 2, as in scikit-learn."""
    distances = (rows.actual < 0).astype(np.float64)
    for place in range(len(rows.names)):
        distances += np.square(rows.scores(place) - (rows.actual == place))
    most = (
        2.0 if distances.max() <= 2 else float(len(rows.names) + 1)
    )  # scores that do not add up to one may be further
    return intervals.weighted_mean(distances, rows.weight, 0.0, most)


def roc_auc_of(rows: EveryClass, place: int) -> Estimate:
    """Area under the ROC curve of one class against the rest."""
    return _of(rows, 0, place)


def average_precision_of(rows: EveryClass, place: int) -> Estimate:
    """Average precision of one class against the rest."""
    return _of(rows, 1, place)


def _of(rows: EveryClass, curve: int, place: int) -> Estimate:
    found = rows.curves[curve].of_class.get(place)
    if found is None:
        came_true = bool((rows.actual == place).any())
        raise UndefinedMetricError(
            f"all labels are of class {rows.names[place]!r}"
            if came_true
            else f"class {rows.names[place]!r} did not come true"
        )
    return found


METRICS: Final[Mapping[str, Callable[[EveryClass], Estimate]]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "brier": brier,
}
"""What is measured, by the name that it has on the wire."""

OF_A_CLASS: Final[Mapping[str, Callable[[EveryClass, int], Estimate]]] = {
    "roc_auc": roc_auc_of,
    "average_precision": average_precision_of,
}
"""What is measured of each class, by the name that it has on the wire."""
