"""The Anderson-Darling statistic of two samples on counts in ordered cells.

Counts ``a`` (total ``n``) and ``b`` (total ``m``) stand over the same ``K`` cells. ``F`` and ``G`` are their cumulative
shares at the ``K - 1`` inner edges, ``H`` the pooled one, ``h`` the pooled share of the cell below an edge:

    AD = n m / (n + m) * sum h (F - G)**2 / (H (1 - H))

This is the ``right`` variant of Scholz and Stephens for data that take ``K`` values. Given the pooled counts and with
rows dealt at random, ``F - G`` has at an edge the variance ``H (1 - H) (n + m) / (n m) * N / (N - 1)``, ``N = n + m``.
So the mean of AD is the pooled share of all cells but the last occupied one, times ``N / (N - 1)``.

That is its mean however rare a cell is; where few rows are expected beyond an edge its tail is another matter, for
which see the processor.

Source: F. W. Scholz, M. A. Stephens (1987), K-sample Anderson-Darling tests, JASA 82, 918-924.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class AndersonDarling(NamedTuple):
    """Results for ``n`` pairs of samples.

    Attributes:
        statistic: AD; 0 where a side is empty. Shape ``(n,)``.
        mean: its mean when nothing has changed; 0 where it cannot be other than 0. Shape ``(n,)``.
        weight: factors of the squared gaps, 0 at edges with nothing on one side; shape ``(n, K - 1)``.
        below: pooled counts below each edge, shape ``(n, K - 1)``.
        above: pooled counts above each edge, shape ``(n, K - 1)``.
    """

    statistic: Floats
    mean: Floats
    weight: Floats
    below: Floats
    above: Floats


def anderson_darling(reference: Floats, window: Floats) -> AndersonDarling:
    """Compute AD.

    Args:
        reference: counts in ordered cells, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.

    Example:
        >>> found = anderson_darling(np.array([[500.0, 300, 200]]), np.array([[30.0, 30, 40]]))
        >>> round(float(found.statistic[0]), 4), round(float(found.mean[0]), 4)
        (13.4129, 0.7825)
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    both = (n > 0) & (m > 0)
    n, m = np.where(both, n, 1.0), np.where(both, m, 1.0)
    total = n + m
    pooled = reference + window
    below = pooled[:, :-1].cumsum(axis=1)
    above = pooled[:, ::-1].cumsum(axis=1)[:, -2::-1]
    inside = (below > 0) & (above > 0) & both[:, None]
    shares = pooled[:, :-1] / total[:, None]
    # the product is the variance of one row at the edge, from counts on both sides so that tails keep their digits
    weight = np.where(inside, shares * total[:, None] ** 2 / np.where(inside, below * above, 1.0), 0.0)
    gaps = reference[:, :-1].cumsum(axis=1) / n[:, None] - window[:, :-1].cumsum(axis=1) / m[:, None]
    statistic = np.where(both, n * m / total * (weight * gaps**2).sum(axis=1), 0.0)
    mean = np.where(inside, shares, 0.0).sum(axis=1) * total / np.maximum(total - 1, 1.0)
    return AndersonDarling(statistic, mean, weight, below, above)
