"""What a column of raw values means, for the baseline and for live calls alike.

Fitting and serving must read a value in the same way, or a model would drift from itself: ``True``, ``3`` and ``3.0``
have one spelling as a category, ``None`` and NaN are missing, and a string in a numeric column is of the wrong type
even when it looks like a number.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LONGEST_CATEGORY: Final = 128
"""Categories are cut to so many characters."""

_PLAIN = frozenset({float, int, bool, type(None), np.float64, np.float32, np.int64, np.int32, np.bool_})
NUMBERS: Final = (numbers.Real, np.bool_, Decimal)
"""Types of numbers: databases and Parquet files hand out decimals."""


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A column read as numbers.

    Attributes:
        values: one double a row, shape ``(n,)``; NaN where missing or of the wrong type, infinite where not finite.
        mismatched: where a value is not a number; shape ``(n,)``.
    """

    values: NDArray[np.float64]
    mismatched: NDArray[np.bool_]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where a value is missing; shape ``(n,)``."""
        return np.isnan(self.values) & ~self.mismatched

    @property
    def finite(self) -> NDArray[np.float64]:
        """The finite values, in order."""
        return self.values[np.isfinite(self.values)]


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """A column read as categories.

    Attributes:
        values: one category a row; None where missing or of the wrong type.
        mismatched: number of values that are no category, such as a list.
    """

    values: list[str | None]
    mismatched: int

    @property
    def missing(self) -> int:
        """Number of missing values."""
        return sum(value is None for value in self.values) - self.mismatched


def numeric_column(values: Any) -> NumericColumn:
    """Read ``values`` (a sequence, an array or a data-frame column of ``n`` rows) as numbers.

    >>> column = numeric_column([1, None, "3", float("inf")])
    >>> column.values.tolist(), column.missing.tolist(), column.mismatched.tolist()
    ([1.0, nan, nan, inf], [False, True, False, False], [False, False, True, False])
    """
    # Telling the types of a list apart costs a fifth of reading it value by value, and most lists hold plain numbers.
    if isinstance(values, list | tuple) and _PLAIN.issuperset(map(type, values)):
        with suppress(OverflowError):  # an integer beyond the doubles is read below
            plain = np.array(values, dtype=np.float64)
            return NumericColumn(plain, np.zeros(plain.shape, dtype=np.bool_))
    array = as_array(values)
    if array.dtype.kind in "fiub":
        return NumericColumn(array.astype(np.float64), np.zeros(array.shape, dtype=np.bool_))
    read = np.full(array.shape, np.nan)
    mismatched = np.zeros(array.shape, dtype=np.bool_)
    for row, value in enumerate(array.tolist() if array.dtype.kind == "O" else array):
        if is_missing(value):
            continue
        if isinstance(value, NUMBERS):
            read[row] = as_double(value)
        else:
            mismatched[row] = True
    return NumericColumn(read, mismatched)


def categorical_column(values: Any) -> CategoricalColumn:
    """Read ``values`` (a sequence, an array or a data-frame column of ``n`` rows) as categories.

    >>> categorical_column(["red", None, 3.0, True, [1]])
    CategoricalColumn(values=['red', None, '3', 'true', None], mismatched=1)
    """
    array = as_array(values)
    if array.dtype.kind in "fiub":  # codes repeat, so each is spelled once
        codes, places = np.unique(array, return_inverse=True)
        names = [None if is_missing(code) else category(code) for code in codes.tolist()]
        return CategoricalColumn([names[place] for place in places.tolist()], 0)
    read: list[str | None] = []
    mismatched = 0
    for value in array.tolist():
        if type(value) is str and value.isascii() and len(value) <= LONGEST_CATEGORY:
            read.append(value)
            continue
        spelled = None if is_missing(value) else category(value)
        mismatched += spelled is None and not is_missing(value)
        read.append(spelled)
    return CategoricalColumn(read, mismatched)


def category(value: Any) -> str | None:
    """Spell ``value`` as a category; None when it is none.

    >>> [category(value) for value in (True, np.int64(7), 7.0, 0.5, "x", {})]
    ['true', '7', '7', '0.5', 'x', None]
    """
    if isinstance(value, str):
        text = value[:LONGEST_CATEGORY]
        # Half a surrogate pair, as JSON may hand out, has no UTF-8: sending it would fail with all that goes along.
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):  # not by way of a double, which would merge long keys
        return str(int(value))[:LONGEST_CATEGORY]
    if isinstance(value, NUMBERS):
        number = as_double(value)
        return str(int(number)) if number.is_integer() else repr(number)
    return None


def as_double(value: Any) -> float:
    """One of the `NUMBERS` as a double; infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def key_text(value: Any) -> str:
    """Spell a key of the application's own: a whole number alike whether its column has gaps, and so doubles, or not.

    >>> key_text(17), key_text(17.0), key_text("order-17")
    ('17', '17', 'order-17')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def is_missing(value: Any) -> bool:
    """Whether ``value`` stands for no value: None, NaN, or a data-frame library's own marker.

    >>> [is_missing(value) for value in (None, float("nan"), np.datetime64("NaT", "s"), 0, "")]
    [True, True, True, False, False]
    """
    if value is None:
        return True
    if isinstance(value, str):
        return False
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    if getattr(value, "ndim", 0):
        return False
    try:
        return bool(value != value)
    except (TypeError, ValueError, RuntimeError):  # pandas.NA refuses to be a truth value; a tensor has many
        return type(value).__name__ == "NAType"


def is_numeric(values: Any) -> bool | None:
    """Whether a column without a reference holds numbers, by its first value; None when all its values are missing.

    >>> is_numeric([None, 3]), is_numeric(["red"]), is_numeric([True]), is_numeric([None])
    (True, False, False, None)
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return str(values.dtype.kind) != "b"
    for value in values.tolist() if isinstance(values, np.ndarray) else values:
        if not is_missing(value):
            return isinstance(value, NUMBERS) and not isinstance(value, bool | np.bool_)
    return None


def as_array(values: Any) -> NDArray[Any]:
    """One value a row as an array; of objects unless ``values`` knows better.

    >>> as_array([1, None, "3"])
    array([1, None, '3'], dtype=object)
    """
    if str(getattr(values, "type", "")).startswith("dictionary"):
        values = values.to_pylist()  # pyarrow's own conversion takes missing values for one of the categories
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        return values
    items = list(values) if isinstance(values, Iterable) else [values]
    return np.fromiter(items, dtype=object, count=len(items))  # an assignment would spread items that are lists
