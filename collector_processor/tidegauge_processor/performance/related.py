"""The mean of estimates that rest on the same rows, such as one for each class, each of which is held against the rest.

`intervals.mean_of` recovers the interval of a mean from those of its parts as if they varied apart. A row that counts
for every class moves all of them at once. How much two parts vary together shows in what each row does to both (their
`influences`), and with these correlations ``r`` the same method gives (Zou 2007, Psychological Methods 12:399)::

    lower = mean - sqrt(sum over parts c, d of r(c, d) (value_c - lower_c) (value_d - lower_d)) / k

The double sum is the squared length of one vector: the influences of each part, scaled to the length of that side of
its interval, and added up. So parts are taken one at a time, and nothing of shape ``(rows, parts)`` is needed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance.estimates import Estimate


class RelatedMean:
    """A mean that is added up part by part.

    Args:
        rows: that each part rests on, ``n`` of them.

    Example:
        >>> mean, part, influences = RelatedMean(2), Estimate(0.5, 0.4, 0.7, 2), np.array([0.1, -0.1])
        >>> for _ in range(3):
        ...     mean.add(part, influences)
        >>> whole = mean.estimate(2)
        >>> whole.value, round(whole.lower, 12), round(whole.upper, 12)
        (0.5, 0.4, 0.7)
    """

    def __init__(self, rows: int) -> None:
        self._values: list[float] = []
        self._below, self._above = np.zeros(rows), np.zeros(rows)
        self._apart = [0.0, 0.0]

    @property
    def parts(self) -> int:
        """Number of parts so far."""
        return len(self._values)

    def add(self, part: Estimate, influences: NDArray[np.float64]) -> None:
        """Add a part and what each row does to it, shape ``(n,)``; zeros where no row shows how it varies."""
        self._values.append(part.value)
        below, above = part.value - part.lower, part.upper - part.value
        length = math.sqrt(float(np.square(influences).sum()))
        if length:
            self._below += influences * (below / length)
            self._above += influences * (above / length)
        else:
            self._apart[0] += below**2
            self._apart[1] += above**2

    def estimate(self, labels: int) -> Estimate:
        """The mean of the parts, of which there is at least one."""
        value = math.fsum(self._values) / self.parts
        below, above = (
            math.sqrt(float(np.square(side).sum()) + apart) / self.parts
            for side, apart in zip((self._below, self._above), self._apart, strict=True)
        )
        return Estimate(value, value - below, value + above, labels)
