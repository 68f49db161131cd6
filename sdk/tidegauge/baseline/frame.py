"""Reading a data frame without importing any data-frame library.

All that is asked of a frame is its column names and its columns: pandas, polars and pyarrow have both.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.times import read_times
from tidegauge.columns import as_array, is_missing
from tidegauge.errors import BaselineError

ColumnType = Literal["numeric", "categorical", "boolean"]

_OWN_CATEGORIES = ("category", "categorical", "enum", "dictionary")  # pandas, polars, polars, pyarrow


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
        if array.dtype.kind == "U":
            return "categorical"
        if array.dtype.kind != "O":
            raise BaselineError(f"column {name!r} holds {array.dtype}, which is no feature: leave it out with exclude")
        return _type_of_objects(array.tolist(), name)

    def times(self, name: str) -> NDArray[np.int64]:
        """The column ``name`` as nanoseconds since the epoch, shape ``(n,)``.

        Raises:
            BaselineError: it does not hold times, or some are missing.
        """
        return read_times(self.column(name), name)


def nearest(name: str, known: Iterable[str]) -> str:
    """End of a sentence that proposes the known name most like ``name``; empty when none is.

    >>> nearest("incme", ["age", "income"])
    "; did you mean 'income'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _type_of_objects(values: list[Any], name: str) -> ColumnType:
    if str in set(map(type, values)):
        return "categorical"
    types = {type(value) for value in values if not is_missing(value)}
    if not types:
        return "categorical"  # nothing is known of it; whatever comes will be new
    if all(issubclass(kind, bool | np.bool_) for kind in types):
        return "boolean"
    if all(issubclass(kind, numbers.Real | np.bool_ | Decimal) for kind in types):
        return "numeric"
    what = ", ".join(sorted(kind.__name__ for kind in types))
    raise BaselineError(f"column {name!r} holds {what}, which is no feature: leave it out with exclude")
