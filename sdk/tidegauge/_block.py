"""Many short numeric columns summarised at once.

An interval of a lightly used model holds a few rows of many features, and then the cost of a NumPy call outweighs that
of the values. Here one call serves all features: a block of shape ``(features, rows)`` is compared with all bounds.
The summaries are the same to the last bit as those of `NumericSummary.of`, column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.summaries import ExactSum, NumericSummary

MOST_ROWS: Final = 256
"""More rows than this are summarised faster column by column."""


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """What one column of a block looked like.

    Attributes:
        summary: of its finite values; None when it has none.
        nans: values that are not a number.
        infinite: values that are infinite.
        outside: finite values outside the valid range.
        lowest: row of the smallest finite value.
        highest: row of the largest finite value.
    """

    summary: NumericSummary | None
    nans: int
    infinite: int
    outside: int
    lowest: int
    highest: int


class Block:
    """Bounds and valid ranges of several features, laid out to be compared with a block of values.

    Args:
        bounds: bounds of each feature, of shape ``(K_i,)``.
        lows: smallest valid value of each.
        highs: largest valid value of each.

    Example:
        >>> block = Block([np.array([0.0, 1.0]), np.array([5.0])], [0.0, 0.0], [9.0, 9.0])
        >>> [column.summary.counts.tolist() for column in block.summarise(np.array([[0.5, 2.0], [5.0, 7.0]]))]
        [[0, 1, 1], [1, 1]]
    """

    def __init__(self, bounds: Sequence[NDArray[np.float64]], lows: Sequence[float], highs: Sequence[float]) -> None:
        self._bounds = bounds
        self._lows = np.array(lows, dtype=np.float64).reshape(-1, 1)
        self._highs = np.array(highs, dtype=np.float64).reshape(-1, 1)
        widest = max((edges.size for edges in bounds), default=0)
        self._padded = np.full((len(bounds), 1, widest), np.inf)
        for place, edges in enumerate(bounds):
            self._padded[place, 0, : edges.size] = edges
        self._first = (np.arange(len(bounds)) * (widest + 1)).reshape(-1, 1)
        self._width = widest + 1

    def summarise(self, values: NDArray[np.float64]) -> list[ColumnSummary]:
        """Summarise ``values``, shape ``(features, rows)``; there is at least one row."""
        finite = np.isfinite(values)
        whole = bool(finite.all())
        clean = values if whole else np.where(finite, values, 0.0)
        low_side = values if whole else np.where(finite, values, np.inf)
        high_side = values if whole else np.where(finite, values, -np.inf)
        lowest, highest = low_side.argmin(axis=1).tolist(), high_side.argmax(axis=1).tolist()
        minima, maxima = low_side.min(axis=1).tolist(), high_side.max(axis=1).tolist()
        places = (clean[:, :, None] > self._padded).sum(axis=2) + self._first
        counts = np.bincount(places.ravel() if whole else places[finite], minlength=self._width * len(values))
        table = counts.reshape(len(values), self._width)
        outside = (((clean < self._lows) | (clean > self._highs)) & finite).sum(axis=1).tolist()
        here = finite.sum(axis=1).tolist()
        nans = [0] * len(values) if whole else np.isnan(values).sum(axis=1).tolist()
        sums = ExactSum.of_rows(clean)
        rows = values.shape[1]
        return [
            ColumnSummary(
                NumericSummary(edges, table[i, : edges.size + 1], sums[i], minima[i], maxima[i]) if here[i] else None,
                nans[i],
                rows - here[i] - nans[i],
                outside[i],
                lowest[i],
                highest[i],
            )
            for i, edges in enumerate(self._bounds)
        ]
