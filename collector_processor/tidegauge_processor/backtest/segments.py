"""Groups of rows, from the columns of segments: named as the SDK would name them, and counted by predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge.columns import category, is_missing
from tidegauge.errors import DataError
from tidegauge_processor.backtest.class_scores import Named
from tidegauge_processor.backtest.outputs import OutputColumns, named_classes
from tidegauge_processor.backtest.reading import Chunk
from tidegauge_processor.backtest.texts import value_of
from tidegauge_processor.performance.selection import Selection

MOST_SEGMENTS: Final = 1_000
"""Different values of a segment column at the most, as in the SDK."""


class Segments:
    """Reads the groups of one file.

    Args:
        names: of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._seen: dict[str, set[str]] = {name: set() for name in names}

    def read(self, chunk: Chunk) -> list[Named]:
        """Names of the groups, None for none, and the place of each row's among them, for each of the columns.

        Raises:
            DataError: a column has too many values for what it is.
        """
        return [self._read(chunk, name) for name in self._seen]

    def _read(self, chunk: Chunk, name: str) -> Named:
        values, places = chunk.distinct(name)
        names = [None if is_missing(value) else _spelled(value, text=chunk.text) for value in values]
        check_number(name, self._seen[name], names, MOST_SEGMENTS, "groups of rows")
        return names, places


class Selections:
    """Counts the predictions of a binary task by group, as a running processor gets them from `ml.predictions`.

    Args:
        baseline: says which classes there are.
        outputs: columns of what the model said.
        names: columns of segments.
    """

    def __init__(self, baseline: Baseline, outputs: OutputColumns, names: Sequence[str]) -> None:
        self._baseline = baseline
        self._outputs = outputs
        self._names = names
        self._segments = Segments(names)

    def read(self, chunk: Chunk, cohorts: NDArray[np.int64]) -> dict[int, Selection]:
        """Count the rows of a chunk by cohort, of which ``cohorts`` says the number, shape ``(rows,)``.

        Raises:
            DataError: a column has too many values for what it is.
        """
        found: dict[int, Selection] = {}
        classes = named_classes(chunk, self._outputs, self._baseline)
        if classes is None:
            return found
        for name, groups in zip(self._names, self._segments.read(chunk), strict=True):
            cells = np.stack([cohorts, groups[1], classes[1]])
            kinds, rows = np.unique(cells, axis=1, return_counts=True)
            for (cohort, group, klass), number in zip(kinds.T.tolist(), rows.tolist(), strict=True):
                said, own = classes[0][klass], groups[0][group]
                if said is not None and own is not None:
                    found.setdefault(cohort, Selection()).add(name, own, said, number)
        return found


def check_number(name: str, seen: set[str], names: Sequence[str | None], most: int, what: str) -> None:
    """Add ``names`` to those that were ``seen`` in a column.

    Raises:
        DataError: there are more than ``most``, too many for ``what`` they should be.
    """
    seen.update(each for each in names if each is not None)
    if len(seen) > most:
        too_many = f"column {name!r} has more than {most:,} different values"
        raise DataError(f"{too_many}, which are no {what}: name another column")


def _spelled(value: object, *, text: bool) -> str | None:
    """Name of a group; a whole number in a text stays as it is written, since it may be a code."""
    if not text:
        return category(value)
    meant = value_of(str(value))
    return str(value) if type(meant) is int else category(meant)
