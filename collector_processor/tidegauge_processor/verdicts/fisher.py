"""Fisher's exact test of two shares, for arrays of 2 x 2 tables and for any number of rows.

Given its margins, a table is known by one count ``x``, which is hypergeometric when nothing has changed. The two-sided
p-value sums the probabilities that are not larger than that of the observed table. Three things keep it accurate and
quick at a million rows:

* the probability of one ``x`` from Loader's saddle-point form, whose error does not grow with the factorials;
* a tail summed outward from its largest term by the ratio of neighbours, until the terms count for nothing; of so many
  rows that this would take long the rest is an integral, over which the logarithm of the ratio is nearly a line;
* the start of the opposite tail found by bisection, since the probabilities fall on each side of their mode.

Sources: R. A. Fisher (1934); C. Loader (2000), Fast and accurate computation of binomial probabilities.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_TIE: Final = 1e-7  # relative: probabilities this close count as equal, as in R and SciPy
_BLOCK: Final = 64
_MOST_BLOCKS: Final = 256
_NEGLIGIBLE: Final = 1e-18
_SERIES_FROM: Final = 16
_SMALL: Final = np.arange(1.0, _SERIES_FROM)
_SMALL_ERRORS: Final = np.concatenate(
    [
        [math.nan],
        special.gammaln(_SMALL + 1) - (_SMALL + 0.5) * np.log(_SMALL) + _SMALL - 0.5 * np.log(2 * np.pi),
    ]
)
"""What `_stirling_error` is for whole numbers below the first that the series is good for."""


def fisher_exact(reference: Floats, window: Floats) -> Floats:
    """Test whether two samples have the same share of rows in their second cell, two-sided.

    Args:
        reference: whole counts of the two cells, shape ``(n, 2)``.
        window: whole counts, shape ``(n, 2)``.

    Returns:
        p-values, shape ``(n,)``; 1 where a margin is zero.

    Example:
        >>> p = fisher_exact(np.array([[8.0, 2]]), np.array([[1.0, 5]]))
        >>> round(float(p[0]), 12)
        0.034965034965
    """
    rows, columns = window.sum(axis=1), reference + window
    total = columns.sum(axis=1)
    # Count the cell in which the window has more than the mode, so that its own tail is always the upper one.
    mode = np.floor((rows + 1) * (columns[:, 1] + 1) / (total + 2))
    flip = window[:, 1] < mode
    x = np.where(flip, window[:, 0], window[:, 1])
    marked = np.where(flip, columns[:, 0], columns[:, 1])
    mode = np.floor((rows + 1) * (marked + 1) / (total + 2))
    result = np.ones_like(x)
    open_ = np.flatnonzero((x > mode) & (rows < total))
    if open_.size:
        result[open_] = _two_sided(x[open_], mode[open_], rows[open_], marked[open_], total[open_])
    return result


def smallest_p(reference: Floats, window: Floats) -> Floats:
    """Smallest p-value that a window of this size could reach against this reference: all rows in the rarer cell.

    Args:
        reference: whole counts of the two cells, shape ``(n, 2)``.
        window: whole counts, shape ``(n, 2)``.

    Returns:
        Probabilities, shape ``(n,)``; 1 for an empty window or reference.

    Example:
        >>> round(float(smallest_p(np.array([[19.0, 0]]), np.array([[1.0, 0]]))[0]), 12)
        0.05
    """
    n, m = reference.sum(axis=1), window.sum(axis=1)
    logs = _log_probability(m, m, reference.min(axis=1) + m, n + m)
    return np.where((n > 0) & (m > 0), np.exp(np.minimum(logs, 0.0)), 1.0)


def _two_sided(x: Floats, mode: Floats, rows: Floats, marked: Floats, total: Floats) -> Floats:
    own = _log_probability(x, rows, marked, total)
    least = np.maximum(rows + marked - total, 0.0)
    low, high = least - 1, mode  # probability(low) <= own < probability(high), taking that below the support as zero
    for _ in range(64):
        wide = high - low > 1
        if not wide.any():
            break
        middle = np.floor((low + high) / 2)
        small = _log_probability(np.maximum(middle, least), rows, marked, total) <= own + _TIE
        low, high = np.where(wide & small, middle, low), np.where(wide & ~small, middle, high)
    upper = np.exp(own) * _outward(x, rows, marked, total)
    start = np.maximum(low, least)
    first = np.exp(_log_probability(start, rows, marked, total))
    lower = first * _outward(rows - start, rows, total - marked, total)
    return np.minimum(upper + np.where(low >= least, lower, 0.0), 1.0)


def _outward(x: Floats, rows: Floats, marked: Floats, total: Floats) -> Floats:
    """Sum of the probabilities from ``x`` upward, in units of the one at ``x``."""
    result, last = np.ones_like(x), np.ones_like(x)
    steps = np.arange(_BLOCK, dtype=np.float64)
    rest = total - marked - rows
    open_ = np.arange(x.size)
    for _ in range(_MOST_BLOCKS):
        if not open_.size:
            return result
        at = x[open_, None] + steps
        ratios = np.maximum(marked[open_, None] - at, 0) * np.maximum(rows[open_, None] - at, 0)
        ratios /= (at + 1) * (rest[open_, None] + at + 1)
        terms = last[open_, None] * np.cumprod(ratios, axis=1)
        result[open_] += terms.sum(axis=1)
        last[open_] = terms[:, -1]
        x = x + _BLOCK
        open_ = open_[terms[:, -1] > _NEGLIGIBLE * result[open_]]
    result[open_] += last[open_] * _far_outward(x[open_], rows[open_], marked[open_], rest[open_])
    return result


def _far_outward(x: Floats, rows: Floats, marked: Floats, rest: Floats) -> Floats:
    """Sum of the probabilities above ``x``, in units of the one at ``x``, where neighbours hardly differ.

    The logarithm of the ratio of neighbours falls by ``bend`` from one to the next, and is ``-slope`` half a step below
    ``x``: the sum is the integral of ``exp(-slope t - bend t**2 / 2)``, less half of its first term (Euler, Maclaurin).
    """
    left, drawn = np.maximum(marked - x, 1.0), np.maximum(rows - x, 1.0)
    bend = 1 / left + 1 / drawn + 1 / (x + 1) + 1 / (rest + x + 1)
    slope = np.log((x + 1) / left) + np.log((rest + x + 1) / drawn) - bend / 2
    integral = np.sqrt(np.pi / (2 * bend)) * special.erfcx(slope / np.sqrt(2 * bend))
    return np.asarray(np.maximum(integral - 0.5, 0.0), dtype=np.float64)


def _log_probability(x: Floats, rows: Floats, marked: Floats, total: Floats) -> Floats:
    """Logarithm of the hypergeometric probability of ``x`` marked ones in ``rows`` draws, within the support."""
    share = np.where(total > 0, rows / np.where(total > 0, total, 1.0), 0.5)
    inside, outside, both = _log_binomial(
        np.array([x, rows - x, rows]), np.array([marked, total - marked, total]), share
    )
    result: Floats = inside + outside - both
    return result


def _log_binomial(x: Floats, n: Floats, share: Floats) -> Floats:
    inner = (x > 0) & (x < n) & (share < 1)
    k, size, p = np.where(inner, x, 1.0), np.where(inner, n, 2.0), np.where(inner, share, 0.5)
    whole, chosen, others = _stirling_error(np.array([size, k, size - k]))
    off = _deviance(np.array([k, size - k]), size * np.array([p, 1 - p]))
    middle = whole - chosen - others - off.sum(axis=0) + 0.5 * np.log(size / (2 * np.pi * k * (size - k)))
    return np.where(inner, middle, special.xlog1py(n - x, -share) + special.xlogy(x, share))


def _deviance(x: Floats, mean: Floats) -> Floats:
    """``x log(x / mean) + mean - x`` without cancellation near the mean."""
    distance = (x - mean) / mean
    result: Floats = mean * ((1 + distance) * np.log1p(distance) - distance)
    return result


def _stirling_error(n: Floats) -> Floats:
    """Logarithm of ``n!`` less Stirling's formula, for whole ``n >= 1``."""
    large = np.maximum(n, _SERIES_FROM)
    square = large * large
    series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / large
    result: Floats = np.where(n >= _SERIES_FROM, series, _SMALL_ERRORS[np.minimum(n, _SERIES_FROM - 1).astype(int)])
    return result
