"""What a numeric column looked like: counts between fixed bounds, exact sum, smallest and largest value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegauge.errors import SummaryError
from tidegauge.summaries.bins import Bins
from tidegauge.summaries.exact_sum import ExactSum


class NumericSummary:
    """Counts of finite values between bounds; merging is exact.

    Args:
        bounds: ascending bounds, shape ``(K,)``; bin ``i`` is ``bounds[i - 1] < x <= bounds[i]``.
        counts: values per bin, shape ``(K + 1,)``; none when left out.
        sum: sum of the values.
        minimum: smallest value; ``inf`` when there is none, or none is known.
        maximum: largest value; ``-inf`` when there is none, or none is known.

    Raises:
        SummaryError: counts do not fit the bounds, or a merged summary has other bounds.

    Example:
        >>> bins = Bins(np.array([0.0, 1.0]))
        >>> left, right = (NumericSummary.of(np.array(x), bins) for x in ([0.5, -2.0], [3.0]))
        >>> left += right
        >>> left.counts.tolist(), left.sum.value, left.minimum, left.maximum
        ([1, 1, 1], 1.5, -2.0, 3.0)
    """

    __slots__ = ("bounds", "counts", "maximum", "minimum", "sum")

    def __init__(
        self,
        bounds: NDArray[np.float64],
        counts: NDArray[np.int64] | None = None,
        sum: ExactSum = ExactSum(),
        minimum: float = math.inf,
        maximum: float = -math.inf,
    ) -> None:
        self.bounds = bounds
        self.counts = np.zeros(bounds.size + 1, dtype=np.int64) if counts is None else counts
        if self.counts.shape != (bounds.size + 1,):
            raise SummaryError(f"{bounds.size} bounds need {bounds.size + 1} counts, not {self.counts.size}")
        self.sum = sum
        self.minimum = minimum + 0.0  # of -0.0 and 0.0, which are equal, only 0.0 is kept: equal dumps are equal bytes
        self.maximum = maximum + 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64], bins: Bins) -> NumericSummary:
        """Summarise finite ``values``, shape ``(n,)``."""
        if values.size == 0:
            return cls(bins.bounds)
        return cls(bins.bounds, bins.count(values), ExactSum.of(values), float(values.min()), float(values.max()))

    @property
    def count(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def __iadd__(self, other: NumericSummary) -> NumericSummary:
        if self.bounds is not other.bounds and not np.array_equal(self.bounds, other.bounds):
            raise SummaryError("summaries on different bounds cannot be merged: they come from two baselines")
        self.counts = self.counts + other.counts
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumericSummary) and self.dump() == other.dump()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"NumericSummary(count={self.count}, minimum={self.minimum}, maximum={self.maximum})"

    def dump(self) -> dict[str, Any]:
        """Canonical plain values, for JSON: equal summaries give equal dumps."""
        return {
            "bounds": self.bounds.tolist(),
            "counts": self.counts.tolist(),
            "sum": self.sum.dump(),
            "range": [self.minimum, self.maximum] if self.minimum <= self.maximum else None,
        }

    @classmethod
    def load(cls, plain: dict[str, Any]) -> NumericSummary:
        """Read what `dump` wrote."""
        low, high = plain["range"] or (math.inf, -math.inf)
        return cls(
            np.array(plain["bounds"], dtype=np.float64),
            np.array(plain["counts"], dtype=np.int64),
            ExactSum.load(plain["sum"]),
            low,
            high,
        )
