"""The Anderson-Darling test of two samples on counts in ordered cells.

Counts ``a`` (total ``n``) and ``b`` (total ``m``) stand over the same ``K`` cells. ``F`` and ``G`` are their cumulative
shares at the ``K - 1`` inner edges, ``H`` the pooled one, ``h`` the pooled share of the cell below an edge:

    AD = n m / (n + m) * sum h (F - G)**2 / (H (1 - H))

This is the ``right`` variant of Scholz and Stephens for data that take ``K`` values. Given the pooled counts and with
rows dealt at random, ``F - G`` at the edges is a discrete Brownian bridge: mean zero, covariance
``(min(H_i, H_j) - H_i H_j) (n + m) / (n m) * N / (N - 1)`` with ``N = n + m``. So AD is a weighted sum of chi-squares
whose weights are the eigenvalues of that covariance, scaled by the square roots of the weights of AD.

Source: F. W. Scholz, M. A. Stephens (1987), K-sample Anderson-Darling tests, JASA 82, 918-924.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts.saddlepoint import weighted_chi2_sf

Floats = NDArray[np.float64]


class AndersonDarling(NamedTuple):
    """Results, each of shape ``(n,)``."""

    statistic: Floats
    p_value: Floats


def anderson_darling(reference: Floats, window: Floats) -> AndersonDarling:
    """Test whether rows of ``reference`` and ``window`` come from one distribution.

    Args:
        reference: counts in ordered cells, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.

    Returns:
        AD and its p-value for each pair; 0 and 1 where a side is empty or all rows share a cell.

    Example:
        >>> same = anderson_darling(np.array([[500.0, 300, 200]]), np.array([[50.0, 30, 20]]))
        >>> same.statistic.tolist(), same.p_value.tolist()
        ([0.0], [1.0])
        >>> moved = anderson_darling(np.array([[500.0, 300, 200]]), np.array([[30.0, 30, 40]]))
        >>> round(float(moved.statistic[0]), 4), float(moved.p_value[0]) < 1e-4
        (13.4129, True)
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    total = n + m
    both = (n > 0) & (m > 0)
    n, m = np.where(both, n, 1.0), np.where(both, m, 1.0)
    pooled = reference + window
    shares = pooled / np.where(total > 0, total, 1.0)[:, None]
    below = pooled[:, :-1].cumsum(axis=1)
    above = pooled[:, ::-1].cumsum(axis=1)[:, -2::-1]
    inside = (below > 0) & (above > 0) & both[:, None]
    variance = np.where(inside, below * above / np.where(total > 0, total, 1.0)[:, None] ** 2, 1.0)
    weight = np.where(inside, shares[:, :-1] / variance, 0.0)
    gaps = reference[:, :-1].cumsum(axis=1) / n[:, None] - window[:, :-1].cumsum(axis=1) / m[:, None]
    statistic = n * m / np.where(both, total, 2.0) * (weight * gaps**2).sum(axis=1)
    p_value = weighted_chi2_sf(statistic, _null_weights(below, above, weight, total))
    return AndersonDarling(np.where(both, statistic, 0.0), p_value)


def _null_weights(below: Floats, above: Floats, weight: Floats, total: Floats) -> Floats:
    """Eigenvalues of the null covariance: shape ``(n, K - 1)``, not negative."""
    # min(H_i, H_j) - H_i H_j = H_i (1 - H_j) for i <= j, from counts on both sides so that tails keep their digits
    upper = np.triu(below[:, :, None] * above[:, None, :])
    bridge = upper + np.triu(upper, 1).transpose(0, 2, 1)
    root = np.sqrt(weight)
    exact = np.maximum(total * np.maximum(total - 1, 1.0), 1.0)  # N**2 (N - 1) / N
    covariance = bridge / exact[:, None, None] * root[:, :, None] * root[:, None, :]
    weights: Floats = np.maximum(np.linalg.eigvalsh(covariance), 0.0)
    return weights
