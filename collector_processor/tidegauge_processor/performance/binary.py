"""How good a model of two classes was.

Each metric is a function from the outcomes to an estimate; `METRICS` names them. A score is the probability of the
positive class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals, multiclass
from tidegauge_processor.performance.classes import Classified, read_binary
from tidegauge_processor.performance.cohort import Table
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

_SMALLEST: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Binary:
    """Outcomes of a model of two classes.

    Attributes:
        outcomes: with their classes as codes.
        positive: code of the positive class; None when it is not known.
    """

    outcomes: Classified
    positive: int | None

    @classmethod
    def read(cls, table: Table, positive: str | None) -> Binary:
        """Read a cohort.

        Raises:
            UndefinedMetricError: there are more than two classes.
        """
        outcomes, name = read_binary(table, positive)
        return cls(outcomes, outcomes.names.index(name) if name in outcomes.names else None)

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Whether each row is positive, shape ``(n,)``.

        Raises:
            UndefinedMetricError: it is not known which class is the positive one.
        """
        if self.positive is None:
            if not self.outcomes.actual.size:
                raise UndefinedMetricError("no labels yet")
            names = " and ".join(map(repr, self.outcomes.names))
            raise UndefinedMetricError(f"which of the classes {names} is positive is not known")
        labels: NDArray[np.bool_] = self.outcomes.actual == self.positive
        return labels

    def scored(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Scores, and whether each row is positive, of the rows that have a score; both of shape ``(m,)``.

        Raises:
            UndefinedMetricError: it is not known which class is the positive one, or no row has a score.
        """
        has_score = ~np.isnan(self.outcomes.score)
        if self.labels.size and not has_score.any():
            raise UndefinedMetricError("the outcomes carry no score")
        return self.outcomes.score[has_score], self.labels[has_score]


def accuracy(rows: Binary) -> Estimate:
    """Share of rows whose predicted class is the true one."""
    return multiclass.accuracy(rows.outcomes)


def roc_auc(rows: Binary) -> Estimate:
    """Area under the ROC curve."""
    return intervals.area_under_roc(*rows.scored())


def log_loss(rows: Binary) -> Estimate:
    """Mean negative log-likelihood, in nats.

    Scores of 0 and 1 count as one rounding error (2**-52) away from them, as in scikit-learn since 1.3.
    """
    scores, positive = rows.scored()
    if not multiclass.are_probabilities(scores):
        raise UndefinedMetricError("the scores are not probabilities from 0 to 1")
    of_truth = np.clip(np.where(positive, scores, 1 - scores), _SMALLEST, 1 - _SMALLEST)
    return intervals.mean(-np.log(of_truth), least=0.0)


def mean_score(rows: Binary) -> Estimate:
    """Mean score of the rows with a label: what the model said, to be held against `mean_label`."""
    return multiclass.mean_score(rows.outcomes)


def mean_label(rows: Binary) -> Estimate:
    """Share of positive rows: what came true."""
    labels = rows.labels
    return intervals.share(int(np.count_nonzero(labels)), labels.size)


METRICS: Final[Mapping[str, Callable[[Binary], Estimate]]] = {
    "accuracy": accuracy,
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "mean_score": mean_score,
    "mean_label": mean_label,
}
"""What is measured, by the name that it has on the wire."""
