"""Pearson's statistic of one cell against the rest, in two samples.

    X2 = (a / n - b / m)**2 / (p (1 - p) (1 / n + 1 / m)) * (N - 1) / N

with ``a`` of ``n`` and ``b`` of ``m`` rows in the cell and ``p`` the pooled share of ``N = n + m`` rows. Its mean is
exactly 1 when nothing has changed, however rare the cell, which makes it the measure of what goes beyond independent
rows; its tail is another matter.

Source: K. Pearson (1900), Philosophical Magazine 50, 157-175.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pearson(reference: Floats, window: Floats) -> Floats:
    """Compute X2 of each cell against all others.

    Args:
        reference: counts, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.

    Returns:
        Shape ``(n, K)``; NaN where nothing can be said: a side is empty, or all rows or none lie in the cell.

    Example:
        >>> pearson(np.array([[90.0, 10]]), np.array([[15.0, 5]])).round(3).tolist()
        [[3.4, 3.4]]
    """
    n, m = reference.sum(axis=1)[:, None], window.sum(axis=1)[:, None]
    total, pooled = n + m, reference + window
    testable = (n > 0) & (m > 0) & (pooled > 0) & (pooled < total)
    first, second = np.where(n > 0, n, 1.0), np.where(m > 0, m, 1.0)
    share = np.where(testable, pooled / np.where(total > 0, total, 1.0), 0.5)
    variance = share * (1 - share) * (1 / first + 1 / second)
    squares = (reference / first - window / second) ** 2 / variance
    return np.where(testable, squares * (total - 1) / np.where(total > 0, total, 1.0), np.nan)
