"""95 % intervals: how far a metric may lie from its value had there been endlessly many rows.

| of | interval | source |
|---|---|---|
| a share | score interval | Wilson (1927), JASA 22:209 |
| a mean | Student's t with the variance of the rows | Student (1908), Biometrika 6:1 |
| a root mean square | the same on the logarithm of the mean square (delta method) | Oehlert (1992), Am. Stat. 46:27 |
| an area under the ROC curve | DeLong's variance, on the log-odds | DeLong et al. (1988), Biometrics 44:837 |
| | with Student's t, for the classes differ in spread and size | Satterthwaite (1946), Biometrics Bulletin 2:110 |
| an average precision | normal, on the log-odds | Boyd, Eng, Page (2013), ECML PKDD 8190:451 |
| another number from 0 to 1 | Wilson's for as many rows as give a share its variance (delta method) | |
| a mean of shares | recovered from the shares' own intervals | Zou, Donner (2008), Stat. Med. 27:1693 |

The interval of a weighted metric is that of a ratio estimator (Hajek 1971): a row's distance from the metric, times its
weight, squared and added up.

Sums are exact before they are rounded once, so that an interval depends on the rows and not on their order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge.summaries import ExactSum
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

_TAIL: Final = 0.975
Z: Final = float(special.ndtri(_TAIL))
"""Standard errors on each side of a 95 % interval."""
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
    low, high = wilson(successes, rows)
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


def weighted_share(hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> Estimate:
    """Share of the weight that lies on ``hits``; with equal weights it is `share`.

    Args:
        hits: shape ``(n,)``.
        weights: above zero, shape ``(n,)``.

    Raises:
        UndefinedMetricError: there is no row.

    >>> estimate = weighted_share(np.array([True, True, False]), np.array([1.0, 1.0, 2.0]))
    >>> estimate.value, round(estimate.lower, 3), round(estimate.upper, 3)
    (0.5, 0.116, 0.884)
    """
    if are_equal(weights):
        return share(int(np.count_nonzero(hits)), hits.size)
    total = float(weights.sum())
    value = float(weights[hits].sum()) / total
    return between_0_and_1(value, weights * (hits - value) / total, effective_rows(weights), hits.size)


def between_0_and_1(value: float, influences: NDArray[np.float64], least_rows: float, labels: int) -> Estimate:
    """A metric from 0 to 1, with Wilson's interval for as many rows as give a share of that value its variance.

    Args:
        value: the metric.
        influences: how much each row moves it, shape ``(n,)``; their squares add up to its variance.
        least_rows: rows that it surely rests on, for where all influences are zero.
        labels: rows.
    """
    variance = float(np.square(influences).sum())
    spread = value * (1 - value)
    rows = spread / variance if variance > 0 and spread > 0 else least_rows
    low, high = wilson(value * rows, rows)
    return Estimate(value, min(low, value), max(high, value), labels)


def mean_of(estimates: Sequence[Estimate], labels: int) -> Estimate:
    """Mean of independent ``estimates``, at least one, each with its own interval."""
    size = len(estimates)
    value = math.fsum(each.value for each in estimates) / size
    below = math.sqrt(math.fsum((each.value - each.lower) ** 2 for each in estimates)) / size
    above = math.sqrt(math.fsum((each.upper - each.value) ** 2 for each in estimates)) / size
    return Estimate(value, value - below, value + above, labels)


def weighted_mean(
    values: NDArray[np.float64], weights: NDArray[np.float64], least: float = -math.inf, most: float = math.inf
) -> Estimate:
    """Mean of ``values`` with weights above zero, both of shape ``(n,)``; with equal weights it is `mean`.

    Raises:
        UndefinedMetricError: as of `mean`.
    """
    if are_equal(weights) or values.size < 2:
        return mean(values, least, most)
    total = float(weights.sum())
    value = float((weights * values).sum()) / total
    error = math.sqrt(float(np.square(weights * (values - value)).sum())) / total
    half = _quantile(max(effective_rows(weights) - 1, 1.0)) * error
    return Estimate(value, max(value - half, least), min(value + half, most), values.size)


def effective_rows(weights: NDArray[np.float64]) -> float:
    """Rows of equal weight that tell as much as these of unequal ones (Kish 1965)."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def are_equal(weights: NDArray[np.float64]) -> bool:
    """Whether all ``weights``, shape ``(n,)``, are the same."""
    return not weights.size or float(weights.min()) == float(weights.max())


def root_mean_square(values: NDArray[np.float64]) -> Estimate:
    """Root of the mean of the squares of finite ``values``, shape ``(n,)``; the interval is that of its logarithm.

    Raises:
        UndefinedMetricError: there are fewer than two rows, which show no spread, or numbers too large to square.

    >>> estimate = root_mean_square(np.array([3.0, -4.0, 5.0, 1.0]))
    >>> round(estimate.value, 3), round(estimate.lower, 3), round(estimate.upper, 3)
    (3.571, 1.888, 6.752)
    """
    square, error = _mean_and_error(squares(values))
    root = math.sqrt(square)
    factor = math.exp(_quantile(values.size - 1) * error / (2 * square)) if square else 1.0
    return Estimate(root, root / factor, root * factor, values.size)


def average_precision(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> Estimate:
    """Mean precision over the positive rows, at the threshold that just reaches each of them.

    Args:
        scores: finite scores, shape ``(n,)``.
        positive: whether the row is positive, shape ``(n,)``.
        weights: above zero, shape ``(n,)``.

    Raises:
        UndefinedMetricError: no row is positive.

    >>> labels, weights = np.array([False, False, True, True]), np.ones(4)
    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), labels, weights).value, 6)
    0.833333
    """
    if not positive.any():
        raise UndefinedMetricError("no label is positive" if scores.size else "no labels yet")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)  # of the rows with one score
    found = np.cumsum(weights[order] * positive[order])[last]
    precision = found / np.cumsum(weights[order])[last]
    value = min(math.fsum(np.diff(found, prepend=0.0) * precision) / float(found[-1]), 1.0)
    positives = effective_rows(weights[positive])
    if value == 1:
        return Estimate(value, wilson(positives, positives)[0], value, scores.size)
    half = Z / math.sqrt(positives * value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + side)) for side in (-half, half))
    return Estimate(value, low, high, scores.size)


def weighted_area_under_roc(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> Estimate:
    """Area under the ROC curve where a pair counts the product of its two weights; all arrays of shape ``(n,)``.

    Where the weights of each class are equal it is `area_under_roc`, whatever the classes weigh beside each other.

    Raises:
        UndefinedMetricError: all rows are of one class.
    """
    one_class = positive.all() or not positive.any()
    if one_class or (are_equal(weights[positive]) and are_equal(weights[~positive])):
        return area_under_roc(scores, positive)
    shares, totals = [], []
    for of, against in ((positive, ~positive), (~positive, positive)):
        order = np.argsort(scores[against], kind="stable")
        others, below = scores[against][order], np.concatenate([[0.0], np.cumsum(weights[against][order])])
        halves = below[others.searchsorted(scores[of], "left")] + below[others.searchsorted(scores[of], "right")]
        shares.append(halves / (2 * below[-1]))
        totals.append(weights[of])
    value = float((shares[0] * totals[0]).sum() / totals[0].sum())
    influences = [w * (won - (won * w).sum() / w.sum()) / w.sum() for won, w in zip(shares, totals, strict=True)]
    return between_0_and_1(value, np.concatenate(influences), min(map(effective_rows, totals)), scores.size)


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
        low, high = wilson(round(value * rarer), rarer)
        return Estimate(value, min(low, value), max(high, value), scores.size)
    freedom = variance**2 / (ups_part**2 / (ups.size - 1) + downs_part**2 / (downs.size - 1))
    half = _quantile(freedom) * math.sqrt(variance) / (value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + side)) for side in (-half, half))
    return Estimate(value, low, high, scores.size)


def wilson(successes: float, rows: float, z: float = Z) -> tuple[float, float]:
    """Wilson's interval of a share, ``z`` standard errors wide on each side; rows may be fractions."""
    squared = z * z
    middle = (successes + squared / 2) / (rows + squared)
    half = z / (rows + squared) * math.sqrt(successes * (rows - successes) / rows + squared / 4)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and its standard error, in two passes so that a large mean does not swallow a small spread."""
    if values.size < 2:
        raise UndefinedMetricError("a mean and its interval need two labels" if values.size else "no labels yet")
    value = ExactSum.of(values).value / values.size
    spread = ExactSum.of(squares(values - value)).value / (values.size - 1)
    return value, math.sqrt(spread / values.size)


def squares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The squares of ``values``.

    Raises:
        UndefinedMetricError: numbers too large to square.
    """
    if np.abs(values).max(initial=0.0) > _GREATEST_ROOT:
        raise UndefinedMetricError("numbers beyond 1e150 are too large to square")
    return np.square(values)


def _quantile(freedom: float) -> float:
    return float(special.stdtrit(freedom, _TAIL))


def _halves_below(others: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Twice the number of sorted ``others`` below each score, ties counting half."""
    return others.searchsorted(scores, "left") + others.searchsorted(scores, "right")
