"""The reference of one column: where its bins are and how many rows fell into each.

Counts are kept by season slot (see `tidegauge.baseline.seasons`); their first axis is the slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.errors import BaselineError
from tidegauge.statistics.wobble import UNKNOWN, Wobble
from tidegauge.summaries import OTHER, UNSEEN
from tidegauge.summaries.bins import Bins

MOST_CATEGORIES: Final = 63
"""Categories with a count of their own; with `OTHER` they make 64, and `UNSEEN` stands for what nobody foresaw."""
MOST_OTHERS: Final = 1000
"""Known categories that are listed without a count of their own; a larger vocabulary is open."""

_BOOLEAN = {"1": "true", "0": "false"}


@dataclass(frozen=True, eq=False)
class NumericFeature:
    """Reference of a numeric column.

    Args:
        name: name of the feature.
        bounds: finite, strictly ascending, at least one; shape ``(K,)``. Bin ``i`` holds
            ``bounds[i - 1] < x <= bounds[i]``.
        counts: reference rows by slot and bin, shape ``(slots, K + 1)``.
        missing: reference rows without a value by slot, shape ``(slots,)``.
        low: smallest valid value; what lies below is out of range.
        high: largest valid value; what lies above is out of range.
        wobble: how far blocks of the reference differ beyond independent rows.
        missing_wobble: likewise, of the share of missing values.

    Raises:
        BaselineError: the arrays do not fit together.

    Example:
        >>> age = NumericFeature("age", np.array([17.0, 65.0]), np.array([[0, 9, 1]]), np.array([2]), 0.0, 120.0)
        >>> age.bins.count(np.array([30.0, 40.0, 80.0])).tolist()
        [0, 2, 1]
    """

    name: str
    bounds: NDArray[np.float64]
    counts: NDArray[np.int64]
    missing: NDArray[np.int64]
    low: float
    high: float
    wobble: Wobble = UNKNOWN
    missing_wobble: Wobble = UNKNOWN

    def __post_init__(self) -> None:
        where = f"feature {self.name!r}"
        _freeze(self, "bounds", _bounds(self.bounds, where))
        _freeze(self, "counts", counted(self.counts, (None, self.bounds.size + 1), where))
        _freeze(self, "missing", counted(self.missing, (self.counts.shape[0],), where))
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low <= self.high):
            raise BaselineError(f"{where}: valid range {self.low} to {self.high} is not a finite, ascending pair")

    @cached_property
    def bins(self) -> Bins:
        """The bins of ``bounds``."""
        return Bins(self.bounds)


@dataclass(frozen=True, eq=False)
class CategoricalFeature:
    """Reference of a categorical column.

    Args:
        name: name of the feature.
        categories: categories with a count of their own, ``C`` of them, at most 63.
        others: known categories without a count of their own, at most 1,000.
        open: the vocabulary is too large to list; whatever has no count of its own is `OTHER`, never `UNSEEN`.
        counts: reference rows by slot and label, shape ``(slots, C + 2)``; see `labels`. `UNSEEN` stands for the rows
            that are new to the vocabulary, or tell how many will be: see `tidegauge.baseline.new_categories`.
        missing: reference rows without a value by slot, shape ``(slots,)``.
        boolean: the values are true and false.
        wobble: how far blocks of the reference differ beyond independent rows.
        missing_wobble: likewise, of the share of missing values.

    Raises:
        BaselineError: the arrays do not fit together, or a category stands twice or bears a reserved name.

    Example:
        >>> counts, missing = np.array([[7, 2, 0]]), np.array([0])
        >>> colour = CategoricalFeature("colour", ("red",), ("blue",), False, counts, missing, False)
        >>> [colour.place(value) for value in ("red", "blue", "puce")]
        ['red', '_other', '_unseen']
    """

    name: str
    categories: tuple[str, ...]
    others: tuple[str, ...]
    open: bool
    counts: NDArray[np.int64]
    missing: NDArray[np.int64]
    boolean: bool
    wobble: Wobble = UNKNOWN
    missing_wobble: Wobble = UNKNOWN

    def __post_init__(self) -> None:
        where = f"feature {self.name!r}"
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "others", tuple(self.others))
        _freeze(self, "counts", counted(self.counts, (None, len(self.categories) + 2), where))
        _freeze(self, "missing", counted(self.missing, (self.counts.shape[0],), where))
        known = self.categories + self.others
        if len(self.categories) > MOST_CATEGORIES or len(self.others) > MOST_OTHERS:
            raise BaselineError(f"{where}: more than {MOST_CATEGORIES} categories or {MOST_OTHERS} others")
        if len(set(known)) < len(known) or not {OTHER, UNSEEN}.isdisjoint(self.categories):
            raise BaselineError(f"{where}: a category stands twice or is called {OTHER} or {UNSEEN}")

    @property
    def labels(self) -> tuple[str, ...]:
        """What the columns of ``counts`` stand for: the categories, then `OTHER` and `UNSEEN`."""
        return (*self.categories, OTHER, UNSEEN)

    def place(self, value: str) -> str:
        """Label under which the category ``value``, spelled as `tidegauge.columns` spells it, is counted."""
        if self.boolean:  # a plain array of numbers carries true and false as 1 and 0
            value = _BOOLEAN.get(value, value)
        if value in self._own:
            return value
        return OTHER if self.open or value in self._others else UNSEEN

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset(self.categories)

    @cached_property
    def _others(self) -> frozenset[str]:
        return frozenset(self.others)


Feature = NumericFeature | CategoricalFeature


@dataclass(frozen=True, eq=False)
class ScoreReference:
    """Reference of the scores by predicted class.

    Args:
        bounds: finite, strictly ascending; shape ``(B - 1,)``.
        classes: predicted classes, at least one; ``("",)`` when the task has none.
        counts: reference rows by slot, predicted class and score bin, shape ``(slots, len(classes), B)``.
        wobble: how far blocks of the reference differ beyond independent rows, all classes together.

    Raises:
        BaselineError: the arrays do not fit together.
    """

    bounds: NDArray[np.float64]
    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    wobble: Wobble = UNKNOWN

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        _freeze(self, "bounds", _bounds(self.bounds, "score"))
        _freeze(self, "counts", counted(self.counts, (None, len(self.classes), self.bounds.size + 1), "score"))
        if not self.classes:
            raise BaselineError("score: at least one class is needed")

    @cached_property
    def bins(self) -> Bins:
        """The bins of ``bounds``."""
        return Bins(self.bounds)


def counted(values: Any, shape: Sequence[int | None], where: str) -> NDArray[np.int64]:
    """Check that ``values`` are counts of this ``shape`` (None: any length), and make them read-only.

    Raises:
        BaselineError: they are not; ``where`` says what they belong to.
    """
    try:
        array = np.array(values, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as problem:
        raise BaselineError(f"{where}: counts are not a table of whole numbers") from problem
    expected = tuple(have if want is None else want for want, have in zip(shape, array.shape, strict=False))
    if len(array.shape) != len(shape) or array.shape != expected:
        raise BaselineError(f"{where}: counts have the shape {array.shape}, which does not fit its bins and slots")
    if (array < 0).any():
        raise BaselineError(f"{where}: counts below zero")
    array.flags.writeable = False
    return array


def _bounds(values: Any, where: str) -> NDArray[np.float64]:
    try:
        return Bins(np.array(values, dtype=np.float64)).bounds
    except (TypeError, ValueError) as problem:
        raise BaselineError(f"{where}: {problem}") from problem


def _freeze(instance: object, name: str, array: NDArray[Any]) -> None:
    object.__setattr__(instance, name, array)
