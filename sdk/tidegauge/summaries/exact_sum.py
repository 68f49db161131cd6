"""Sums of doubles that do not depend on the order of adding.

A double is an integer times a power of two: ``x = m * 2**e`` with ``|m| < 2**53`` and ``e >= -1126`` (the smallest
subnormal number, written with a full mantissa). A sum of doubles is therefore an integer multiple of ``2**-1126``, and
Python's integers hold it without rounding. Adding is then associative and commutative to the last bit, which adding
floats is not: ``(0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_UNIT = -1126
_MANTISSA = 53
_LARGEST = float(np.finfo(np.float64).max)
_MOST_OCTAVES = 900  # between the smallest and the largest value of a row; scaling must not overflow
_HALF_BITS = 26
_CHUNK = 1 << 24  # 2**24 halves of at most 2**27 stay below 2**53, so that bincount's float weights are exact


@dataclass(frozen=True, slots=True)
class ExactSum:
    """A sum of finite doubles, exact.

    Args:
        units: the sum in units of ``2**-1126``.

    Example:
        >>> import numpy as np
        >>> (ExactSum.of(np.array([0.1, 0.2])) + ExactSum.of(np.array([0.3]))).value
        0.6
        >>> ExactSum.of(np.array([1e300, 1.0, -1e300])).value
        1.0
    """

    units: int = 0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> ExactSum:
        """Sum finite ``values`` (any shape)."""
        flat = values.ravel()
        return cls(sum(_units(flat[i : i + _CHUNK]) for i in range(0, flat.size, _CHUNK)))

    @classmethod
    def of_one(cls, value: float) -> ExactSum:
        """The sum of one finite ``value``."""
        top, bottom = value.as_integer_ratio()  # bottom is a power of two
        return cls(top << (-_UNIT - bottom.bit_length() + 1))

    @classmethod
    def of_rows(cls, values: NDArray[np.float64]) -> list[ExactSum]:
        """Sum each row of finite ``values``, shape ``(n, m)`` with ``m > 0``: one call for many short rows.

        >>> [total.value for total in ExactSum.of_rows(np.array([[1e300, 1.0, -1e300], [0.1, 0.2, 0.3]]))]
        [1.0, 0.6]
        """
        exponents = np.frexp(values)[1]
        lowest = exponents.min(axis=1)
        if int((exponents.max(axis=1) - lowest).max(initial=0)) > _MOST_OCTAVES:
            return [cls.of(row) for row in values]
        # Scaled by a power of two, every value of a row is a whole number, and Python adds those without rounding.
        scaled = np.ldexp(values, (_MANTISSA - lowest)[:, None])
        return [
            cls(sum(map(int, row)) << (place - _MANTISSA - _UNIT))
            for row, place in zip(scaled.tolist(), lowest.tolist(), strict=True)
        ]

    @property
    def value(self) -> float:
        """The double nearest to the sum; infinite when the sum lies beyond the doubles."""
        try:
            return self.units / (1 << -_UNIT)
        except OverflowError:
            return math.inf if self.units > 0 else -math.inf

    def rounded(self) -> tuple[float, ExactSum]:
        """Split into the nearest finite double and what that leaves over, so that nothing is lost on a wire of doubles.

        >>> import numpy as np
        >>> value, rest = ExactSum.of(np.array([1.0, 2.0**-60])).rounded()
        >>> value, rest.value == 2.0**-60
        (1.0, True)
        """
        value = self.value
        if math.isinf(value):
            value = math.copysign(_LARGEST, value)
        return value, ExactSum(self.units - ExactSum.of_one(value).units)

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units)

    def dump(self) -> str:
        """Canonical text: an odd mantissa in hexadecimal and its power of two.

        >>> import numpy as np
        >>> ExactSum.of(np.array([3.0, 0.5])).dump(), ExactSum().dump()
        ('7p-1', '0p0')
        """
        if self.units == 0:
            return "0p0"
        zeros = (self.units & -self.units).bit_length() - 1
        return f"{self.units >> zeros:x}p{zeros + _UNIT}"

    @classmethod
    def load(cls, text: str) -> ExactSum:
        """Read what `dump` wrote."""
        mantissa, _, exponent = text.partition("p")
        return cls(int(mantissa, 16) << (int(exponent) - _UNIT) if mantissa != "0" else 0)


def _units(values: NDArray[np.float64]) -> int:
    if values.size == 0:
        return 0
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, _MANTISSA).astype(np.int64)
    lowest = int(exponents.min())
    places = exponents - lowest
    high = np.bincount(places, weights=mantissas >> _HALF_BITS)
    low = np.bincount(places, weights=mantissas & ((1 << _HALF_BITS) - 1))
    total = 0
    for place in np.flatnonzero((high != 0) | (low != 0)).tolist():
        total += ((int(high[place]) << _HALF_BITS) + int(low[place])) << place
    return total << (lowest - _MANTISSA - _UNIT)
