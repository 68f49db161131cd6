"""95 % intervals: how far a metric may lie from its value had there been endlessly many rows.

| of | interval | source |
|---|---|---|
| a share | score interval | Wilson (1927), JASA 22:209 |
| a mean | Student's t with the variance of the rows | Student (1908), Biometrika 6:1 |
| a root mean square | the same on the logarithm of the mean square (delta method) | Oehlert (1992), Am. Stat. 46:27 |
| an area under the ROC curve | DeLong's variance, on the log-odds | DeLong et al. (1988), Biometrics 44:837 |
| | with Student's t, for the classes differ in spread and size | Satterthwaite (1946), Biometrics Bulletin 2:110 |

Sums are exact before they are rounded once, so that an interval depends on the rows and not on their order.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge.summaries import ExactSum
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

_TAIL: Final = 0.975
_Z: Final = float(special.ndtri(_TAIL))
_GREATEST_ROOT: Final = 1e150  # its square, times any number of rows that fits a machine, is still a double


def share(successes: int, rows: int) -> Estimate:
    """Share of ``successes`` among ``rows``, with Wilson's interval.

    Raises:
        UndefinedMetricError: there is no row.

    >>> estimate = share(8, 10)
    >>> estimate.value, round(estimate.lower, 6), round(estimate.upper, 6)
    (0.8, 0.490162, 0.943318)
    """
    if not rows:
        raise UndefinedMetricError("no labels yet")
    value = successes / rows
    low, high = _wilson(successes, rows)
    return Estimate(value, min(low, value), max(high, value), rows)  # at 0 and 1 the ends miss the value by rounding


def mean(values: NDArray[np.float64], least: float = -math.inf, most: float = math.inf) -> Estimate:
    """Mean of ``values`` with Student's interval.

    Args:
        values: finite numbers, shape ``(n,)``.
        least: no value can be smaller, and so can no mean.
        most: no value can be greater.

    Raises:
        UndefinedMetricError: there are fewer than two rows, which show no spread, or numbers too large to square.

    >>> estimate = mean(np.array([1.0, 2.0, 3.0]))
    >>> estimate.value, round(estimate.lower, 6), round(estimate.upper, 6)
    (2.0, -0.484138, 4.484138)
    """
    value, error = _mean_and_error(values)
    half = _quantile(values.size - 1) * error
    return Estimate(value, max(value - half, least), min(value + half, most), values.size)


def root_mean_square(values: NDArray[np.float64]) -> Estimate:
    """Root of the mean of the squares of finite ``values``, shape ``(n,)``; the interval is that of its logarithm.

    Raises:
        UndefinedMetricError: there are fewer than two rows, which show no spread, or numbers too large to square.

    >>> estimate = root_mean_square(np.array([3.0, -4.0, 5.0, 1.0]))
    >>> round(estimate.value, 3), round(estimate.lower, 3), round(estimate.upper, 3)
    (3.571, 1.888, 6.752)
    """
    square, error = _mean_and_error(_squares(values))
    root = math.sqrt(square)
    factor = math.exp(_quantile(values.size - 1) * error / (2 * square)) if square else 1.0
    return Estimate(root, root / factor, root * factor, values.size)


def area_under_roc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Estimate:
    """Area under the ROC curve: how often a positive row scores above a negative one, ties counting half.

    The area is a count of pairs and so exact. DeLong's variance is that of each row's own share of pairs won. Where
    it cannot be had, the interval says so by its width: with one row of a class it is 0 to 1, and where all rows win
    the same share (all pairs won, lost or tied) it is Wilson's for as many rows as the rarer class has. Few rows of a
    class that is told apart nearly always show too little spread: for an area of 0.96 and 30 rows of the rarer class
    the interval covers 92 % and not 95.

    Args:
        scores: finite scores, shape ``(n,)``.
        positive: whether the row is positive, shape ``(n,)``.

    Raises:
        UndefinedMetricError: all rows are of one class.

    >>> area_under_roc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).value
    0.75
    """
    ups, downs = np.sort(scores[positive]), np.sort(scores[~positive])
    if not (ups.size and downs.size):
        raise UndefinedMetricError(f"all {scores.size} labels are of one class" if scores.size else "no labels yet")
    won, lost = _halves_below(downs, ups), _halves_below(ups, downs)
    value = int(won.sum()) / (2 * ups.size * downs.size)
    rarer = min(ups.size, downs.size)
    if rarer == 1:
        return Estimate(value, 0.0, 1.0, scores.size)
    ups_part, downs_part = (
        _mean_and_error(shares)[1] ** 2 for shares in (won / (2 * downs.size), lost / (2 * ups.size))
    )
    variance = ups_part + downs_part
    if not variance:
        low, high = _wilson(round(value * rarer), rarer)
        return Estimate(value, min(low, value), max(high, value), scores.size)
    freedom = variance**2 / (ups_part**2 / (ups.size - 1) + downs_part**2 / (downs.size - 1))
    half = _quantile(freedom) * math.sqrt(variance) / (value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + side)) for side in (-half, half))
    return Estimate(value, low, high, scores.size)


def _wilson(successes: int, rows: int) -> tuple[float, float]:
    squared = _Z * _Z
    middle = (successes + squared / 2) / (rows + squared)
    half = _Z / (rows + squared) * math.sqrt(successes * (rows - successes) / rows + squared / 4)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and its standard error, in two passes so that a large mean does not swallow a small spread."""
    if values.size < 2:
        raise UndefinedMetricError("a mean and its interval need two labels" if values.size else "no labels yet")
    value = ExactSum.of(values).value / values.size
    spread = ExactSum.of(_squares(values - value)).value / (values.size - 1)
    return value, math.sqrt(spread / values.size)


def _squares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.abs(values).max(initial=0.0) > _GREATEST_ROOT:
        raise UndefinedMetricError("numbers beyond 1e150 are too large to square")
    return np.square(values)


def _quantile(freedom: float) -> float:
    return float(special.stdtrit(freedom, _TAIL))


def _halves_below(others: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Twice the number of sorted ``others`` below each score, ties counting half."""
    return others.searchsorted(scores, "left") + others.searchsorted(scores, "right")
