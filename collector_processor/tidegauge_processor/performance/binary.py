"""How good a model of two classes was.

Each metric is a function from the outcomes to an estimate; `METRICS` names them. A score is the probability of the
positive class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import calibration, intervals, multiclass
from tidegauge_processor.performance.classes import Classified, read_binary
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.table import Table

_SMALLEST: Final = float(np.finfo(np.float64).eps)


class Scored(NamedTuple):
    """The rows with a score: their scores, whether they are positive, and their weights, all of shape ``(m,)``."""

    scores: NDArray[np.float64]
    positive: NDArray[np.bool_]
    weights: NDArray[np.float64]

    def probabilities(self) -> Scored:
        """The same rows.

        Raises:
            UndefinedMetricError: a score is no probability.
        """
        if not calibration.are_probabilities(self.scores):
            raise UndefinedMetricError("the scores are not probabilities from 0 to 1")
        return self


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
        labels: NDArray[np.bool_] = self.outcomes.actual == self.code
        return labels

    @property
    def code(self) -> int:
        """Code of the positive class.

        Raises:
            UndefinedMetricError: it is not known which class is the positive one.
        """
        if self.positive is None:
            if not self.outcomes.actual.size:
                raise UndefinedMetricError("no labels yet")
            names = " and ".join(map(repr, self.outcomes.names))
            raise UndefinedMetricError(f"which of the classes {names} is positive is not known")
        return self.positive

    def scored(self) -> Scored:
        """The rows that have a score.

        Raises:
            UndefinedMetricError: it is not known which class is the positive one, or no row has a score.
        """
        labels = self.labels
        scores, weights = multiclass.with_score(self.outcomes)
        return Scored(scores, labels[~np.isnan(self.outcomes.score)], weights)


def accuracy(rows: Binary) -> Estimate:
    """Share of rows whose predicted class is the true one."""
    return multiclass.accuracy(rows.outcomes)


def precision(rows: Binary) -> Estimate:
    """Share of the rows predicted as positive that are."""
    return multiclass.precision(*_predicted(rows))


def recall(rows: Binary) -> Estimate:
    """Share of the positive rows that were predicted as such: the true-positive rate."""
    return multiclass.recall(*_predicted(rows))


def specificity(rows: Binary) -> Estimate:
    """Share of the negative rows that were predicted as such: one less the false-positive rate."""
    return multiclass.specificity(*_predicted(rows))


def f1(rows: Binary) -> Estimate:
    """Harmonic mean of `precision` and `recall`."""
    return multiclass.f1(*_predicted(rows))


def balanced_accuracy(rows: Binary) -> Estimate:
    """Mean of `recall` and `specificity`."""
    return intervals.mean_of([recall(rows), specificity(rows)], rows.outcomes.actual.size)


def roc_auc(rows: Binary) -> Estimate:
    """Area under the ROC curve."""
    return intervals.weighted_area_under_roc(*rows.scored())


def average_precision(rows: Binary) -> Estimate:
    """Mean precision over the thresholds that reach one positive row after the other."""
    return intervals.average_precision(*rows.scored())


def brier(rows: Binary) -> Estimate:
    """Mean squared distance between score and label."""
    scores, positive, weights = rows.scored().probabilities()
    return intervals.weighted_mean(np.square(scores - positive), weights, 0.0, 1.0)


def log_loss(rows: Binary) -> Estimate:
    """Mean negative log-likelihood, in nats.

    Scores of 0 and 1 count as one rounding error (2**-52) away from them, as in scikit-learn since 1.3.
    """
    scores, positive, weights = rows.scored().probabilities()
    of_truth = np.clip(np.where(positive, scores, 1 - scores), _SMALLEST, 1 - _SMALLEST)
    return intervals.weighted_mean(-np.log(of_truth), weights, least=0.0)


def calibration_error(rows: Binary) -> Estimate:
    """Mean distance between the score and the share of positive rows that have such a score."""
    return calibration.calibration_error(*rows.scored())


def mean_score(rows: Binary) -> Estimate:
    """Mean score of the rows with a label: what the model said, to be held against `mean_label`."""
    return multiclass.mean_score(rows.outcomes)


def mean_label(rows: Binary) -> Estimate:
    """Share of positive rows: what came true."""
    return intervals.weighted_share(rows.labels, rows.outcomes.weight)


def _predicted(rows: Binary) -> tuple[Classified, int]:
    """The rows with a predicted class, and the code of the positive one."""
    code = rows.code
    outcomes = multiclass.with_prediction(rows.outcomes)
    if not outcomes.actual.size:
        raise UndefinedMetricError("no labels yet")
    return outcomes, code


DETECTION: Final[Mapping[str, Callable[[Binary], Estimate]]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "f1": f1,
    "balanced_accuracy": balanced_accuracy,
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "mean_label": mean_label,
}
"""What is measured where the score is any number: of anomalies, that is, of which the greater score is the stranger."""

METRICS: Final[Mapping[str, Callable[[Binary], Estimate]]] = {
    **DETECTION,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "mean_score": mean_score,
}
"""What is measured where the score is a probability, by the name that it has on the wire."""
