"""The statistic G: the log-likelihood ratio of two samples over cells.

    G = 2 sum O log(O / E)

over the cells of both samples, with ``E`` from the pooled shares. When nothing has changed its mean is about the number
of occupied cells less one, times Williams' factor ``q``, which corrects for small counts.

Sources: R. R. Sokal, F. J. Rohlf, Biometry, 3rd ed., 17.2; D. A. Williams (1976), Biometrika 63, 33-37.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class GStatistic(NamedTuple):
    """Results for ``n`` pairs of samples, each of shape ``(n,)``.

    Attributes:
        statistic: G, not corrected; 0 where a side is empty or all rows share a cell.
        degrees: occupied cells less one; 0 where there is nothing to test.
        williams: ``q - 1``.
    """

    statistic: Floats
    degrees: Floats
    williams: Floats


def g_statistic(reference: Floats, window: Floats) -> GStatistic:
    """Compute G.

    Args:
        reference: counts, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.

    Example:
        >>> found = g_statistic(np.array([[500.0, 300, 200]]), np.array([[30.0, 30, 40]]))
        >>> round(float(found.statistic[0]), 6), float(found.degrees[0])
        (22.300524, 2.0)
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    total = np.where(n + m > 0, n + m, 1.0)
    pooled = reference + window
    occupied = pooled > 0
    terms = _entropy(reference, pooled * (n / total)[:, None]) + _entropy(window, pooled * (m / total)[:, None])
    degrees = occupied.sum(axis=1) - 1.0
    testable = (n > 0) & (m > 0) & (degrees > 0)
    n, m = np.where(testable, n, 1.0), np.where(testable, m, 1.0)
    rows = total / n + total / m - 1
    columns = (np.where(occupied, 1 / np.where(occupied, pooled, 1.0), 0.0).sum(axis=1)) * total - 1
    williams = rows * columns / (6 * total * np.maximum(degrees, 1))
    statistic = np.where(testable, np.maximum(2 * terms.sum(axis=1), 0.0), 0.0)
    return GStatistic(statistic, np.where(testable, degrees, 0.0), np.where(testable, williams, 0.0))


def _entropy(observed: Floats, expected: Floats) -> Floats:
    """``O log(O / E) - O + E``: the last two cancel in the sum, and each term is then not negative."""
    some = observed > 0
    ratio = np.where(some, observed, 1.0) / np.where(some, expected, 1.0)
    result: Floats = np.where(some, observed * np.log(ratio), 0.0) - observed + expected
    return result
