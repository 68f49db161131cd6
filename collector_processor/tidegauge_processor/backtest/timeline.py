"""When each row happened: its window, and how far a window is from being complete.

The times are read before anything else. So a time that cannot be read is said at once, rows need not be in order, and
yet a window of ordered rows can be judged and let go as soon as no later row belongs to it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegauge.baseline.times import read_times
from tidegauge.columns import is_missing
from tidegauge.errors import BaselineError, DataError
from tidegauge_processor.backtest.reading import Chunk, Source

_HOW: str = "write ISO 8601, or seconds or nanoseconds since the epoch"


class Timeline:
    """Windows of the ``n`` rows of a file, in the order of the rows.

    Args:
        times: of the rows, ns since the epoch, shape ``(n,)``, at least one.
        length: of a window, ns.

    Attributes:
        windows: number of each row's window, counted from the epoch.

    Example:
        >>> timeline = Timeline(np.array([5, 12, 8, 31]), 10)
        >>> timeline.windows.tolist(), [timeline.first_after(rows) for rows in range(5)]
        ([0, 1, 0, 3], [0, 0, 0, 3, None])
    """

    def __init__(self, times: NDArray[np.int64], length: int) -> None:
        self.windows = times // length
        self._ahead = np.minimum.accumulate(self.windows[::-1])[::-1]

    def first_after(self, rows: int) -> int | None:
        """The earliest window of the rows after the first so many; None when there are no more."""
        return int(self._ahead[rows]) if rows < self._ahead.size else None


def times_of(source: Source, name: str) -> NDArray[np.int64]:
    """Read the column ``name`` of a file as ns since the epoch, shape ``(n,)``.

    Raises:
        DataError: there are no rows, or a row has no time that can be read; the message says which row.
    """
    parts: list[NDArray[np.int64]] = []
    rows = 0
    for chunk in source.chunks([name]):
        parts.append(times_in(chunk, name, np.arange(rows, rows + chunk.rows), source))
        rows += chunk.rows
    if not rows:
        raise DataError(f"{str(source.path)!r} has no rows")
    return np.concatenate(parts)


def times_in(chunk: Chunk, name: str, rows: NDArray[np.intp], source: Source) -> NDArray[np.int64]:
    """Read the column ``name`` of a chunk as ns since the epoch; ``rows`` are the numbers of its rows in the file.

    Raises:
        DataError: a row has no time that can be read; the message says which row.
    """
    column = chunk.column(name)
    if chunk.text:
        column = _numbers_if_all_are(column)
    try:
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            return read_times(column, name)
        values, places = chunk.distinct(name)  # texts are read one by one, and often repeat
        return read_times(values, name)[places]
    except BaselineError as problem:
        row, why = _first_unreadable(column, name) or (0, str(problem))
        raise DataError(f"{str(source.path)!r}, row {int(rows[row]) + 1:,}: {why}; {_HOW}") from problem


def _numbers_if_all_are(column: pa.ChunkedArray) -> pa.ChunkedArray:
    for kind in (pa.int64(), pa.float64()):
        try:
            return pc.cast(column, kind)
        except pa.ArrowInvalid:
            continue
    return column


def _first_unreadable(column: pa.ChunkedArray, name: str) -> tuple[int, str] | None:
    """Number of the first row without a readable time, and what is wrong with it."""
    for row, value in enumerate(column.to_pylist()):
        if is_missing(value):
            return row, f"column {name!r} has no time"
        try:
            read_times([value], name)
        except BaselineError as problem:
            return row, str(problem)
    return None
