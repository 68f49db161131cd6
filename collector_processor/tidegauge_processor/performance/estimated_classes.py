"""Performance of a model of several classes without labels: each class against the rest, and the mean over classes.

Where the scores of all classes are known, each class is a model of two classes of its own (`estimated`), and the macro
averages are means over the classes. Where only the score of the predicted class is, accuracy and precisions are left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance.estimated import (
    Floats,
    Value,
    Window,
    estimate_each,
    value_of,
    with_error,
    with_interval,
)
from tidegauge_processor.performance.estimates import Estimate

_OF_A_CLASS: Final = ("precision", "recall", "f1")
_EXPECTED: Final = 0.5  # rows of a class, from which on it is likelier than not that one comes true


def estimate_class(window: Window) -> dict[str, Estimate]:
    """Estimate precision, recall and f1 of one of several classes, as far as they have a value.

    Example:
        >>> rows = np.array([[60, 20], [0, 20]])
        >>> found = estimate_class(Window(rows, np.array([0.1, 0.8]), np.array([600, 400])))
        >>> {name: round(each.value, 3) for name, each in found.items()}
        {'precision': 0.8, 'recall': 0.421, 'f1': 0.552}
    """
    return estimate_each(_OF_A_CLASS, window) if _is_present(window) else {}


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
        Value(
            float((w.rows[1] * w.probabilities).sum()) / rows,
            np.stack([0 * w.probabilities, w.probabilities * 0 + 1]) / rows,
            rows,
        )
        for w in windows
    ]
    found["accuracy"] = with_interval(windows, right, total=True)
    nothing = [Value(0.0, np.zeros(window.rows.shape), rows) for window in windows]
    present = [_is_present(window) for window in windows]
    for name in _OF_A_CLASS if any(present) else ():
        values = [value_of(name, window) or zero for window, zero in zip(windows, nothing, strict=True)]
        found[f"macro_{name}"] = _mean_of_classes(windows, values, present)
    areas = [value_of("roc_auc", window) for window in windows]
    ranked = [area is not None for area in areas]
    if any(ranked):
        values = [area or zero for area, zero in zip(areas, nothing, strict=True)]
        found["roc_auc"] = _mean_of_classes(windows, values, ranked)
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
    least = float(sizes.min() if alike else sizes.sum())
    return with_interval([window], [Value(value, np.repeat(weights, probabilities.size, axis=1), least)])


def _is_present(window: Window) -> bool:
    return bool(window.rows[1].any() or (window.rows * window.probabilities).sum() >= _EXPECTED)


def _mean_of_classes(windows: Sequence[Window], values: Sequence[Value], counted: Sequence[bool]) -> Estimate:
    """Mean over the classes that are ``counted``.

    A label says of which one class a row is, so classes do not err apart: a row that was predicted as a class and is of
    another one is wrong for both.
    """
    gradients = [each.gradient * own for each, own in zip(values, counted, strict=True)]
    p = np.concatenate([np.concatenate([w.probabilities, w.probabilities]) for w in windows])
    rows = np.concatenate([w.rows.ravel() for w in windows])
    variance = _one_of_several(rows, p, np.concatenate([each.ravel() for each in gradients]))
    learned = [(w.rows * each).sum(axis=0) / (w.reference + 1) for w, each in zip(windows, gradients, strict=True)]
    p, reference = (np.concatenate([getattr(w, name) for w in windows]) for name in ("probabilities", "reference"))
    variance += _one_of_several(reference + 1, p, np.concatenate(learned))
    size = sum(counted)
    value = sum(each.value for each, own in zip(values, counted, strict=True) if own) / size
    least = min(each.rows for each, own in zip(values, counted, strict=True) if own)
    return with_error(value, math.sqrt(variance) / size, windows, least)


def _one_of_several(rows: NDArray[np.int64], p: Floats, weight: Floats) -> float:
    """Variance of the summed weights of the classes that rows turn out to be of; all arguments by cell of a class.

    Which cells belong to one row is not known. With ``c`` the weight that a class other than the likeliest has on
    average, the variance of a row whose likeliest class has a chance above one half is near
    ``p (1 - p) (weight - c)**2`` and, for each of its other classes, ``p (weight - c)**2``; if none has, the latter for
    all is not below it.
    """
    likely = p > 0.5
    others = np.where(likely, 0.0, rows * p)
    mean = float((others * weight).sum()) / float(others.sum() or 1.0)
    return float((rows * p * np.where(likely, 1 - p, 1.0) * np.square(weight - mean)).sum())
