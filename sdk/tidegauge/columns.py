"""What a column of raw values means, for the baseline and for live calls alike.

Fitting and serving must read a value in the same way, or a model would drift from itself: ``True``, ``3`` and ``3.0``
have one spelling as a category, ``None``, NaN and masked values are missing, and a string in a numeric column is of the
wrong type even when it looks like a number. So is a value that fails as it is read.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.ma  # NumPy imports it at its first use, which no call may do
from numpy.typing import NDArray

from tidegauge.errors import CaptureError

LONGEST_CATEGORY: Final = 128
"""Categories are cut to so many characters."""

_PLAIN = frozenset({float, int, bool, type(None), np.float64, np.float32, np.int64, np.int32, np.bool_})
NUMBERS: Final = (numbers.Real, np.bool_, Decimal)
"""Types of numbers: databases and Parquet files hand out decimals."""
ODD: Final = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError, Warning)
"""What a value raises that cannot do what is asked of it. Anything else may not be about the value at all."""
_MOST_ITEMS: Final = 10_000_000


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
        with np.errstate(over="ignore"):  # a long double beyond the doubles is infinite
            return NumericColumn(array.astype(np.float64), np.zeros(array.shape, dtype=np.bool_))
    read = np.full(array.shape, np.nan)
    mismatched = np.zeros(array.shape, dtype=np.bool_)
    for row, value in enumerate(array.tolist() if array.dtype.kind == "O" else array):
        try:
            if is_missing(value):
                continue
            if isinstance(value, NUMBERS):
                read[row] = as_double(value)
            else:
                mismatched[row] = True
        except ODD:  # even asking for its type may run code of the user's
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
        spelled, missing = None, False
        with suppress(*ODD):  # even asking for its type may run code of the user's
            missing = is_missing(value)
            spelled = None if missing else category(value)
        mismatched += spelled is None and not missing
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
    """Whether ``value`` stands for no value: None, NaN, masked, or a data-frame library's own marker.

    >>> [is_missing(value) for value in (None, float("nan"), np.datetime64("NaT", "s"), 0, "")]
    [True, True, True, False, False]
    """
    if value is None:
        return True
    try:
        if isinstance(value, str):
            return False
        if isinstance(value, float):
            return math.isnan(value)
        if isinstance(value, Decimal):
            return value.is_nan()
        if getattr(value, "ndim", 0):
            return False
        differs = value != value
        return differs is np.ma.masked or bool(differs)
    except ODD:  # pandas.NA refuses to be a truth value; a tensor has many
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
            try:
                return isinstance(value, NUMBERS) and not isinstance(value, bool | np.bool_)
            except ODD:  # even asking for its type may run code of the user's
                return False
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
        return unmasked(values)
    items = items_of(values) if isinstance(values, Iterable) else [values]
    return np.fromiter(items, dtype=object, count=len(items))  # an assignment would spread items that are lists


def unmasked(array: NDArray[Any]) -> NDArray[Any]:
    """``array`` without what subclasses add: masked values are NaN among floats and None elsewhere.

    >>> unmasked(np.ma.masked_array([1, 2], mask=[True, False]))
    array([None, 2], dtype=object)
    """
    plain = np.asarray(array)
    if not isinstance(array, np.ma.MaskedArray) or plain.dtype.names:
        return plain
    mask = np.ma.getmaskarray(array)
    if not mask.any():
        return plain
    plain = plain.copy() if plain.dtype.kind == "f" else plain.astype(object)
    plain[mask] = np.nan if plain.dtype.kind == "f" else None
    return plain


def listed(value: Any) -> Sequence[Any] | None:
    """The items of a list or another sequence; None for anything else, texts too.

    >>> listed(range(2)), listed("ab"), listed(7)
    ([0, 1], None, None)
    """
    return items_of(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else None


def items_of(values: Iterable[Any]) -> Sequence[Any]:
    """The items of ``values`` that there are: no more than it says, and not as many as it says when it has less.

    Raises:
        CaptureError: there are more than ten million, or no end of them.

    >>> items_of(iter("ab"))
    ['a', 'b']
    """
    if type(values) is list or type(values) is tuple:
        return values
    said = len(values) if isinstance(values, Sized) else _MOST_ITEMS + 1
    items = list(islice(iter(values), min(said, _MOST_ITEMS + 1)))
    if len(items) > _MOST_ITEMS:
        raise CaptureError(f"more than {_MOST_ITEMS:,} items were given at once: hand them over as an array or a frame")
    return tuple(items) if isinstance(values, tuple) else items
