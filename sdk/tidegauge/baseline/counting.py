"""Counting rows by season slot and bin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.bounds import numeric_bounds, valid_range
from tidegauge.baseline.features import MOST_CATEGORIES, MOST_OTHERS, CategoricalFeature, NumericFeature
from tidegauge.columns import NumericColumn
from tidegauge.statistics.blocks import measure
from tidegauge.statistics.wobble import UNKNOWN, Wobble
from tidegauge.summaries import OTHER, UNSEEN
from tidegauge.summaries.bins import Bins

NO_CODE: Final = -1
"""Code of a row that falls into no bin."""


@dataclass(frozen=True)
class SlottedRows:
    """The season slots of ``n`` rows.

    Args:
        slot: slot of each row, shape ``(n,)``.
        slots: number of slots.
        hour: hours since the epoch of each row, shape ``(n,)``; None when no times are known.
    """

    slot: NDArray[np.intp]
    slots: int
    hour: NDArray[np.int64] | None = None

    def count(self, codes: NDArray[np.intp], size: int) -> NDArray[np.int64]:
        """Count rows by slot and code, leaving out `NO_CODE`.

        Args:
            codes: below ``size``, shape ``(n,)``.
            size: number of codes.

        Returns:
            Counts, shape ``(slots, size)``.

        >>> SlottedRows(np.array([0, 1, 1]), 2).count(np.array([2, 0, -1]), 3).tolist()
        [[0, 0, 1], [1, 0, 0]]
        """
        counted = codes != NO_CODE
        cells = self.slot[counted] * size + codes[counted]
        return np.bincount(cells, minlength=self.slots * size).reshape(self.slots, size).astype(np.int64)

    def wobble(self, codes: NDArray[np.intp], size: int, *, ordered: bool) -> Wobble:
        """How far blocks of hours differ beyond independent rows; see `count` for the arguments."""
        if self.hour is None:
            return UNKNOWN
        counted = codes != NO_CODE
        hours, first, place = np.unique(self.hour[counted], return_index=True, return_inverse=True)
        cells = np.bincount(place * size + codes[counted], minlength=hours.size * size)
        slot = self.slot[counted][first]
        return measure(hours, cells.reshape(hours.size, size), slot, self.slots, ordered=ordered)


@dataclass(frozen=True)
class Vocabulary:
    """Known categories of a column: those counted each, the others, and whether there are too many to list."""

    categories: tuple[str, ...]
    others: tuple[str, ...]
    open: bool

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Vocabulary:
        """Choose the most frequent of ``values``; of equally frequent ones the first in the alphabet.

        >>> Vocabulary.of(["b", "a", None, "b"])
        Vocabulary(categories=('b', 'a'), others=(), open=False)
        """
        counts = Counter(value for value in values if value is not None)
        ranked = sorted(counts, key=lambda value: (-counts[value], value))
        own = tuple(value for value in ranked if value not in (OTHER, UNSEEN))[:MOST_CATEGORIES]
        others = tuple(sorted(set(ranked).difference(own)))
        return cls(own, others, False) if len(others) <= MOST_OTHERS else cls(own, (), True)


BOOLEAN: Final = Vocabulary(("false", "true"), (), False)
"""Both are known, even if the reference has only one."""


def numeric_feature(
    name: str, column: NumericColumn, rows: SlottedRows, limits: tuple[float, float] | None, marks: Sequence[float] = ()
) -> NumericFeature:
    """Summarise a numeric column.

    Args:
        name: name of the feature.
        column: its values, ``n`` of them.
        rows: the slots of the ``n`` rows.
        limits: smallest and largest valid value; taken from the data when left out.
        marks: further bounds, whatever the data.
    """
    finite = np.isfinite(column.values)
    values = column.values[finite]
    bins = Bins(np.union1d(numeric_bounds(values), marks))
    codes = np.full(column.values.shape, NO_CODE, dtype=np.intp)
    codes[finite] = bins.index(values)
    low, high = valid_range(values) if limits is None else limits
    size = bins.bounds.size + 1
    return NumericFeature(
        name,
        bins.bounds,
        rows.count(codes, size),
        _missing(rows, column.missing),
        low,
        high,
        rows.wobble(codes, size, ordered=True),
        _missing_wobble(rows, column.missing),
    )


def categorical_feature(
    name: str, values: list[str | None], rows: SlottedRows, vocabulary: Vocabulary, boolean: bool
) -> CategoricalFeature:
    """Summarise a categorical column.

    Args:
        name: name of the feature.
        values: its categories, ``n`` of them; None where missing.
        rows: the slots of the ``n`` rows.
        vocabulary: the categories that are known.
        boolean: the column holds true and false.
    """
    width = len(vocabulary.categories) + 2
    nothing = np.zeros((rows.slots, width), dtype=np.int64)
    known = (vocabulary.categories, vocabulary.others, vocabulary.open)
    feature = CategoricalFeature(name, *known, nothing, nothing[:, 0], boolean)
    code_of_label = {label: code for code, label in enumerate(feature.labels)}
    code_of = {value: NO_CODE if value is None else code_of_label[feature.place(value)] for value in set(values)}
    codes = np.array([code_of[value] for value in values], dtype=np.intp)
    missing = codes == NO_CODE
    return replace(
        feature,
        counts=rows.count(codes, width),
        missing=_missing(rows, missing),
        wobble=rows.wobble(codes, width, ordered=False),
        missing_wobble=_missing_wobble(rows, missing),
    )


def _missing(rows: SlottedRows, missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    return rows.count(np.where(missing, 0, NO_CODE), 1)[:, 0]


def _missing_wobble(rows: SlottedRows, missing: NDArray[np.bool_]) -> Wobble:
    return rows.wobble(missing.astype(np.intp), 2, ordered=False)
