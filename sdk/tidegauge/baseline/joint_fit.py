"""Finding the principal components of reference rows, and the errors that new rows will have.

The components fit the rows that they were found on better than any other rows: with 50 unrelated features and 5,000
reference rows, errors of these rows are so much smaller that every window of 1,000 unchanged rows would be called
changed. So the rows are split at random: components come from one part, the distribution of the errors from the other.
Rows of that part and unchanged live rows are then alike, whatever the features are and however few the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.bounds import numeric_bounds
from tidegauge.baseline.counting import NO_CODE, SlottedRows
from tidegauge.baseline.features import NumericFeature
from tidegauge.baseline.joint import FARTHEST, MOST_FEATURES, Floats, JointReference, standardise
from tidegauge.summaries.bins import Bins

VARIANCE: Final = 0.65
"""Share of the variance that the components hold, as in NannyML."""
MOST_COMPONENTS: Final = 32
"""More are not kept: hundreds are needed only where features have nothing to do with each other."""
LEAST_ROWS: Final = 200
"""Of fewer reference rows nothing is said about relations between features."""
MOST_FITTED: Final = 50_000
"""Rows that components are found on, at most; at most half of the rows in any case."""

SMALLEST: Final = 0.01
"""Errors below, in standard deviations, are one bin: they tell how numbers were stored, not how features relate."""

_DECIMALS = 12


def fit_joint(encoded: Mapping[str, Floats], rows: SlottedRows) -> JointReference | None:
    """Find the components of reference rows.

    Args:
        encoded: columns from `tidegauge.baseline.joint.encode` by feature, shape ``(n,)`` each.
        rows: the season slots of the ``n`` rows.

    Returns:
        None when fewer than two features vary, when there are more than 1,000 of them, or fewer than 200 rows.
    """
    n = rows.slot.size
    if n < LEAST_ROWS:
        return None
    fitted, others = split(encoded, rows.slot)
    scaling = {name: found for name, column in encoded.items() if (found := _scaling(column[fitted])) is not None}
    if not 2 <= len(scaling) <= MOST_FEATURES:
        return None
    names = tuple(scaling)
    means, scales = (np.array(numbers) for numbers in zip(*scaling.values(), strict=True))
    table = standardise(np.stack([encoded[name][fitted] for name in names]), means, scales)
    components = _components(table)
    hour = None if rows.hour is None else rows.hour[others]
    left = SlottedRows(rows.slot[others], rows.slots, hour)
    farthest = FARTHEST * float(np.sqrt(len(names)))
    bare = JointReference(names, means, scales, components, _distribution(np.empty(0), SlottedRows(others[:0], 1), 0.0))
    errors = bare.errors({name: encoded[name][others] for name in names}, others.size)
    return replace(bare, error=_distribution(errors, left, farthest))


def split(encoded: Mapping[str, Floats], slot: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the rows that components are found on, and of those whose errors are counted.

    At random, because rows may come in a pattern; but the same rows in another order are split in the same way.

    Args:
        encoded: columns by feature, shape ``(n,)`` each.
        slot: season slot of each row, shape ``(n,)``.
    """
    order = _by_content(encoded, slot)
    chosen = np.zeros(order.size, dtype=np.bool_)
    chosen[np.random.default_rng(0).permutation(order.size)[: min(order.size // 2, MOST_FITTED)]] = True
    return order[chosen], order[~chosen]


def _distribution(errors: Floats, rows: SlottedRows, farthest: float) -> NumericFeature:
    known = ~np.isnan(errors)
    bins = Bins(np.unique(np.maximum(numeric_bounds(errors[known]), SMALLEST)))
    codes = np.full(errors.shape, NO_CODE, dtype=np.intp)
    codes[known] = bins.index(errors[known])
    missing = rows.count(np.where(known, NO_CODE, 0), 1)[:, 0]
    size = bins.bounds.size + 1
    wobble = rows.wobble(codes, size, ordered=True)
    return NumericFeature("reconstruction_error", bins.bounds, rows.count(codes, size), missing, 0.0, farthest, wobble)


def _by_content(encoded: Mapping[str, Floats], slot: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places of the rows in an order that does not depend on the order they came in: that of a hash of their values."""
    key = slot.astype(np.uint64)
    for column in encoded.values():
        bits = np.where(np.isfinite(column), column + 0.0, np.nan).view(np.uint64)
        key = (key ^ bits) * np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash: 2**64 over the golden ratio
        key ^= key >> np.uint64(29)
    return np.argsort(key, kind="stable")


def _scaling(column: Floats) -> tuple[float, float] | None:
    """Mean and standard deviation, missing values counted as the mean; None when the column is constant."""
    values = column[np.isfinite(column)]
    if values.size == 0 or values.min() == values.max():
        return None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean = values.mean()
        scale = np.sqrt(((values - mean) ** 2).sum() / column.size)
    return (float(mean), float(scale)) if np.isfinite(scale) and scale > 0 else None


def _components(table: Floats) -> Floats:
    """Directions of the largest variance of ``table`` (shape ``(p, n)``), shape ``(k, p)``."""
    variances, directions = np.linalg.eigh(table @ table.T)
    shares = np.cumsum(variances[::-1]) / variances.sum()
    k = min(int(np.searchsorted(shares, VARIANCE, side="right")) + 1, len(table) - 1, MOST_COMPONENTS)
    components = directions.T[::-1][:k]
    size = np.abs(components)
    # A direction has no sign: the first entry that is not small is made positive, so that equal data give equal files.
    first = (size >= size.max(axis=1, keepdims=True) / 2).argmax(axis=1)
    signs = np.sign(components[np.arange(k), first])
    return np.asarray(np.round(components * signs[:, None], _DECIMALS) + 0.0)
