"""Reading a data frame without importing any data-frame library.

All that is asked of a frame is its column names and its columns: pandas, polars and pyarrow have both.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tidegauge.columns import as_array, is_missing
from tidegauge.errors import BaselineError

ColumnType = Literal["numeric", "categorical", "boolean"]

_OWN_CATEGORIES = ("category", "categorical", "enum", "dictionary")  # pandas, polars, polars, pyarrow
_FIRST_NOT_SECONDS: Final = 1e11  # the year 5138 in seconds, 1973 in milliseconds
_FIRST_NANOSECONDS: Final = 1e16  # April 1970 in nanoseconds, the year 2286 in microseconds


class Frame:
    """Columns of a data frame by name.

    Args:
        df: a pandas or polars data frame, or a pyarrow table, of ``n`` rows.

    Raises:
        BaselineError: ``df`` is none of these, has no rows, or two columns of one name.
    """

    def __init__(self, df: Any) -> None:
        names = getattr(df, "column_names", None)  # pyarrow, whose `columns` are the columns themselves
        names = getattr(df, "columns", None) if names is None else names
        if names is None:
            raise BaselineError(f"a data frame of pandas, polars or pyarrow is needed, not {type(df).__name__}")
        self._df = df
        self._keys = {str(name): name for name in names}
        self.rows = len(df)
        if len(self._keys) < len(names):
            raise BaselineError("two columns of the data have the same name")
        if self.rows == 0:
            raise BaselineError("the data has no rows")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._keys)

    def column(self, name: str) -> Any:
        """The column ``name``, as the frame has it.

        Raises:
            BaselineError: there is none; the message proposes the nearest name.
        """
        if name not in self._keys:
            raise BaselineError(f"the data has no column {name!r}{nearest(name, self._keys)}")
        return self._df[self._keys[name]]

    def column_type(self, name: str) -> ColumnType:
        """What the column ``name`` holds.

        Raises:
            BaselineError: it holds neither numbers nor categories, such as dates or lists.
        """
        column = self.column(name)
        own = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
        if own.startswith(_OWN_CATEGORIES):
            return "categorical"
        array = as_array(column)
        if array.dtype.kind == "b":
            return "boolean"
        if array.dtype.kind in "fiu":
            return "numeric"
        found = _type_of_objects(array.tolist()) if array.dtype.kind == "O" else None
        if found is None and array.dtype.kind != "U":
            what = type(next(value for value in array.tolist() if not is_missing(value))).__name__
            what = str(array.dtype) if array.dtype.kind != "O" else what
            raise BaselineError(f"column {name!r} holds {what}, which is no feature: leave it out with exclude")
        return found or "categorical"

    def times(self, name: str) -> NDArray[np.int64]:
        """The column ``name`` as nanoseconds since the epoch, shape ``(n,)``.

        Raises:
            BaselineError: it does not hold times, or some are missing.
        """
        column = self.column(name)
        if str(getattr(column, "dtype", "")).lower().startswith("datetime"):
            column = np.asarray(column, dtype="datetime64[ns]")  # in UTC, should the column have a time zone
        array = as_array(column)
        if array.dtype.kind == "M":
            return _complete(array.astype("datetime64[ns]"), np.isnat(array), name)
        if array.dtype.kind == "O":
            return _from_objects(array.tolist(), name)
        if array.dtype.kind in "fiu":
            return _from_numbers(array, name)
        raise BaselineError(f"column {name!r} holds {array.dtype}, which is no time")


def nearest(name: str, known: Iterable[str]) -> str:
    """End of a sentence that proposes the known name most like ``name``; empty when none is.

    >>> nearest("incme", ["age", "income"])
    "; did you mean 'income'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _type_of_objects(values: list[Any]) -> ColumnType | None:
    types = set(map(type, values))
    if str in types:
        return "categorical"
    types = {type(value) for value in values if not is_missing(value)}
    if not types:
        return "categorical"  # nothing is known of it; whatever comes will be new
    if all(issubclass(kind, bool | np.bool_) for kind in types):
        return "boolean"
    return "numeric" if all(issubclass(kind, numbers.Real | np.bool_ | Decimal) for kind in types) else None


def _complete(times: NDArray[Any], missing: NDArray[np.bool_], name: str) -> NDArray[np.int64]:
    if missing.any():
        raise BaselineError(f"column {name!r}: {int(missing.sum())} of {missing.size} times are missing")
    return times.astype(np.int64)


def _from_objects(values: list[Any], name: str) -> NDArray[np.int64]:
    missing = np.array([is_missing(value) for value in values])
    if all(isinstance(value, numbers.Real) for value, none in zip(values, missing, strict=True) if not none):
        return _from_numbers(np.array([np.nan if is_missing(value) else value for value in values]), name)
    try:
        return _complete(np.array([0 if is_missing(value) else _nanoseconds(value) for value in values]), missing, name)
    except (TypeError, ValueError) as problem:
        raise BaselineError(f"column {name!r} holds something that is no time: {problem}") from problem


def _nanoseconds(value: Any) -> int:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise TypeError(f"{value!r}")
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _from_numbers(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    largest = float(np.abs(array[np.isfinite(array)]).max(initial=0))
    _complete(np.zeros(array.shape), ~np.isfinite(array), name)
    if largest < _FIRST_NOT_SECONDS:
        return np.rint(array * 1e9).astype(np.int64) if array.dtype.kind == "f" else array.astype(np.int64) * 10**9
    if largest < _FIRST_NANOSECONDS:
        raise BaselineError(f"column {name!r}: numbers up to {largest:.6g} are neither seconds nor nanoseconds")
    return array.astype(np.int64)
