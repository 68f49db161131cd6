"""Do the scores mean what they say? Of the rows with a score near 0.3, three in ten should be positive.

Scores are put into ten bins of equal width; a bin's gap is its mean score less its share of positive rows. The expected
calibration error is the mean size of the gaps, each bin counting for the weight of its rows. Even of a perfect model it
is above zero, because a share of few rows is never exact; so the lower end of its interval first takes off what chance
alone would show in these bins, and is zero where nothing is left.

Source: M. P. Naeini, G. F. Cooper, M. Hauskrecht (2015), AAAI 29, 2901; the curve is that of scikit-learn.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

BINS: Final = 10
"""Bins of a reliability curve."""


class Point(NamedTuple):
    """One bin of a reliability curve.

    Attributes:
        bin: its place, from 0 for the lowest scores.
        score: mean score of its rows.
        share: share of them that are positive, with its interval.
    """

    bin: int
    score: float
    share: Estimate

    @property
    def name(self) -> str:
        """From which score to which.

        >>> Point(3, 0.35, Estimate(0.4, 0.3, 0.5, 90)).name
        '0.3-0.4'
        """
        return f"{self.bin / BINS:.1f}-{(self.bin + 1) / BINS:.1f}"


def reliability(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> list[Point]:
    """The reliability curve: a point for each bin that has rows, by ascending score.

    Args:
        scores: from 0 to 1, shape ``(n,)``.
        positive: whether the row is positive, shape ``(n,)``.
        weights: above zero, shape ``(n,)``; equal when left out.

    Raises:
        UndefinedMetricError: there is no row, or a score is no probability.

    >>> curve = reliability(np.array([0.25, 0.75, 0.75]), np.array([False, True, False]))
    >>> [(point.name, point.score, point.share.value, point.share.labels) for point in curve]
    [('0.2-0.3', 0.25, 0.0, 1), ('0.7-0.8', 0.75, 0.5, 2)]
    """
    if not scores.size:
        raise UndefinedMetricError("no labels yet")
    if not are_probabilities(scores):
        raise UndefinedMetricError("the scores are not probabilities from 0 to 1")
    bins = _bins(scores)
    weights = np.ones(scores.size) if weights is None else weights
    totals, sums = (np.bincount(bins, weights=weights * column, minlength=BINS) for column in (1.0, scores))
    return [
        Point(at, float(sums[at] / totals[at]), intervals.weighted_share(positive[bins == at], weights[bins == at]))
        for at in np.unique(bins).tolist()
    ]


def calibration_error(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> Estimate:
    """Expected calibration error, with its interval; the arguments are those of `reliability`.

    Raises:
        UndefinedMetricError: as of `reliability`.
    """
    points = reliability(scores, positive, weights)
    totals, squares = (np.bincount(_bins(scores), each, BINS) for each in (weights, np.square(weights)))
    found = [point.bin for point in points]
    parts, rows = (totals / totals.sum())[found].tolist(), (np.square(totals[found]) / squares[found]).tolist()
    value = math.fsum(part * abs(point.score - point.share.value) for part, point in zip(parts, points, strict=True))
    # a bin's share is taken for that of its score, or of half a row more of each kind, so that no bin is sure of itself
    shares = [(point.share.value * n + 0.5) / (n + 1) for point, n in zip(points, rows, strict=True)]
    errors = [part * math.sqrt(share * (1 - share) / n) for part, share, n in zip(parts, shares, rows, strict=True)]
    half = intervals.Z * math.sqrt(math.fsum(error * error for error in errors))
    by_chance = math.sqrt(2 / math.pi) * math.fsum(errors)
    return Estimate(value, max(value - by_chance - half, 0.0), min(value + half, 1.0), scores.size)


def _bins(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.linspace(0.0, 1.0, BINS + 1)[1:-1].searchsorted(scores)


def are_probabilities(scores: NDArray[np.float64]) -> bool:
    """Whether all ``scores``, shape ``(n,)``, lie in [0, 1]."""
    return bool(((scores >= 0) & (scores <= 1)).all())
