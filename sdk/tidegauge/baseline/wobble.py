"""How far days differ beyond chance: weather, campaigns, a bad upstream.

Rows of one day have much in common, and a test that takes them for independent cries every day. The mean of a day with
``m`` rows has the variance ``v / m + w``: what single rows bring, and what the day brings. Of the days of the reference
``w`` is estimated by what their means vary more than single rows explain (method of moments).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.pooling import FEWEST_ROWS
from tidegauge.statistics.wobble import FEWEST_BLOCKS


def wobble(
    residuals: NDArray[np.float64], variances: NDArray[np.float64], days: NDArray[np.intp] | None
) -> tuple[float, int]:
    """Variance between days, and how many days it rests on; 0 and 0 when too few are known.

    Args:
        residuals: of each row, with the mean 0, shape ``(n,)``.
        variances: what chance alone gives each row, shape ``(n,)``.
        days: day of each row, shape ``(n,)``; None without times.

    Example:
        >>> days = np.repeat(np.arange(10), 100)
        >>> variance, rests_on = wobble(np.where(days % 2, 0.3, -0.3), np.full(1_000, 0.1), days)
        >>> round(variance, 3), rests_on
        (0.099, 10)
    """
    if days is None or not days.size:
        return 0.0, 0
    rows = np.bincount(days)
    good = rows >= FEWEST_ROWS
    number = int(good.sum())
    if number < FEWEST_BLOCKS:
        return 0.0, 0
    means = np.bincount(days, residuals)[good] / rows[good]
    chance = np.bincount(days, variances)[good] / rows[good] ** 2
    between = float((np.square(means) * number / (number - 1) - chance).mean())
    return max(between, 0.0), number
