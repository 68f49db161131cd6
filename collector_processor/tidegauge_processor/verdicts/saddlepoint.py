"""Tail of a weighted sum of chi-squares, by the saddlepoint.

Many quadratic statistics are, when nothing has changed, distributed as ``Q = sum_i w_i Z_i**2`` with standard normal
``Z_i``. Its cumulant generating function is ``K(t) = -1/2 sum_i log(1 - 2 t w_i)``. With the root ``t`` of
``K'(t) = x``, ``r = sign(t) sqrt(2 (t x - K(t)))`` and ``v = t sqrt(K''(t))``, Kuonen's approximation is

    P(Q > x) = 1 - Phi(r + log(v / r) / r)

Its error is relative, so it holds in the far tail, where inverting the characteristic function drowns in rounding: for
the weights met here it goes from -3 % near the mean to +10 % in the far tail, where it is on the safe side. Two cases
have a plain exact answer and take it: one weight, and equal weights.

Source: D. Kuonen (1999), Saddlepoint approximations for distributions of quadratic forms in normal variables,
Biometrika 86, 929-935.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_NEGLIGIBLE: Final = 1e-12  # of the largest weight: what an eigenvalue solver leaves of a zero
_EQUAL: Final = 1e-9
_STEPS: Final = 100
_SETTLED: Final = 1e-10  # Newton doubles the digits once more, and the tail is stationary at the root
_AT_MEAN: Final = 1e-6  # below this |r| the limit is more accurate than the quotient
_SERIES: Final = 0.02  # below this |u| a power series avoids cancellation
_TERMS: Final = np.array([1 - 1 / power for power in range(12, 1, -1)] + [0.0, 0.0])


def weighted_chi2_sf(x: Floats, weights: Floats) -> Floats:
    """Probability that ``sum_i weights[..., i] * Z_i**2`` exceeds ``x``.

    Args:
        x: thresholds, shape ``(n,)``.
        weights: not negative, shape ``(n, k)``; zeros count for nothing.

    Returns:
        Probabilities, shape ``(n,)``; 1 where all weights are zero.

    Example:
        >>> x = np.array([3.841458820694124])
        >>> round(float(weighted_chi2_sf(x, np.array([[1.0, 0.0]]))[0]), 12)
        0.05
        >>> round(float(weighted_chi2_sf(x, np.array([[0.5, 0.3, 0.2]]))[0]), 4)
        0.0134
    """
    largest = weights.max(axis=1, initial=0.0)
    result = np.ones_like(x)
    live = np.flatnonzero((largest > 0) & (x > 0))
    if live.size == 0:
        return result
    scale = largest[live]
    ratios = weights[live] / scale[:, None]
    ratios = np.where(ratios > _NEGLIGIBLE, ratios, 0.0)
    scaled = x[live] / scale
    degrees = (ratios > 0).sum(axis=1)
    equal = np.where(ratios > 0, ratios, 1.0).min(axis=1) > 1 - _EQUAL
    tails = special.chdtrc(degrees.astype(np.float64), scaled)
    rest = ~equal
    if rest.any():
        tails[rest] = _kuonen(scaled[rest], ratios[rest])
    result[live] = tails
    return result


def _kuonen(x: Floats, ratios: Floats) -> Floats:
    u = ratios * _root(x, ratios)[:, None]
    odds = u / (1 - u)
    # 2 (t x - K) = sum u / (1 - u) + log(1 - u), and 2 t**2 K'' = sum (u / (1 - u))**2, without cancellation
    halves = np.where(np.abs(u) < _SERIES, np.polyval(_TERMS, u), odds + np.log1p(-u))
    r = np.sign(u.sum(axis=1)) * np.sqrt(np.maximum(halves.sum(axis=1), 0.0))
    v = np.sign(r) * np.sqrt((odds**2).sum(axis=1) / 2)
    at_mean = np.abs(r) < _AT_MEAN
    quotient = np.log(np.where(at_mean, 1.0, v) / np.where(at_mean, 1.0, r)) / np.where(at_mean, 1.0, r)
    skewness = np.sqrt(8.0) * (ratios**3).sum(axis=1) / (ratios**2).sum(axis=1) ** 1.5
    tails: Floats = special.ndtr(-(r + np.where(at_mean, skewness / 6, quotient)))
    return tails


def _root(x: Floats, ratios: Floats) -> Floats:
    """Solve ``sum_i ratios_i / (1 - s ratios_i) = x`` for ``s`` (twice ``t``) by Newton's method within a bracket.

    The reciprocal of the left side is nearly a straight line, hence Newton on reciprocals. A root that is found is
    left alone, so that the bits of one result do not depend on its neighbours.
    """
    low, high = 1 - (ratios > 0).sum(axis=1) / x, 1 - 1 / x
    s: Floats = np.clip(1 - ratios.sum(axis=1) / x, low, high)
    open_ = np.arange(x.size)
    for _ in range(_STEPS):
        at, wanted, weights = s[open_], x[open_], ratios[open_]
        parts = weights / (1 - at[:, None] * weights)
        found = parts.sum(axis=1)
        low[open_] = np.where(found < wanted, at, low[open_])
        high[open_] = np.where(found < wanted, high[open_], at)
        moved = at - found * (1 - found / wanted) / (parts**2).sum(axis=1)
        inside = (moved > low[open_]) & (moved < high[open_])
        moved = np.where(inside, moved, (low[open_] + high[open_]) / 2)
        s[open_] = moved
        open_ = open_[np.abs(moved - at) > _SETTLED * (1 - at)]
        if not open_.size:
            break
    return s
