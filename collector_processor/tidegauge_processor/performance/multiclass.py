"""How good a model of any number of classes was.

A score is the probability of the predicted class; those of the other classes do not travel with an outcome, so what
needs them (ROC AUC, log loss) is not measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.classes import Classified
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError


def accuracy(rows: Classified) -> Estimate:
    """Share of rows whose predicted class is the true one."""
    predicted = rows.predicted >= 0
    if rows.actual.size and not predicted.any():
        raise UndefinedMetricError("the outcomes carry no predicted class")
    right = np.count_nonzero(rows.predicted[predicted] == rows.actual[predicted])
    return intervals.share(int(right), int(np.count_nonzero(predicted)))


def mean_score(rows: Classified) -> Estimate:
    """Mean score of the rows with a label; of a well calibrated model it is the accuracy."""
    scores = rows.score[~np.isnan(rows.score)]
    if rows.actual.size and not scores.size:
        raise UndefinedMetricError("the outcomes carry no score")
    return intervals.mean(scores, 0.0, 1.0) if are_probabilities(scores) else intervals.mean(scores)


def are_probabilities(scores: NDArray[np.float64]) -> bool:
    """Whether all ``scores``, shape ``(n,)``, lie in [0, 1]."""
    return bool(((scores >= 0) & (scores <= 1)).all())


METRICS: Final[Mapping[str, Callable[[Classified], Estimate]]] = {"accuracy": accuracy, "mean_score": mean_score}
"""What is measured, by the name that it has on the wire."""
