"""What a numeric column looked like when no baseline says where its mass lies.

The bins of an OTLP exponential histogram at scale 3: bin ``i`` holds ``2**(i/8) < |x| <= 2**((i + 1)/8)``, one set for
each sign, so a value is known within 9 %. The scale is fixed, because merging two scales means falling to the coarser
one, and one stray value near zero would then cost all the resolution. Magnitudes up to ``2**-64`` count as zero, those
beyond ``2**64`` fall into the last bin: a column has at most 2,049 bins, stored sparsely.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.summaries.exact_sum import ExactSum

SCALE: Final = 3
"""Bins per factor of two, as a power of two."""
ZERO_THRESHOLD: Final = 2.0**-64
"""Magnitudes up to here count as zero."""

_PER_OCTAVE = 1 << SCALE
# The largest doubles up to 2**(k/8), k = 0..7, by integer roots: a double lies above one of them exactly if it lies
# above the irrational number itself.
_OCTAVE = np.array([math.isqrt(math.isqrt(math.isqrt(1 << (8 * 52 + k)))) for k in range(_PER_OCTAVE)]) / 2.0**52
LAST_BIN: Final = 64 * _PER_OCTAVE - 1

Bin = tuple[float, float, int]
"""``(lower, upper, count)``: so many values ``lower < x <= upper``."""


class ExponentialSummary:
    """Sparse counts of finite values in exponential bins; merging is exact.

    Args:
        positive: count by bin of the values above zero.
        negative: count by bin of the magnitudes of the values below zero.
        zeros: values within ``ZERO_THRESHOLD`` of zero.
        sum: sum of the values.
        minimum: smallest value; ``inf`` when there is none, or none is known.
        maximum: largest value; ``-inf`` when there is none, or none is known.

    Example:
        >>> summary = ExponentialSummary.of(np.array([1.0, 1.05, 2.0, -4.0, 0.0]))
        >>> summary.positive, summary.negative, summary.zeros
        ({-1: 1, 0: 1, 7: 1}, {15: 1}, 1)
    """

    __slots__ = ("maximum", "minimum", "negative", "positive", "sum", "zeros")

    def __init__(
        self,
        positive: dict[int, int] | None = None,
        negative: dict[int, int] | None = None,
        zeros: int = 0,
        sum: ExactSum = ExactSum(),
        minimum: float = math.inf,
        maximum: float = -math.inf,
    ) -> None:
        self.positive = positive or {}
        self.negative = negative or {}
        self.zeros = zeros
        self.sum = sum
        self.minimum = minimum + 0.0  # of -0.0 and 0.0, which are equal, only 0.0 is kept: equal dumps are equal bytes
        self.maximum = maximum + 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> ExponentialSummary:
        """Summarise finite ``values``, shape ``(n,)``."""
        if values.size == 0:
            return cls()
        return cls(
            _counts(values[values > ZERO_THRESHOLD]),
            _counts(-values[values < -ZERO_THRESHOLD]),
            int((np.abs(values) <= ZERO_THRESHOLD).sum()),
            ExactSum.of(values),
            float(values.min()),
            float(values.max()),
        )

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(self.positive.values()) + sum(self.negative.values()) + self.zeros

    def bins(self) -> list[Bin]:
        """The occupied bins in ascending order, as bins between explicit bounds, which hold exactly the same doubles.

        >>> [(upper, count) for _, upper, count in ExponentialSummary.of(np.array([-1.0, 0.5, 2.0])).bins()]
        [(-0.9170040432046713, 1), (0.5, 1), (2.0, 1)]
        """
        found = [(_below(index + 1), _below(index), count) for index, count in sorted(self.negative.items())[::-1]]
        if self.zeros:
            found.append((_below(-LAST_BIN - 1), ZERO_THRESHOLD, self.zeros))
        found += [(_edge(index), _edge(index + 1), count) for index, count in sorted(self.positive.items())]
        return found

    def count_between(self, bounds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Counts per bin of explicit ascending ``bounds`` (shape ``(K,)``), of which each is one of these bins' own.

        Such bounds come from `bins`, of this summary or of another: then the counts, shape ``(K + 1,)``, are those that
        the values themselves would give.

        >>> values = np.array([0.3, 0.5, 0.7, 8.0])
        >>> ExponentialSummary.of(values).count_between(np.array([0.5, 1.0])).tolist()
        [2, 1, 1]
        """
        bins = self.bins()
        places = np.searchsorted(bounds, [upper for _, upper, _ in bins], side="left")
        weights = np.array([count for _, _, count in bins], dtype=np.int64)
        counts = np.zeros(bounds.size + 1, dtype=np.int64)
        np.add.at(counts, places, weights)
        return counts

    @staticmethod
    def fits(bounds: NDArray[np.float64]) -> bool:
        """Whether each of ``bounds`` is one of these bins' own, so that `count_between` is exact.

        >>> ExponentialSummary.fits(np.array([0.5, 1.0])), ExponentialSummary.fits(np.array([0.7]))
        (True, False)
        """
        return all(_is_bound(bound) for bound in bounds.tolist())

    def __iadd__(self, other: ExponentialSummary) -> ExponentialSummary:
        for mine, theirs in ((self.positive, other.positive), (self.negative, other.negative)):
            for index, count in theirs.items():
                mine[index] = mine.get(index, 0) + count
        self.zeros += other.zeros
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExponentialSummary) and self.dump() == other.dump()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ExponentialSummary(count={self.count}, minimum={self.minimum}, maximum={self.maximum})"

    def dump(self) -> dict[str, Any]:
        """Canonical plain values, for JSON: equal summaries give equal dumps."""
        return {
            "positive": sorted(self.positive.items()),
            "negative": sorted(self.negative.items()),
            "zeros": self.zeros,
            "sum": self.sum.dump(),
            "range": [self.minimum, self.maximum] if self.minimum <= self.maximum else None,
        }

    @classmethod
    def load(cls, plain: dict[str, Any]) -> ExponentialSummary:
        """Read what `dump` wrote."""
        low, high = plain["range"] or (math.inf, -math.inf)
        return cls(
            {int(i): int(n) for i, n in plain["positive"]},
            {int(i): int(n) for i, n in plain["negative"]},
            plain["zeros"],
            ExactSum.load(plain["sum"]),
            low,
            high,
        )


def _edge(index: int) -> float:
    """The largest double up to ``2**(index/8)``; infinite at the end of the last bin, which has no end."""
    return math.inf if index > LAST_BIN else math.ldexp(float(_OCTAVE[index % _PER_OCTAVE]), index // _PER_OCTAVE)


def _below(index: int) -> float:
    """The largest double whose negative is beyond the edge: there a bin of negative values begins or ends."""
    return math.nextafter(-_edge(index), -math.inf)


def _is_bound(value: float) -> bool:
    magnitude = value if value > 0 else -math.nextafter(value, math.inf)
    if not ZERO_THRESHOLD <= magnitude < 2.0**64:
        return False
    return _edge(round(_PER_OCTAVE * math.log2(magnitude))) == magnitude


def _counts(magnitudes: NDArray[np.float64]) -> dict[int, int]:
    fractions, exponents = np.frexp(magnitudes)
    octave = np.searchsorted(_OCTAVE, 2 * fractions, side="left") - 1
    indexes = np.minimum((exponents - 1) * _PER_OCTAVE + octave, LAST_BIN)
    bins, counts = np.unique(indexes, return_counts=True)
    return dict(zip(bins.tolist(), counts.tolist(), strict=True))
