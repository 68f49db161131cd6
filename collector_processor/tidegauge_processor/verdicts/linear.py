"""Tail of a difference of mean scores, by the saddlepoint.

When nothing has changed, the mean score of a window differs from that of the reference as the mean of ``m_eff`` rows
drawn from the pooled sample differs from its own mean. The cumulant generating function of such a row's score ``c``,
``K(t) = log sum h exp(t c)`` over cells with shares ``h``, is a plain sum, so Lugannani and Rice's approximation gives
the tail with a relative error of a few per cent, also where scores are skewed and rows are few and a normal law would
be wrong by orders of magnitude:

    P(mean >= x) = 1 - Phi(r + log(v / r) / r)        r = sign(t) sqrt(2 m (t x - K)),  v = t sqrt(m K''),  K'(t) = x

Source: R. Lugannani, S. Rice (1980), Saddle point approximation for the distribution of the sum of independent random
variables, Advances in Applied Probability 12, 475-490; in the form of O. E. Barndorff-Nielsen (1986).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_STEPS: Final = 60
_SETTLED: Final = 1e-8
_AT_MEAN: Final = 1e-3
_EDGE: Final = 1 - 1e-9


def two_sided(difference: Floats, scores: Floats, shares: Floats, effective: Floats) -> Floats:
    """Probability of a difference at least as large, of either sign.

    Both tails are computed and added, the other one at the mirrored difference.

    Args:
        difference: of mean scores, shape ``(n,)``.
        scores: of the cells, shape ``(n, K)``.
        shares: pooled shares of the cells, shape ``(n, K)``.
        effective: rows of a sample whose mean varies as much, shape ``(n,)``.

    Returns:
        Shape ``(n,)``; 1 where all scores are equal.

    Example:
        >>> cells = np.full((1, 100), 0.01)
        >>> round(float(two_sided(np.array([0.25]), np.linspace(0, 1, 100)[None], cells, np.array([12.0]))[0]), 5)
        0.00225
    """
    centred = scores - (scores * shares).sum(axis=1, keepdims=True)
    upper, lower = (_upper_tail(np.abs(difference), sign * centred, shares, effective) for sign in (1, -1))
    result: Floats = np.minimum(upper + lower, 1.0)
    return result


def _upper_tail(x: Floats, scores: Floats, shares: Floats, effective: Floats) -> Floats:
    occupied = shares > 0
    top = np.where(occupied, scores, -np.inf).max(axis=1)
    variance = (shares * scores**2).sum(axis=1)
    result = np.zeros_like(x)
    flat = ~(variance > 0)
    result[flat] = 0.5
    live = np.flatnonzero(~flat & (x < top * _EDGE))  # no mean lies beyond the largest score
    if not live.size:
        return result
    x, scores, shares, effective, variance = x[live], scores[live], shares[live], effective[live], variance[live]
    t = _root(x, scores, shares, variance)
    total, _, curvature = _cumulants(t, scores, shares)
    r = np.sqrt(np.maximum(2 * effective * (t * x - total), 0.0))
    v = t * np.sqrt(effective * curvature)
    at_mean = r < _AT_MEAN
    quotient = np.log(np.where(at_mean, 1.0, v) / np.where(at_mean, 1.0, r)) / np.where(at_mean, 1.0, r)
    skewness = (shares * scores**3).sum(axis=1) / variance**1.5 / np.sqrt(effective)
    result[live] = special.ndtr(-(r + np.where(at_mean, skewness / 6, quotient)))
    return result


def _cumulants(t: Floats, scores: Floats, shares: Floats) -> tuple[Floats, Floats, Floats]:
    """``K`` and its first two derivatives."""
    exponent = t[:, None] * scores
    highest = np.where(shares > 0, exponent, -np.inf).max(axis=1, keepdims=True)
    tilted = shares * np.exp(np.where(shares > 0, exponent - highest, 0.0))
    total = tilted.sum(axis=1)
    tilted /= total[:, None]
    mean = (tilted * scores).sum(axis=1)
    spread = (tilted * (scores - mean[:, None]) ** 2).sum(axis=1)
    return np.log(total) + highest[:, 0], mean, spread


def _root(x: Floats, scores: Floats, shares: Floats, variance: Floats) -> Floats:
    """Solve ``K'(t) = x`` for ``t >= 0`` by Newton's method within a bracket that grows until it holds the root."""
    t: Floats = x / variance
    low, high = np.zeros_like(x), np.full_like(x, np.inf)
    open_ = np.arange(x.size)
    for _ in range(_STEPS):
        here = t[open_]
        _, mean, spread = _cumulants(here, scores[open_], shares[open_])
        short = mean < x[open_]
        low[open_] = np.where(short, here, low[open_])
        high[open_] = np.where(short, high[open_], here)
        with np.errstate(over="ignore"):  # so long a step is cut off below
            moved = here + (x[open_] - mean) / np.maximum(spread, np.finfo(np.float64).tiny)
        bound = np.where(np.isfinite(high[open_]), (low[open_] + high[open_]) / 2, 4 * here + 1e-300)
        inside = (moved > low[open_]) & (moved < np.minimum(high[open_], 4 * here + 1e-300))
        moved = np.where(inside, moved, bound)
        t[open_] = moved
        open_ = open_[np.abs(moved - here) > _SETTLED * moved]
        if not open_.size:
            break
    return t
