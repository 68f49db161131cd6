"""How good the model was on the reference rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SMALLEST = float(np.finfo(np.float64).eps)


def accuracy(predicted: NDArray[np.intp], actual: NDArray[np.intp]) -> float:
    """Share of equal class codes; both of shape ``(n,)``."""
    return float((predicted == actual).mean())


def roc_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the probability that a positive row scores above a negative one, ties counting half.

    It is the Mann-Whitney statistic over the number of pairs (Hanley and McNeil 1982).

    Args:
        scores: scores, shape ``(n,)``.
        positive: whether the row is positive, shape ``(n,)``; some are and some are not.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    _, places, rows = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(rows) - (rows - 1) / 2)[places]
    positives = int(positive.sum())
    pairs = positives * (positive.size - positives)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / pairs)


def log_loss(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood, in nats; scores of 0 and 1 count as one rounding error away from them.

    >>> log_loss(np.array([0.5, 0.5]), np.array([False, True]))
    0.6931471805599453
    """
    of_truth = np.clip(np.where(positive, scores, 1 - scores), _SMALLEST, 1 - _SMALLEST)
    return float(-np.log(of_truth).mean())


def mean_absolute_error(predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> float:
    """Mean of ``|predicted - actual|``; both of shape ``(n,)``."""
    return float(np.abs(predicted - actual).mean())


def root_mean_squared_error(predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> float:
    """Root of the mean of ``(predicted - actual)**2``; both of shape ``(n,)``."""
    return float(np.sqrt(np.square(predicted - actual).mean()))
