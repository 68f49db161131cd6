"""How good a model of any number of classes was, over all classes and for each.

A score is the probability of the predicted class; what needs those of the other classes too is in `every_class`.

A macro average gives every class that was predicted or came true the same say; as in scikit-learn a class that was
never predicted has the precision 0, and one that never came true the recall 0. That of the specificities leaves out a
class that all rows are of, which has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.calibration import are_probabilities, calibration_error
from tidegauge_processor.performance.classes import Classified
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.related import RelatedMean


def accuracy(rows: Classified) -> Estimate:
    """Share of rows whose predicted class is the true one."""
    rows = with_prediction(rows)
    return intervals.weighted_share(rows.predicted == rows.actual, rows.weight)


def balanced_accuracy(rows: Classified) -> Estimate:
    """Mean over the classes that came true of the share of their rows that were found."""
    rows = with_prediction(rows)
    found = [recall(rows, code) for code in np.unique(rows.actual).tolist()]
    if not found:
        raise UndefinedMetricError("no labels yet")
    return intervals.mean_of(found, rows.actual.size)


def macro_precision(rows: Classified) -> Estimate:
    """Mean of the classes' `precision`."""
    return _macro(rows, precision)


def macro_recall(rows: Classified) -> Estimate:
    """Mean of the classes' `recall`."""
    return _macro(rows, recall)


def macro_f1(rows: Classified) -> Estimate:
    """Mean of the classes' `f1`."""
    rows = with_prediction(rows)
    codes = _present(rows)
    if not codes:
        raise UndefinedMetricError("no labels yet")
    found = [_f1(rows, code) for code in codes]
    influences = np.mean([influence for _, influence, _ in found], axis=0)
    value = float(np.mean([value for value, _, _ in found]))
    return intervals.between_0_and_1(value, influences, min(size for _, _, size in found), rows.actual.size)


def macro_specificity(rows: Classified) -> Estimate:
    """Mean of the classes' `specificity`."""
    rows = with_prediction(rows)
    mean = RelatedMean(rows.actual.size)
    for code in _present(rows):
        others = rows.actual != code
        if others.any():
            found, weights = specificity(rows, code), rows.weight * others
            mean.add(found, weights * ((rows.predicted != code) - found.value) / float(weights.sum()))
    if not mean.parts:
        raise UndefinedMetricError("all labels are of one class" if rows.actual.size else "no labels yet")
    return mean.estimate(rows.actual.size)


def mean_score(rows: Classified) -> Estimate:
    """Mean score of the rows with a label; of a well calibrated model it is the accuracy."""
    scores, weights = with_score(rows)
    if not are_probabilities(scores):
        return intervals.weighted_mean(scores, weights)
    return intervals.weighted_mean(scores, weights, 0.0, 1.0)


def expected_calibration_error(rows: Classified) -> Estimate:
    """Mean distance between the score of the predicted class and the share of such rows in which it came true."""
    scores, weights = with_score(rows)
    right = (rows.predicted == rows.actual)[~np.isnan(rows.score)]
    return calibration_error(scores, right, weights)


def precision(rows: Classified, code: int) -> Estimate:
    """Share of the rows predicted as class ``code`` that truly are of it."""
    predicted = rows.predicted == code
    if not predicted.any():
        raise UndefinedMetricError(f"class {rows.names[code]!r} was not predicted")
    return intervals.weighted_share((rows.actual == code)[predicted], rows.weight[predicted])


def recall(rows: Classified, code: int) -> Estimate:
    """Share of the rows truly of class ``code`` that were predicted as such."""
    actual = rows.actual == code
    if not actual.any():
        raise UndefinedMetricError(f"class {rows.names[code]!r} did not come true")
    return intervals.weighted_share((rows.predicted == code)[actual], rows.weight[actual])


def specificity(rows: Classified, code: int) -> Estimate:
    """Share of the rows not of class ``code`` that were predicted as another class, too."""
    others = rows.actual != code
    if not others.any():
        raise UndefinedMetricError(f"all labels are of class {rows.names[code]!r}")
    return intervals.weighted_share((rows.predicted != code)[others], rows.weight[others])


def f1(rows: Classified, code: int) -> Estimate:
    """Harmonic mean of the `precision` and the `recall` of class ``code``."""
    if not ((rows.predicted == code) | (rows.actual == code)).any():
        raise UndefinedMetricError(f"class {rows.names[code]!r} was neither predicted nor did it come true")
    value, influences, size = _f1(rows, code)
    return intervals.between_0_and_1(value, influences, size, rows.actual.size)


def with_prediction(rows: Classified) -> Classified:
    """The rows with a predicted class.

    Raises:
        UndefinedMetricError: there are rows, but none has one.
    """
    predicted = rows.predicted >= 0
    if rows.actual.size and not predicted.any():
        raise UndefinedMetricError("the outcomes carry no predicted class")
    return rows if predicted.all() else rows.take(predicted)


def with_score(rows: Classified) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and weights of the rows with a score.

    Raises:
        UndefinedMetricError: there are rows, but none has one.
    """
    has_score = ~np.isnan(rows.score)
    if rows.actual.size and not has_score.any():
        raise UndefinedMetricError("the outcomes carry no score")
    return rows.score[has_score], rows.weight[has_score]


def _f1(rows: Classified, code: int) -> tuple[float, NDArray[np.float64], float]:
    """The metric, the influence of each row on it, and the rows that it surely rests on."""
    claims = (rows.predicted == code).astype(np.int64) + (rows.actual == code)
    hits = 2 * ((rows.predicted == code) & (rows.actual == code))
    total = float((rows.weight * claims).sum())
    value = float((rows.weight * hits).sum()) / total
    return value, rows.weight * (hits - value * claims) / total, intervals.effective_rows(rows.weight[claims > 0])


def _macro(rows: Classified, metric: Callable[[Classified, int], Estimate]) -> Estimate:
    rows = with_prediction(rows)
    found = []
    for code in _present(rows):
        try:
            found.append(metric(rows, code))
        except UndefinedMetricError:
            found.append(Estimate(0.0, 0.0, 0.0, 0))
    if not found:
        raise UndefinedMetricError("no labels yet")
    return intervals.mean_of(found, rows.actual.size)


def _present(rows: Classified) -> list[int]:
    codes: list[int] = np.union1d(rows.predicted, rows.actual).tolist()
    return codes


METRICS: Final[Mapping[str, Callable[[Classified], Estimate]]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_precision": macro_precision,
    "macro_recall": macro_recall,
    "macro_f1": macro_f1,
    "macro_specificity": macro_specificity,
    "mean_score": mean_score,
    "calibration_error": expected_calibration_error,
}
"""What is measured, by the name that it has on the wire."""

OF_A_CLASS: Final[Mapping[str, Callable[[Classified, int], Estimate]]] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "specificity": specificity,
}
"""What is measured of each class, by the name that it has on the wire."""
