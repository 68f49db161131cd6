"""What the features of a row have to do with each other: principal components, and how far a row lies off them.

Two features can each keep their distribution while the relation between them turns round, and no test of one feature
sees that. The reference of it is a principal component analysis: each row becomes a vector of ``p`` numbers, the
components that hold 65 % of the variance span a plane, and the *reconstruction error* of a row is the distance between
the row and its projection on that plane, in standard deviations. Its distribution is compared as a feature's is. (The
measure is that of NannyML's ``DataReconstructionDriftCalculator``.)

A number becomes itself; true and false become 1 and 0; a category becomes the share of the reference rows that have
it, 0 when none has. Then the mean is taken off and the rest divided by the standard deviation; what is missing or not
finite counts as the mean, and no value counts for more than 32 standard deviations.

A row's error must not depend on the rows beside it, or summaries of parts would not add up to the summary of the whole.
A matrix product rounds differently with each shape and on each machine, unless nothing is rounded at all. So values
and projections are put on a grid of 2**-20 standard deviations, and components are cut into two parts on the grids of
2**-22 and 2**-44: every partial sum of their products is a whole multiple of the product of two grids, and below 2**53
of it, which a double holds exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.features import CategoricalFeature, Feature, NumericFeature
from tidegauge.columns import CategoricalColumn, NumericColumn
from tidegauge.errors import BaselineError

Floats = NDArray[np.float64]

FARTHEST: Final = 32.0
"""Standard deviations from the mean that a value counts for at most."""
MOST_FEATURES: Final = 1_000
"""Features that are looked at together; with more, sums could need more than a double's 53 bits."""

_TRUTHS: Final = {"false": 0.0, "true": 1.0}
_GRID, _COARSE, _FINE = 2.0**20, 2.0**22, 2.0**44
_TOGETHER: Final = 256
"""Rows that are standardised at once, so that they stay in the processor's cache."""
_MOST_PRODUCTS: Final = 2**18
"""Multiplications in one matrix product: above, OpenBLAS would start threads that compete with the application's."""


@dataclass(frozen=True, eq=False)
class JointReference:
    """Principal components of the reference rows, and the distribution of their reconstruction errors.

    Args:
        names: features, ``p`` of them, at least two.
        means: mean of each encoded feature, shape ``(p,)``.
        scales: standard deviation of each, above zero, shape ``(p,)``.
        components: orthonormal directions of the largest variance, shape ``(k, p)`` with ``k < p``.
        error: errors of reference rows that had no part in ``components``.

    Raises:
        BaselineError: the arrays do not fit together.

    Example:
        >>> distances = NumericFeature("reconstruction_error", [0.5], [[9, 1]], [0], 0.0, 46.0)
        >>> joint = JointReference(("x", "y"), [0.0, 10.0], [1.0, 2.0], [[0.6, 0.8]], distances)
        >>> joint.errors({"x": np.array([0.6, 0.0, np.nan]), "y": np.array([11.6, 12.0, np.nan])}, 3).round(6).tolist()
        [0.0, 0.6, nan]
    """

    names: tuple[str, ...]
    means: Floats
    scales: Floats
    components: Floats
    error: NumericFeature

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        p = len(self.names)
        for what, ndim in (("means", 1), ("scales", 1), ("components", 2)):
            object.__setattr__(self, what, _doubles(getattr(self, what), ndim, p, what))
        if not 2 <= p <= MOST_FEATURES or len(set(self.names)) < p:
            raise BaselineError(f"joint: needs 2 to {MOST_FEATURES} different features, not {p}")
        if not 0 < len(self.components) < p or (np.abs(self.components) > 1).any():
            raise BaselineError("joint: components must be fewer than the features, and none longer than 1")
        if (self.scales <= 0).any():
            raise BaselineError("joint: scales must be above zero")

    def errors(self, encoded: Mapping[str, Floats], rows: int) -> Floats:
        """Reconstruction error of each row, shape ``(rows,)``; NaN where no value is known.

        Args:
            encoded: columns from `encode` by feature, each of shape ``(rows,)``; what is left out counts as missing.
            rows: number of rows.
        """
        found = np.full(rows, np.nan)
        for first in range(0, rows, _TOGETHER):
            part = slice(first, min(first + _TOGETHER, rows))
            table = np.full((len(self.names), part.stop - first), np.nan)
            for place, name in enumerate(self.names):
                if name in encoded:
                    table[place] = encoded[name][part]
            known = np.isfinite(table).any(axis=0)
            found[part] = np.where(known, self._distances(standardise(table, self.means, self.scales)), np.nan)
        return found

    def _distances(self, table: Floats) -> Floats:
        step = max(_MOST_PRODUCTS // self.components.size, 1)
        parts = [self._project(table[:, first : first + step]) for first in range(0, table.shape[1], step)]
        return np.concatenate(parts)

    def _project(self, table: Floats) -> Floats:
        coarse, fine = self._parts
        scores = coarse @ table + fine @ table
        shown = _on_grid(scores)
        rest = table - (coarse.T @ shown + fine.T @ shown)
        # What the grid took from the scores lies in the plane, at a right angle to the error.
        return np.sqrt(np.maximum(_squared(rest) - _squared(scores - shown), 0.0))

    @cached_property
    def _parts(self) -> tuple[Floats, Floats]:
        coarse = np.rint(self.components * _COARSE) / _COARSE
        return coarse, np.rint((self.components - coarse) * _FINE) / _FINE


def encode(column: NumericColumn | CategoricalColumn, feature: Feature) -> Floats:
    """One double a row of ``column``, shape ``(n,)``: NaN or infinite where there is no value.

    >>> from tidegauge.columns import categorical_column
    >>> counts, missing = np.array([[6, 2, 2, 0]]), np.array([0])
    >>> colour = CategoricalFeature("colour", ("red", "blue"), ("puce",), False, counts, missing, False)
    >>> encode(categorical_column(["red", "puce", "mauve", None]), colour).tolist()
    [0.6, 0.2, 0.0, nan]
    """
    if isinstance(column, NumericColumn):
        return column.values
    if not isinstance(feature, CategoricalFeature):
        raise BaselineError(f"feature {feature.name!r} is numeric: its column must be read as numbers")
    codes = dict(zip(feature.labels, codes_of(feature).tolist(), strict=True))
    code_of: dict[str | None, float] = {
        value: np.nan if value is None else codes.get(feature.place(value), np.nan) for value in set(column.values)
    }
    return np.fromiter(map(code_of.__getitem__, column.values), np.float64, len(column.values))


def codes_of(feature: CategoricalFeature) -> Floats:
    """What stands for each of a feature's labels, shape ``(labels,)``: NaN where a label is no truth value."""
    if feature.boolean:
        return np.array([_TRUTHS.get(label, np.nan) for label in feature.labels])
    counts = feature.counts.sum(axis=0)
    shares: Floats = counts / max(int(counts.sum()), 1)
    return shares


def standardise(table: Floats, means: Floats, scales: Floats) -> Floats:
    """Turn values into distances from the mean in standard deviations, on their grid; 0 where there is no value.

    Args:
        table: encoded rows, shape ``(p, n)``; changed in place, and returned.
        means: shape ``(p,)``.
        scales: shape ``(p,)``.
    """
    unknown = ~np.isfinite(table)
    with np.errstate(over="ignore", invalid="ignore"):
        table -= means[:, None]
        table /= scales[:, None]
    table[unknown] = 0.0
    np.clip(table, -FARTHEST, FARTHEST, out=table)
    table *= _GRID
    np.rint(table, out=table)
    table /= _GRID
    return table


def _on_grid(table: Floats) -> Floats:
    return np.rint(table * _GRID) / _GRID


def _squared(table: Floats) -> Floats:
    """Squared length of each column, shape ``(n,)``, added up from the first row to the last.

    NumPy adds rows in this order, unless there is only one column to add up.
    """
    squares = table * table
    return np.asarray(squares.sum(axis=0) if squares.shape[1] > 1 else np.cumsum(squares, axis=0)[-1])


def _doubles(values: Any, ndim: int, width: int, what: str) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise BaselineError(f"joint: {what} are not numbers") from problem
    if array.ndim != ndim or array.shape[-1] != width or not np.isfinite(array).all():
        raise BaselineError(f"joint: {what} must be finite numbers, {width} in each row")
    array.flags.writeable = False
    return array
