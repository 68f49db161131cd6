"""Where the bounds of a baseline's bins lie.

A drift test needs resolution where the reference has its mass, so the bounds are quantiles of the reference; more of
them in the tails, where damage begins; and a bin of its own for each value that stands for itself, such as 0 or a
sentinel like -1 or 999. What lies below the smallest or above the largest reference value has a bin of its own too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

POINT_MASS_SHARE: Final = 0.01
"""A value that more than this share of the rows have gets a bin of its own."""
POINT_MASS_ROWS: Final = 10
"""And at least so many rows must have it; two equal values out of a hundred would be chosen by chance."""

_TAIL = (0.001, 0.005, 0.01, 0.02)
_INNER = tuple(i / 32 for i in range(1, 32))
_SHARES = np.array([*_TAIL, *_INNER, *(1 - share for share in reversed(_TAIL))])
_PERCENTILES = np.arange(1, 100) / 100


def numeric_bounds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounds for finite ``values`` (shape ``(n,)``): finite, strictly ascending, shape ``(K,)``.

    Of a column without values nothing is known: it has the bound 0.

    >>> numeric_bounds(np.array([0.0] * 50 + [1.0, 2.0]))[-3:].tolist()
    [0.0, 1.0, 2.0]
    """
    if values.size == 0:
        return np.zeros(1)
    ordered = np.sort(values) + 0.0  # adding turns -0.0 into 0.0, so that equal values give equal files
    first = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 0)
    rows = np.diff(first, append=ordered.size)
    masses = ordered[first[(rows > POINT_MASS_SHARE * ordered.size) & (rows >= POINT_MASS_ROWS)]]
    with np.errstate(over="ignore"):  # nothing lies below the smallest double
        below = np.nextafter(np.append(masses, ordered[0]), -np.inf)
    bounds = np.concatenate([_quantiles(ordered, _SHARES), masses, below, ordered[-1:]])
    return np.unique(bounds[np.isfinite(bounds)])


def binned_bounds(bins: Sequence[tuple[float, float, int]]) -> NDArray[np.float64]:
    """Bounds for values that are known by their bins only, chosen among the bins' own ends, shape ``(K,)``.

    The same quantiles as for values. A bin that holds more than their distance, or the zeros, is not pooled with the
    empty stretch below it.

    Args:
        bins: ``(lower, upper, count)`` in ascending order, for ``count`` values ``lower < x <= upper``.

    >>> binned_bounds([(-1.0, 0.0, 5), (8.0, 9.0, 5)]).tolist()
    [-1.0, 0.0, 8.0, 9.0]
    """
    if not bins:
        return np.zeros(1)
    lower, upper = np.array([each[0] for each in bins]), np.array([each[1] for each in bins])
    counts = np.array([each[2] for each in bins], dtype=np.int64)
    heavy = counts > np.where((lower < 0) & (upper > 0), POINT_MASS_SHARE, _INNER[0]) * counts.sum()
    rows = np.ceil(_SHARES * counts.sum() - 1e-9)
    chosen = upper[np.searchsorted(np.cumsum(counts), rows, side="left")]
    bounds = np.unique(np.concatenate([chosen, lower[heavy], lower[:1], upper[-1:]]))
    return bounds[np.isfinite(bounds)] if np.isfinite(bounds).any() else np.zeros(1)


def score_bounds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Percentiles of finite ``scores`` (shape ``(n,)``, at least one), each once: at most 99.

    >>> score_bounds(np.array([0.25, 0.5, 0.5, 0.5])).tolist()
    [0.25, 0.5]
    """
    return np.unique(_quantiles(np.sort(scores) + 0.0, _PERCENTILES))


def valid_range(values: NDArray[np.float64]) -> tuple[float, float]:
    """From one span of the finite ``values`` (shape ``(n,)``) below their minimum to one above their maximum.

    >>> valid_range(np.array([20.0, 80.0]))
    (-40.0, 140.0)
    """
    largest = float(np.finfo(np.float64).max)
    if values.size == 0:
        return -largest, largest
    low, high = float(values.min()), float(values.max())
    span = high - low  # infinite for the widest columns, which the largest double then stands for
    return max(low - span, -largest), min(high + span, largest)


def _quantiles(ordered: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest values that at least the given shares of the rows do not exceed: values of the data themselves."""
    rows = np.ceil(shares * ordered.size - 1e-9).astype(np.intp)
    return ordered[np.clip(rows - 1, 0, ordered.size - 1)]
