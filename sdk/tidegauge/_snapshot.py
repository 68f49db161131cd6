"""The input of one call, kept as it was when the call began.

A model may change its input (``row.pop("id")``) and the application may reuse it, so what the flush will read later
must be ours. Copying is the only thing done during the call; columns are made from it at flush.

- A row as a dictionary is copied shallowly.
- Arrays are copied, masked values as missing ones.
- Sequences are read item by item: what they say of their length may be wrong.
- Data frames: pandas copies lazily since version 3 (and before it with copy-on-write switched on), so a shallow copy
  is enough; older versions share memory with a shallow copy, so there the copy is deep. Polars frames are cloned and
  Arrow tables kept, since they do not change.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegauge.columns import as_array, items_of, listed, unmasked
from tidegauge.errors import CaptureError


class Row:
    """One row by feature name."""

    __slots__ = ("data",)
    rows = 1

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


class Rows:
    """Several rows, each by feature name; rows may lack features."""

    __slots__ = ("data", "rows")

    def __init__(self, data: list[dict[str, Any]]) -> None:
        self.data = data
        self.rows = len(data)


class Matrix:
    """Rows of plain numbers or objects: an array of shape ``(rows, features)`` and the names of its columns."""

    __slots__ = ("data", "names", "rows")

    def __init__(self, names: tuple[str, ...], data: NDArray[Any]) -> None:
        self.names = names
        self.data = data
        self.rows = len(data)


class Frame:
    """Columns by name, each with one value a row."""

    __slots__ = ("data", "names", "rows")

    def __init__(self, data: Any, names: tuple[str, ...], rows: int) -> None:
        self.data = data
        self.names = names
        self.rows = rows

    def columns(self) -> list[NDArray[Any]]:
        """One array a column, in the order of ``names``.

        Raises:
            CaptureError: a column has not as many values as the frame says it has rows.
        """
        if isinstance(self.data, dict):
            found = list(self.data.values())
        elif hasattr(self.data, "items"):  # pandas
            found = [column.to_numpy() for _, column in self.data.items()]
        else:
            found = [as_array(column) for column in getattr(self.data, "columns", None) or self.data.get_columns()]
        for column in found:
            if len(column) != self.rows:
                raise CaptureError(f"a column of a frame of {self.rows} rows has {len(column)} values")
        return found


Snapshot: TypeAlias = Row | Rows | Matrix | Frame


def only_row(inputs: Snapshot | None) -> dict[str, Any] | None:
    """The one row of an input by name, in whatever form it came; None when it has none or several.

    >>> only_row(snapshot(np.array([[41.0, 5.2]]), ("age", "income")))
    {'age': 41.0, 'income': 5.2}
    """
    return None if inputs is None or inputs.rows != 1 else first_rows(inputs, 1)[0]


def first_rows(inputs: Snapshot, most: int) -> list[dict[str, Any]]:
    """The first rows of an input by name, at most so many, in whatever form they came."""
    if isinstance(inputs, Row):
        return [inputs.data]
    if isinstance(inputs, Rows):
        return inputs.data[:most]
    columns = [] if isinstance(inputs, Matrix) else inputs.columns()
    rows = (
        inputs.data[row] if isinstance(inputs, Matrix) else [column[row] for column in columns]
        for row in range(min(inputs.rows, most))
    )
    return [{name: _plain(value) for name, value in zip(inputs.names, row, strict=True)} for row in rows]


def snapshot(value: Any, names: tuple[str, ...] | None = None) -> Snapshot:
    """Copy ``value``, one row or a batch.

    Args:
        value: dictionary, dataclass, named tuple, pydantic model, list of such, array, data frame or table.
        names: names of the columns of a plain array.

    Raises:
        CaptureError: the value is nothing of this.

    Example:
        >>> snapshot({"age": 41, "income": 5.2}).data
        {'age': 41, 'income': 5.2}
        >>> snapshot(np.zeros((2, 3)), ("a", "b", "c")).rows
        2
    """
    if type(value) is dict:
        return _mapping(value)
    if isinstance(value, np.ndarray):
        return _array(value, names)
    if hasattr(value, "columns") or hasattr(value, "get_columns"):
        return _frame(value)
    row = _row(value)
    if row is not None:
        return _mapping(row)
    items = listed(value)
    if items is not None:
        return _sequence(items, names)
    if hasattr(value, "__array__"):
        return _array(np.asarray(value), names)
    raise CaptureError(
        f"features cannot be read from {type(value).__name__}: name the argument, a path or a callable by features="
    )


def record_of(value: Any) -> dict[Any, Any] | None:
    """Fields of a mapping, a pydantic model, a dataclass or a named tuple; None for anything else.

    >>> record_of({"age": 41}), record_of([41])
    ({'age': 41}, None)
    """
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        return dict(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return None


def _row(value: Any) -> dict[str, Any] | None:
    record = record_of(value)
    if record is not None:
        return record
    if hasattr(value, "index") and hasattr(value, "to_dict"):  # a pandas Series: one row of a frame
        return {str(name): item for name, item in value.to_dict().items()}
    return None


def _mapping(value: dict[str, Any]) -> Snapshot:
    for first in value.values():
        if not issubclass(type(first), np.ndarray) or first.ndim == 0:  # `isinstance` may run code of the value
            return Row(value.copy())
        break
    columns = {str(name): _column(column) for name, column in value.items()}
    if any(column.ndim > 1 for column in columns.values()):
        raise CaptureError("a column has one value a row, not an array: reduce it to features by features=")
    lengths = {len(column) if column.ndim else -1 for column in columns.values()}
    if len(lengths) != 1 or -1 in lengths:
        return Row(value.copy())
    return Frame(columns, tuple(columns), lengths.pop())


def _column(value: Any) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return unmasked(value).copy()
    items = listed(value)
    return np.array(value if items is None else items)


def _sequence(value: Sequence[Any], names: tuple[str, ...] | None) -> Snapshot:
    if not value:
        return Rows([])
    first = value[0]
    if _row(first) is not None:
        rows = [_row(item) for item in value]
        if any(row is None for row in rows):
            raise CaptureError("a batch mixes rows by name with something else")
        return Rows([row for row in rows if row is not None])
    if listed(first) is not None or (isinstance(first, np.ndarray) and first.ndim):
        lists = [unmasked(row).tolist() if isinstance(row, np.ndarray) else items_of(row) for row in value]
        width = len(lists[0])
        if any(len(row) != width for row in lists):
            raise CaptureError("the rows of a batch have different lengths")
        data = np.fromiter(chain.from_iterable(lists), dtype=object, count=len(lists) * width)
        return Matrix(_named(names, width), data.reshape(len(lists), width))
    return Row(dict(zip(_named(names, len(value)), value, strict=True)))


def _array(value: NDArray[Any], names: tuple[str, ...] | None) -> Snapshot:
    if value.dtype.names:
        columns = {name: np.array(unmasked(value[name]), ndmin=1) for name in value.dtype.names}
        if any(column.ndim > 1 for column in columns.values()):
            raise CaptureError("a column has one value a row, not an array: reduce it to features by features=")
        return Frame(columns, value.dtype.names, value.size)
    value = unmasked(value)
    if value.ndim == 2:
        return Matrix(_named(names, value.shape[1]), value.copy())
    if value.ndim == 1:
        if names is not None and len(names) == 1 and value.size != 1:
            return Matrix(names, value.reshape(-1, 1).copy())
        return Row(dict(zip(_named(names, value.size), value.tolist(), strict=True)))
    raise CaptureError(f"an array of {value.ndim} dimensions has no columns: reduce it to features by features=")


def _named(names: tuple[str, ...] | None, width: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{place}" for place in range(width))
    if len(names) != width:
        raise CaptureError(f"{len(names)} names for {width} columns")
    return names


def _frame(value: Any) -> Frame:
    if hasattr(value, "column_names"):  # an Arrow table does not change
        return Frame(value, tuple(map(str, value.column_names)), int(value.num_rows))
    names = tuple(map(str, value.columns))
    if hasattr(value, "get_columns"):
        return Frame(value.clone(), names, int(value.height))
    return Frame(value.copy(deep=not _copies_lazily(value)), names, len(value.index))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.number | np.bool_ | np.str_) else value


def _copies_lazily(frame: Any) -> bool:
    pandas: Any = sys.modules.get(type(frame).__module__.partition(".")[0])
    if int(str(getattr(pandas, "__version__", "0")).partition(".")[0]) >= 3:
        return True
    return getattr(getattr(getattr(pandas, "options", None), "mode", None), "copy_on_write", False) is True
