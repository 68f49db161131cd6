"""Waiting calls become named columns: one table for each kind of input, made at flush."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidegauge._snapshot import Frame, Matrix, Row, Rows
from tidegauge.columns import CategoricalColumn, NumericColumn, categorical_column, numeric_column

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction


class Table:
    """Columns of the rows of several calls.

    Args:
        calls: the calls, in the order of their rows.
        names: the columns that at least one row has.
        column: gives one column, shape ``(rows,)``; None where a row lacks it.
        absent: number of rows that lack a column altogether.
    """

    def __init__(
        self,
        calls: Sequence[Prediction],
        names: Sequence[str],
        column: Callable[[str], Any],
        absent: Callable[[str], int] = lambda name: 0,
    ) -> None:
        self.calls = calls
        self.names = names
        self.column = column
        self.absent = absent
        self._ends = list(accumulate(call.rows for call in calls))
        self.rows = self._ends[-1]
        self._numbers: dict[str, NumericColumn] = {}
        self._categories: dict[str, CategoricalColumn] = {}

    def numbers(self, name: str) -> NumericColumn:
        """One column read as numbers; read once."""
        if name not in self._numbers:
            self._numbers[name] = numeric_column(self.column(name))
        return self._numbers[name]

    def categories(self, name: str) -> CategoricalColumn:
        """One column read as categories; read once."""
        if name not in self._categories:
            self._categories[name] = categorical_column(self.column(name))
        return self._categories[name]

    def owner(self, row: int) -> Prediction:
        """The call that a row belongs to."""
        return self.calls[bisect_right(self._ends, row)]

    @cached_property
    def recorded(self) -> NDArray[np.intp]:
        """Rows of the calls that have a span to point at."""
        kept = [call.recording for call in self.calls]
        if all(kept):
            return np.arange(self.rows)
        return np.flatnonzero(np.repeat(kept, [call.rows for call in self.calls]))


def tables(calls: Sequence[Prediction]) -> list[Table]:
    """Group ``calls`` by the kind of their input; calls without rows or without a readable input are left out."""
    by_name: list[Prediction] = []
    # Joining texts with numbers would make texts of them all, so what is joined is of one kind.
    arrays: dict[tuple[tuple[str, ...], str], list[Prediction]] = {}
    frames: dict[tuple[tuple[str, ...], str], list[tuple[Prediction, list[NDArray[Any]]]]] = {}
    for call in calls:
        inputs = call.inputs
        if isinstance(inputs, Row | Rows):
            if inputs.rows:
                by_name.append(call)
        elif isinstance(inputs, Matrix) and inputs.rows:
            arrays.setdefault((inputs.names, inputs.data.dtype.kind), []).append(call)
        elif isinstance(inputs, Frame) and inputs.rows:
            columns = inputs.columns()
            kinds = "".join(column.dtype.kind for column in columns)
            frames.setdefault((inputs.names, kinds), []).append((call, columns))
    found = [_of_rows(by_name)] if by_name else []
    found += [_of_arrays(names, group) for (names, _), group in arrays.items()]
    found += [_of_frames(names, several) for (names, _), several in frames.items()]
    return found


def _of_rows(calls: list[Prediction]) -> Table:
    rows: list[dict[str, Any]] = []
    for call in calls:
        if isinstance(call.inputs, Row):
            rows.append(call.inputs.data)
        elif isinstance(call.inputs, Rows):
            rows.extend(call.inputs.data)
    first = rows[0].keys()
    if all(row.keys() == first for row in rows):
        return Table(calls, list(first), lambda name: [row[name] for row in rows])
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table(
        calls,
        names,
        lambda name: [row.get(name) for row in rows],
        lambda name: sum(name not in row for row in rows),
    )


def _of_arrays(names: tuple[str, ...], calls: list[Prediction]) -> Table:
    parts = [call.inputs.data for call in calls if isinstance(call.inputs, Matrix)]
    data = parts[0] if len(parts) == 1 else np.concatenate(parts)
    places = {name: place for place, name in enumerate(names)}
    return Table(calls, names, lambda name: data[:, places[name]])


def _of_frames(names: tuple[str, ...], group: list[tuple[Prediction, list[NDArray[Any]]]]) -> Table:
    calls, parts = [call for call, _ in group], [columns for _, columns in group]
    columns = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    named = dict(zip(names, columns, strict=True))
    return Table(calls, names, named.__getitem__)


def segments_of(table: Table, names: tuple[str, ...]) -> list[tuple[tuple[str, str], ...]]:
    """Segments of each row of a `Table`: pairs of name and value, without those that a row lacks."""
    columns = [table.categories(name).values if name in table.names else [None] * table.rows for name in names]
    return [
        tuple((name, value) for name, value in zip(names, values, strict=True) if value is not None)
        for values in zip(*columns, strict=True)
    ]
