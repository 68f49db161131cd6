"""Performance without labels: what a calibrated score promises, added up (CBPE).

Of ``n`` rows in a score bin whose calibrated probability is ``p``, ``n p`` are positive. Over the bins, and by what was
predicted, that makes a table of true and false positives and negatives, and of it all metrics. Nothing but counts is
needed: 100 score bins by predicted class.

The interval is for the metric that the labels of these rows will show: their chance, given ``p``, and that of the
reference rows from which ``p`` was learned. It holds under one assumption, no concept drift: a row with this score is
positive as often as in the reference. Nothing without labels can see when that breaks.

Source: NannyML's confidence-based performance estimation; the variance by the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

Floats = NDArray[np.float64]

_TABLE: Final = ("accuracy", "precision", "recall", "specificity", "f1")


class Window(NamedTuple):
    """What is known of one class in one window.

    Attributes:
        rows: rows predicted as another class, and as this one, by score bin; shape ``(2, B)``.
        probabilities: calibrated, shape ``(B,)``.
        reference: reference rows from which they were learned, shape ``(B,)``.
    """

    rows: NDArray[np.int64]
    probabilities: Floats
    reference: NDArray[np.int64]


class Value(NamedTuple):
    """A metric of the rows of a window.

    Attributes:
        value: the metric.
        gradient: what one more positive among the rows of a cell adds to it, shape ``(2, B)``.
        rows: rows that it is about, such as those predicted as the class for the precision.
    """

    value: float
    gradient: Floats
    rows: float


def estimate_binary(window: Window) -> dict[str, Estimate]:
    """Estimate what can be estimated of a model of two classes.

    Returns:
        Estimates by name: of accuracy, precision, recall, specificity, f1 and roc_auc those that have a value.

    Example:
        >>> rows, reference = np.array([[80, 0], [0, 20]]), np.array([800, 200])
        >>> found = estimate_binary(Window(rows, np.array([0.1, 0.9]), reference))
        >>> round(found["accuracy"].value, 3), round(found["recall"].value, 3)
        (0.9, 0.692)
    """
    return estimate_each((*_TABLE, "roc_auc"), window)


def estimate_mae(expected: float, rows: int, spread: float) -> Estimate:
    """Estimate the mean absolute error from the errors that the baseline's `LossModel` expects of the rows (DLE).

    Args:
        expected: sum of the expected errors.
        rows: how many there are, at least one.
        spread: standard deviation of an error around its expectation, in units of the mean expected error.

    Example:
        >>> found = estimate_mae(500.0, 100, 0.6)
        >>> found.value, round(found.lower, 2), round(found.upper, 2)
        (5.0, 4.41, 5.59)
    """
    value = expected / rows
    half = intervals.Z * spread * value / math.sqrt(rows)
    return Estimate(value, max(value - half, 0.0), value + half, rows)


def estimate_each(names: Sequence[str], window: Window) -> dict[str, Estimate]:
    """Estimate those of the metrics ``names`` that have a value."""
    values = {name: value for name in names if (value := value_of(name, window))}
    return {name: with_interval([window], [value]) for name, value in values.items()}


def value_of(name: str, window: Window) -> Value | None:
    """The `metric` called ``name``; None where it has no value."""
    try:
        return metric(name, window)
    except UndefinedMetricError:
        return None


def metric(name: str, window: Window) -> Value:
    """One of accuracy, precision, recall, specificity, f1 and roc_auc, by ``name``.

    Raises:
        UndefinedMetricError: it has no value.
    """
    if name == "roc_auc":
        return _area(window)
    positive, negative = window.rows * window.probabilities, window.rows * (1 - window.probabilities)
    (fn, tp), (tn, fp) = positive.sum(axis=1).tolist(), negative.sum(axis=1).tolist()
    # numerator and denominator, and their weights of (tn, fn), (fp, tp): the two cells that a label decides between
    table = {
        "accuracy": ((1, 0, 0, 1), (1, 1, 1, 1)),
        "precision": ((0, 0, 0, 1), (0, 0, 1, 1)),
        "recall": ((0, 0, 0, 1), (0, 1, 0, 1)),
        "specificity": ((1, 0, 0, 0), (1, 0, 1, 0)),
        "f1": ((0, 0, 0, 2), (0, 1, 1, 2)),
    }
    top, bottom = (np.array(weights, dtype=np.float64) for weights in table[name])
    cells = np.array([tn, fn, fp, tp])
    total = float(bottom @ cells)
    if not total:
        raise UndefinedMetricError(f"no row counts for {name}")
    value = float(top @ cells) / total
    moves = (top - value * bottom) / total
    gradient = np.array([moves[1] - moves[0], moves[3] - moves[2]])
    return Value(value, np.repeat(gradient[:, None], window.probabilities.size, axis=1), float(cells[bottom > 0].sum()))


def _area(window: Window) -> Value:
    rows = window.rows.sum(axis=0)
    ups, downs = rows * window.probabilities, rows * (1 - window.probabilities)
    up, down = float(ups.sum()), float(downs.sum())
    if not (up and down):
        raise UndefinedMetricError("all rows are sure to be of one class")
    below, above = np.cumsum(downs) - downs / 2, up - np.cumsum(ups) + ups / 2
    value = float((ups * below).sum()) / (up * down)
    gradient = (below - above) / (up * down) - value / up + value / down
    return Value(value, np.stack([gradient, gradient]), float(rows.sum()))


def with_interval(windows: Sequence[Window], values: Sequence[Value], total: bool = False) -> Estimate:
    """Mean (or sum) over parts of which each row counts in one alone, or over one class."""
    size = 1 if total else len(values)
    variance = 0.0
    for (rows, p, reference), (_, gradient, _) in zip(windows, values, strict=True):
        spread = p * (1 - p)
        variance += float((rows * np.square(gradient) * spread).sum())
        variance += float((np.square((rows * gradient).sum(axis=0)) * spread / (reference + 1)).sum())
    value = sum(each.value for each in values) / size
    return with_error(value, math.sqrt(variance) / size, windows, min(each.rows for each in values))


def with_error(value: float, error: float, windows: Sequence[Window], least: float) -> Estimate:
    """A number from 0 to 1 about the rows of ``windows``, with the interval that its standard ``error`` gives.

    Where the calibration is sure of every row, the error is zero, and the interval that of ``least`` rows.
    """
    labels = int(windows[0].rows.sum())
    return intervals.between_0_and_1(min(value, 1.0), np.array([error]), least, labels)
