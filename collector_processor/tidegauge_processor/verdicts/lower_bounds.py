"""How large is a change at least, and at most? Confidence bounds of the KS and of the L-infinity distance.

Both distances are the largest of some differences of two shares: of the cumulative shares at the inner edges, or of
the shares of the cells. Each of these shares is binomial, so Clopper and Pearson's exact interval holds for it at any
number of rows, and is short where the share is small. With the error probability divided over all differences, both
samples and both directions, all intervals hold at once; then the gap between the intervals at the place of the largest
difference bounds the true distance from below, although the data chose the place. Nothing is assumed beyond
independent rows, so the bound is on the safe side.

From above it takes a bound of all places at once: that of Dvoretzky, Kiefer, Wolfowitz and Massart for cumulative
shares, Hoeffding's with the error probability divided over the cells for others.

Sources: C. J. Clopper, E. S. Pearson (1934), Biometrika 26, 404-413; P. Massart (1990), Annals of Probability 18,
1269-1283; W. Hoeffding (1963), JASA 58, 13-30.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


def least_distance(reference: Floats, window: Floats, error: Floats, *, ordered: bool) -> Floats:
    """Lower confidence bound of the KS distance (ordered cells) or the L-infinity distance (others).

    Args:
        reference: counts, shape ``(n, K)``, no row empty; an effective size may make them fractions.
        window: counts, shape ``(n, K)``, no row empty.
        error: probability with which the bound may exceed the true distance, shape ``(n,)``.
        ordered: whether the cells have an order.

    Returns:
        Bounds, not negative, shape ``(n,)``.

    Example:
        >>> bound = least_distance(
        ...     np.array([[9000.0, 1000]]), np.array([[500.0, 500]]), np.array([1e-6]), ordered=False
        ... )
        >>> round(float(bound[0]), 3)
        0.305
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    reference, window = _compared(reference, window, ordered=ordered)
    differences = np.abs(reference / n[:, None] - window / m[:, None])
    place = differences.argmax(axis=1)[:, None]
    a = np.take_along_axis(reference, place, 1)[:, 0]
    b = np.take_along_axis(window, place, 1)[:, 0]
    alpha = error / (4 * reference.shape[1])
    grown = b / m > a / n
    above = _lower(np.where(grown, b, a), np.where(grown, m, n), alpha)
    below = _upper(np.where(grown, a, b), np.where(grown, n, m), alpha)
    result: Floats = np.maximum(above - below, 0.0)
    return result


def greatest_distance(reference: Floats, window: Floats, error: Floats, *, ordered: bool) -> Floats:
    """Upper confidence bound of the distance that `least_distance` bounds from below.

    Args:
        reference: counts, shape ``(n, K)``, no row empty; an effective size may make them fractions.
        window: counts, shape ``(n, K)``, no row empty.
        error: probability with which the true distance may exceed the bound, shape ``(n,)``.
        ordered: whether the cells have an order.

    Returns:
        Bounds, at most 1, shape ``(n,)``.

    Example:
        >>> bound = greatest_distance(
        ...     np.array([[9000.0, 1000]]), np.array([[500.0, 500]]), np.array([1e-6]), ordered=False
        ... )
        >>> round(float(bound[0]), 3)
        0.515
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    reference, window = _compared(reference, window, ordered=ordered)
    found = np.abs(reference / n[:, None] - window / m[:, None]).max(axis=1)
    spread = np.log(4 * (1 if ordered else reference.shape[1]) / error) / 2
    result: Floats = np.minimum(found + np.sqrt(spread / n) + np.sqrt(spread / m), 1.0)
    return result


def _compared(reference: Floats, window: Floats, *, ordered: bool) -> tuple[Floats, Floats]:
    """The counts of which the shares are compared: up to each inner edge, or of each cell."""
    if ordered:
        return reference.cumsum(axis=1)[:, :-1], window.cumsum(axis=1)[:, :-1]
    if reference.shape[1] == 2:  # the two differences are one
        return reference[:, :1], window[:, :1]
    return reference, window


def _lower(count: Floats, total: Floats, alpha: Floats) -> Floats:
    some = count > 0
    bound = special.betaincinv(np.where(some, count, 1.0), np.maximum(total - count, 0.0) + 1, alpha)
    return np.where(some, bound, 0.0)


def _upper(count: Floats, total: Floats, alpha: Floats) -> Floats:
    some = count < total
    bound = special.betainccinv(count + 1, np.where(some, total - count, 1.0), alpha)
    return np.where(some, bound, 1.0)
