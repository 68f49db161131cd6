"""How large is a change? Effect sizes that people know, each under the name of its exact variant.

The functions take shares (each row sums to one) of ``K`` cells, so that a variant of a peer differs from ours only in
how its cells and shares are made. `psi` and `js_distance` treat zero shares as limits; peers that replace zeros by a
small number, or count half a row into each cell, do that to the shares.

| name | here |
|---|---|
| ``psi_half_count`` | population stability index after adding half a row to every cell on both sides |
| ``js_distance_base2`` | root of the Jensen-Shannon divergence in bits, 0 to 1 |
| ``hellinger`` | Euclidean distance of the roots of the shares, over root 2, 0 to 1 |
| ``ks_distance`` | largest difference of the cumulative shares at the bounds: a lower bound of that of the rows |
| ``wasserstein_normalised`` | earth mover's distance of the cells' points, in standard deviations of the reference |
| ``l_infinity`` | largest difference of the shares |

A cell's point is the middle between its bounds; the two outer cells, open on one side, stand at their bound. Hence a
row is moved by at most half the width of its cell, and the Wasserstein distance of the rows differs from that of the
points by at most the mean of those moves on both sides, apart from rows beyond the outermost bounds, whose distance
from there is not known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def psi(reference: Floats, window: Floats) -> Floats:
    """Population stability index of positive shares, shape ``(..., K)``.

    >>> round(float(psi(np.array([0.5, 0.5]), np.array([0.6, 0.4]))), 6)
    0.040547
    """
    result: Floats = ((window - reference) * np.log(window / reference)).sum(axis=-1)
    return result


def psi_half_count(reference: Floats, window: Floats) -> Floats:
    """`psi` of counts, shape ``(..., K)``, after adding half a row to every cell."""
    first, second = reference + 0.5, window + 0.5
    return psi(first / first.sum(axis=-1, keepdims=True), second / second.sum(axis=-1, keepdims=True))


def js_distance(reference: Floats, window: Floats, base: float = 2.0) -> Floats:
    """Root of the Jensen-Shannon divergence of shares, shape ``(..., K)``.

    >>> float(js_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    middle = (reference + window) / 2
    safe = np.where(middle > 0, middle, 1.0)
    terms = _xlogx(reference, safe) + _xlogx(window, safe)
    result: Floats = np.sqrt(np.maximum(terms.sum(axis=-1), 0.0) / 2 / np.log(base))
    return result


def hellinger(reference: Floats, window: Floats) -> Floats:
    """Hellinger distance of shares, shape ``(..., K)``.

    >>> round(float(hellinger(np.array([0.5, 0.5]), np.array([0.9, 0.1]))), 6)
    0.32492
    """
    result: Floats = np.sqrt(((np.sqrt(reference) - np.sqrt(window)) ** 2).sum(axis=-1) / 2)
    return result


def ks_distance(reference: Floats, window: Floats) -> Floats:
    """Largest difference of cumulative shares, shape ``(..., K)``, in the order of the cells.

    >>> round(float(ks_distance(np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]))), 6)
    0.3
    """
    result: Floats = np.abs((reference - window).cumsum(axis=-1)).max(axis=-1)
    return result


def wasserstein(reference: Floats, window: Floats, points: Floats) -> Floats:
    """Earth mover's distance of shares that stand at ascending ``points``; shapes ``(..., K)``.

    >>> float(wasserstein(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([2.0, 5.0])))
    3.0
    """
    gaps = np.abs((reference - window).cumsum(axis=-1)[..., :-1])
    result: Floats = (gaps * np.diff(points, axis=-1)).sum(axis=-1)
    return result


def l_infinity(reference: Floats, window: Floats) -> Floats:
    """Largest difference of shares, shape ``(..., K)``.

    >>> round(float(l_infinity(np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]))), 6)
    0.3
    """
    result: Floats = np.abs(reference - window).max(axis=-1)
    return result


def points_of(bounds: Floats) -> Floats:
    """Points that stand for the cells between ``bounds`` (shape ``(..., K - 1)``): shape ``(..., K)``.

    >>> points_of(np.array([0.0, 1.0, 3.0])).tolist()
    [0.0, 0.5, 2.0, 3.0]
    """
    # halves first: the sum of two large bounds may overflow
    middles = bounds[..., :-1] / 2 + bounds[..., 1:] / 2
    return np.concatenate([bounds[..., :1], middles, bounds[..., -1:]], axis=-1)


def standard_deviation(shares: Floats, points: Floats) -> Floats:
    """Standard deviation of shares, shape ``(..., K)``, at ``points``, shape ``(K,)`` or ``(..., K)``.

    >>> float(standard_deviation(np.array([0.5, 0.5]), np.array([-1.0, 1.0])))
    1.0
    """
    mean = (shares * points).sum(axis=-1, keepdims=True)
    result: Floats = np.sqrt((shares * (points - mean) ** 2).sum(axis=-1))
    return result


def effects_of(reference: Floats, window: Floats, bounds: Floats | None) -> dict[str, Floats]:
    """All effect sizes that make sense for the cells.

    Args:
        reference: counts, shape ``(n, K)``, no row empty; an effective size may make them fractions.
        window: counts, shape ``(n, K)``, no row empty.
        bounds: shape ``(n, K - 1)`` for ordered cells, None for others.

    Returns:
        Values by the name of the variant, each of shape ``(n,)``. A reference without spread has no normalised
        Wasserstein distance: it is left at zero, as nothing can be said in its standard deviations.
    """
    if bounds is None:  # the order of cells without an order must not show in the last bit of a sum
        order = np.lexsort((window, reference), axis=-1)
        reference, window = np.take_along_axis(reference, order, 1), np.take_along_axis(window, order, 1)
    first = reference / reference.sum(axis=1, keepdims=True)
    second = window / window.sum(axis=1, keepdims=True)
    found = {
        "psi_half_count": psi_half_count(reference, window),
        "js_distance_base2": js_distance(first, second),
        "hellinger": hellinger(first, second),
    }
    if bounds is None:
        return found | {"l_infinity": l_infinity(first, second)}
    found["ks_distance"] = ks_distance(first, second)
    points = points_of(bounds)
    size = np.abs(points).max(axis=1, keepdims=True)
    points = points / np.where(size > 0, size, 1.0)  # the unit cancels below, and squares cannot overflow
    spread = standard_deviation(first, points)
    spread_out = spread > 0
    moved = wasserstein(first, second, points)
    found["wasserstein_normalised"] = np.where(spread_out, moved / np.where(spread_out, spread, 1.0), 0.0)
    return found


def _xlogx(shares: Floats, safe: Floats) -> Floats:
    some = shares > 0
    result: Floats = np.where(some, shares * np.log(np.where(some, shares, 1.0) / safe), 0.0)
    return result
