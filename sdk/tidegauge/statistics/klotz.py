"""Klotz's statistic of two samples on counts in ordered cells: do they differ in spread?

Anderson-Darling looks at shifts first and at spread with a third of the weight. Here every row has the square of the
normal score of its rank in the pooled sample, averaged over the ranks of its cell; the difference of the mean scores of
both samples, squared and over its variance, is most sensitive to a change of spread of a normal law. With ``z`` the
normal quantile at a cell's lower and upper cumulative share, the mean score of a cell with share ``h`` is

    1 - (z_upper phi(z_upper) - z_lower phi(z_lower)) / h

When nothing has changed the statistic has the mean 1 and one degree of freedom; for its tail see the processor.

Source: J. Klotz (1962), Nonparametric tests for scale, Annals of Mathematical Statistics 33, 498-512.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GRID: Final = np.linspace(-8.0, 8.0, 4_001)
_NORMAL: Final = NormalDist()
_CUMULATIVE: Final = np.array([_NORMAL.cdf(z) for z in _GRID])


class Klotz(NamedTuple):
    """Results for ``n`` pairs of samples.

    Attributes:
        statistic: 0 where there is nothing to test; shape ``(n,)``.
        difference: mean score of the window less that of the reference, shape ``(n,)``.
        scores: of the cells, shape ``(n, K)``.
        shares: pooled shares of the cells, shape ``(n, K)``.
    """

    statistic: Floats
    difference: Floats
    scores: Floats
    shares: Floats


def klotz(reference: Floats, window: Floats) -> Klotz:
    """Compute Klotz's statistic.

    Args:
        reference: counts in ordered cells, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.

    Example:
        >>> found = klotz(np.array([[250.0, 500, 250]]), np.array([[40.0, 20, 40]]))
        >>> round(float(found.statistic[0]), 1), round(float(found.difference[0]), 2)
        (32.8, 0.5)
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    both = (n > 0) & (m > 0)
    n, m = np.where(both, n, 1.0), np.where(both, m, 1.0)
    total = n + m
    shares = (reference + window) / total[:, None]
    edges = np.clip(np.pad(shares.cumsum(axis=1), ((0, 0), (1, 0))), 0.0, 1.0)
    z = np.interp(edges, _CUMULATIVE, _GRID)
    moments = np.diff(z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), axis=1)
    scores = np.where(shares > 0, 1 - moments / np.where(shares > 0, shares, 1.0), 0.0)
    difference = (scores * (window / m[:, None] - reference / n[:, None])).sum(axis=1)
    mean = (scores * shares).sum(axis=1, keepdims=True)
    variance = (shares * (scores - mean) ** 2).sum(axis=1) * total / np.maximum(total - 1, 1.0) * (1 / n + 1 / m)
    testable = both & (variance > 0)
    statistic = np.where(testable, difference**2 / np.where(testable, variance, 1.0), 0.0)
    return Klotz(statistic, difference, scores, shares)
