"""A small lasting shift is found by merging windows, not by luck.

The latest 1, 3, 6, ... windows are merged by adding their counts. A scale waits until so many windows exist: fewer
would be another, smaller scale under its name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts.types import Stream, Window


def stack(windows: Sequence[Window], streams: Sequence[Stream], cells: int) -> NDArray[np.int64]:
    """Counts of ``streams`` with the same number of cells in each of ``T`` windows: shape ``(streams, T, cells)``.

    Raises:
        ValueError: a window's counts have another number of cells.
    """
    result = np.zeros((len(streams), len(windows), cells), dtype=np.int64)
    for time, window in enumerate(windows):
        for place, stream in enumerate(streams):
            counts = window.counts.get(stream)
            if counts is None:
                continue
            if counts.shape != (cells,):
                raise ValueError(f"{stream} has {cells} cells in the reference, but {counts.shape} in a window")
            result[place, time] = counts
    return result


def merge_latest(stacked: NDArray[np.int64], scales: Sequence[int], ends: int = 1) -> NDArray[np.int64]:
    """Sums of the windows up to each of the latest ``ends``, ``E`` of them, for each of ``scales``.

    Args:
        stacked: shape ``(n, T, ...)``, oldest window first.
        scales: ``S`` numbers of windows; what lies before the first window counts as empty.
        ends: ``E``.

    Returns:
        Shape ``(n, E, S, ...)``.

    Example:
        >>> merge_latest(np.array([[5, 1, 2]]), (1, 3), ends=2).tolist()
        [[[1, 6], [2, 8]]]
    """
    sums = np.zeros((stacked.shape[0], stacked.shape[1] + 1, *stacked.shape[2:]), dtype=np.int64)
    np.cumsum(stacked, axis=1, out=sums[:, 1:])
    last = np.arange(stacked.shape[1] - ends, stacked.shape[1])[:, None] + 1
    first = np.maximum(last - np.asarray(scales, dtype=np.intp), 0)
    merged: NDArray[np.int64] = sums[:, last] - sums[:, first]
    return merged
