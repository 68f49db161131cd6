"""Cells with too few expected rows are put together, so that the chi-square tail of G holds.

What is put together depends on the pooled counts alone, never on how they split into reference and window: given the
pooled counts, the split is what a test looks at, and choosing cells by it would be choosing the answer.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_EXPECTED: Final = 5.0
"""Rows that each cell must expect, in the smaller sample."""
FEWEST_ROWS: Final = 20
"""With fewer rows on either side only an exact test may speak."""


class Pooled(NamedTuple):
    """Counts after pooling: cells beyond ``cells`` are zero."""

    reference: Floats
    window: Floats
    cells: NDArray[np.int64]


def pool_neighbours(reference: Floats, window: Floats) -> Pooled:
    """Pool ordered cells from left to right until each expects enough; a rest joins the last one.

    Args:
        reference: counts, shape ``(n, K)``.
        window: counts, shape ``(n, K)``.

    Example:
        >>> pooled = pool_neighbours(np.array([[90.0, 2, 2, 96, 10]]), np.array([[90.0, 1, 3, 96, 10]]))
        >>> pooled.reference[0, :3].tolist(), pooled.window[0, :3].tolist(), pooled.cells.tolist()
        ([90.0, 100.0, 10.0], [90.0, 100.0, 10.0], [3])
    """
    counts, enough = reference + window, enough_rows(reference, window)
    group = np.zeros(counts.shape, dtype=np.int64)
    gathered = np.zeros(counts.shape[0])
    complete = np.zeros(counts.shape[0], dtype=np.int64)
    for cell in range(counts.shape[1]):
        gathered += counts[:, cell]
        group[:, cell] = complete
        full = gathered >= enough
        complete += full
        gathered[full] = 0.0
    cells = np.maximum(complete, 1)
    return _gather(reference, window, np.minimum(group, cells[:, None] - 1), cells)


def pool_smallest(reference: Floats, window: Floats) -> Pooled:
    """Pool the small ones of cells without an order into one; if that is not enough, the next smallest joins it.

    Cells are first put in order of their counts, so that naming or sorting them otherwise changes nothing, to the bit.

    Args:
        reference: counts, shape ``(n, K)``.
        window: counts, shape ``(n, K)``.

    Example:
        >>> pooled = pool_smallest(np.array([[2.0, 90, 2, 96, 10]]), np.array([[1.0, 90, 3, 96, 10]]))
        >>> pooled.reference[0, :3].tolist(), pooled.window[0, :3].tolist(), pooled.cells.tolist()
        ([14.0, 90.0, 96.0], [14.0, 90.0, 96.0], [3])
    """
    order = np.lexsort((window, reference + window), axis=-1)
    reference, window = np.take_along_axis(reference, order, 1), np.take_along_axis(window, order, 1)
    counts, enough = reference + window, enough_rows(reference, window)
    small = (counts < enough[:, None]).sum(axis=1)
    rest = np.where(np.arange(counts.shape[1]) < small[:, None], counts, 0.0).sum(axis=1)
    joined = small + (rest < enough)
    group = np.maximum(np.arange(counts.shape[1]) - np.maximum(joined, 1)[:, None] + 1, 0)
    return _gather(reference, window, group, group[:, -1] + 1)


def enough_rows(reference: Floats, window: Floats) -> Floats:
    """Pooled count from which on a cell expects enough rows in the smaller sample: shape ``(n,)``."""
    n, m = reference.sum(axis=1), window.sum(axis=1)
    smaller = np.minimum(n, m)
    empty = smaller <= 0
    return np.where(empty, np.inf, FEWEST_EXPECTED * (n + m) / np.where(empty, 1.0, smaller))


def _gather(reference: Floats, window: Floats, group: NDArray[np.int64], cells: NDArray[np.int64]) -> Pooled:
    """Sum cells by group; groups ascend along each row."""
    place = (np.arange(group.shape[0])[:, None] * group.shape[1] + group).ravel()
    known, begins = np.unique(place, return_index=True)
    first, second = np.zeros_like(reference), np.zeros_like(window)
    if known.size:
        first.ravel()[known] = np.add.reduceat(reference.ravel(), begins)
        second.ravel()[known] = np.add.reduceat(window.ravel(), begins)
    return Pooled(first, second, cells)
