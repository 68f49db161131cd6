"""Performance without labels: what a calibrated score promises, added up (CBPE).

Of ``n`` rows in a score bin whose calibrated probability is ``p``, ``n p`` are positive. Over the bins, and by what was
predicted, that makes a table of true and false positives and negatives, and of it all metrics. Nothing but counts is
needed: 100 score bins by predicted class.

The interval is for the metric that the labels of these rows will show: their chance, given ``p``, and that of the
reference rows from which ``p`` was learned. It holds under one assumption, `ASSUMPTION`: a row with this score is
positive as often as in the reference. Nothing without labels can see when that breaks.

Source: NannyML's confidence-based performance estimation; the variance by the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

ASSUMPTION: Final = "no concept drift"
"""What all estimates assume."""

Floats = NDArray[np.float64]

_OF_A_CLASS: Final = ("precision", "recall", "f1")
_EXPECTED: Final = 0.5
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


class _Value(NamedTuple):
    """A metric, and what one more positive among the rows of a cell adds to it, shape ``(2, B)``."""

    value: float
    gradient: Floats


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
    return _each((*_TABLE, "roc_auc"), window)


def estimate_class(window: Window) -> dict[str, Estimate]:
    """Estimate precision, recall and f1 of one of several classes, as far as they have a value.

    Example:
        >>> rows = np.array([[60, 20], [0, 20]])
        >>> found = estimate_class(Window(rows, np.array([0.1, 0.8]), np.array([600, 400])))
        >>> {name: round(each.value, 3) for name, each in found.items()}
        {'precision': 0.8, 'recall': 0.421, 'f1': 0.552}
    """
    return _each(_OF_A_CLASS, window) if _is_present(window) else {}


def estimate_multiclass(windows: Sequence[Window]) -> dict[str, Estimate]:
    """Estimate what can be estimated of a model of several classes, each against the rest.

    Args:
        windows: one for each class, all of the same rows.

    Returns:
        Estimates by name: accuracy, and macro averages of the others under the names of `multiclass`. Labels will show
        the mean over the classes that were predicted or came true, so it is taken over those that were predicted or of
        which half a row is expected; that of ROC AUC over the classes that have one.
    """
    rows = int(windows[0].rows.sum())
    if not rows:
        return {}
    found = {}
    right = [
        _Value(
            float((w.rows[1] * w.probabilities).sum()) / rows,
            np.stack([0 * w.probabilities, w.probabilities * 0 + 1]) / rows,
        )
        for w in windows
    ]
    found["accuracy"] = _with_interval(windows, right, total=True)
    present = [window for window in windows if _is_present(window)]
    for name in _OF_A_CLASS if present else ():
        nothing = [_Value(0.0, np.zeros(window.rows.shape)) for window in present]
        values = [_found(name, window) or zero for window, zero in zip(present, nothing, strict=True)]
        found[f"macro_{name}"] = _with_interval(present, values)
    ranked = [(window, area) for window in windows if (area := _found("roc_auc", window))]
    if ranked:
        found["roc_auc"] = _with_interval([window for window, _ in ranked], [area for _, area in ranked])
    return found


def estimate_predicted(
    rows: Mapping[str, NDArray[np.int64]], probabilities: Floats, reference: NDArray[np.int64]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Estimate what can be estimated of several classes from the score of the predicted one.

    Of the rows predicted as a class, those that truly are of it are the sum of their probabilities, which gives its
    precision; which class the others are of, nobody says, so there is no recall. A score is taken to be worth the same
    whichever class it is of.

    Args:
        rows: by predicted class and bin of the score, each of shape ``(B,)``; an empty name for classes that are not
            known, which count for the accuracy only.
        probabilities: calibrated, shape ``(B,)``.
        reference: reference rows from which they were learned, shape ``(B,)``.

    Returns:
        Estimates by name, of accuracy and macro precision, the mean over the known classes that were predicted; and
        of precision by class.

    Example:
        >>> rows = {"cat": np.array([10, 0]), "dog": np.array([10, 20])}
        >>> whole, precision = estimate_predicted(rows, np.array([0.5, 0.8]), np.array([400, 500]))
        >>> {name: round(each.value, 3) for name, each in whole.items()}
        {'accuracy': 0.65, 'macro_precision': 0.6}
        >>> {name: round(each.value, 3) for name, each in precision.items()}
        {'cat': 0.5, 'dog': 0.7}
    """
    predicted = {name: counts for name, counts in rows.items() if counts.any()}
    known = {name: counts for name, counts in predicted.items() if name}
    if not predicted:
        return {}, {}
    found = {"accuracy": _mean_probability(list(predicted.values()), probabilities, reference, alike=False)}
    if known:
        found["macro_precision"] = _mean_probability(list(known.values()), probabilities, reference, alike=True)
    of_class = {name: _mean_probability([each], probabilities, reference, alike=True) for name, each in known.items()}
    return found, of_class


def _mean_probability(
    parts: Sequence[NDArray[np.int64]], probabilities: Floats, reference: NDArray[np.int64], *, alike: bool
) -> Estimate:
    """Mean over rows, or, where parts count ``alike``, the mean of their means; they share the probabilities."""
    window = Window(np.stack(parts), probabilities, reference)
    sizes = window.rows.sum(axis=1, keepdims=True)
    weights = 1 / (sizes * len(parts)) if alike else np.full(sizes.shape, 1 / sizes.sum())
    value = float((window.rows * weights * probabilities).sum())
    return _with_interval([window], [_Value(value, np.repeat(weights, probabilities.size, axis=1))])


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


def _is_present(window: Window) -> bool:
    return bool(window.rows[1].any() or (window.rows * window.probabilities).sum() >= _EXPECTED)


def _each(names: Sequence[str], window: Window) -> dict[str, Estimate]:
    values = {name: value for name in names if (value := _found(name, window))}
    return {name: _with_interval([window], [value]) for name, value in values.items()}


def _found(name: str, window: Window) -> _Value | None:
    """None where the metric has no value."""
    try:
        return _metric(name, window)
    except UndefinedMetricError:
        return None


def _metric(name: str, window: Window) -> _Value:
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
    return _Value(value, np.repeat(gradient[:, None], window.probabilities.size, axis=1))


def _area(window: Window) -> _Value:
    rows = window.rows.sum(axis=0)
    ups, downs = rows * window.probabilities, rows * (1 - window.probabilities)
    up, down = float(ups.sum()), float(downs.sum())
    if not (up and down):
        raise UndefinedMetricError("all rows are sure to be of one class")
    below, above = np.cumsum(downs) - downs / 2, up - np.cumsum(ups) + ups / 2
    value = float((ups * below).sum()) / (up * down)
    gradient = (below - above) / (up * down) - value / up + value / down
    return _Value(value, np.stack([gradient, gradient]))


def _with_interval(windows: Sequence[Window], values: Sequence[_Value], total: bool = False) -> Estimate:
    """Mean (or sum) over the classes; classes are taken for independent, which is on the safe side for the mean."""
    size = 1 if total else len(values)
    variance = 0.0
    for (rows, p, reference), (_, gradient) in zip(windows, values, strict=True):
        spread = p * (1 - p)
        variance += float((rows * np.square(gradient) * spread).sum())
        variance += float((np.square((rows * gradient).sum(axis=0)) * spread / (reference + 1)).sum())
    value = sum(each.value for each in values) / size
    labels = int(windows[0].rows.sum())
    return intervals.between_0_and_1(min(value, 1.0), np.array([np.sqrt(variance) / size]), labels, labels)
