"""Which rows exemplify a count: the first and the last that broke the schema in one way, the last of each category.

Live calls and the spans of other clients are looked through by the same functions. They are asked only about what has
been counted, and only among rows that lead somewhere: those of calls that a sampler has kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import NumericFeature
from tidegauge.columns import NumericColumn, is_missing
from tidegauge.observation import MISSING, NON_FINITE, TYPE_MISMATCH

Rows: TypeAlias = NDArray[np.intp]
"""Numbers of rows, in ascending order."""


def odd_numbers(
    column: NumericColumn, feature: NumericFeature | None, kinds: Iterable[str], among: Rows
) -> dict[str, tuple[int, ...]]:
    """First and last row, by kind of violation that ``column`` has.

    >>> from tidegauge.columns import numeric_column
    >>> odd_numbers(numeric_column([None, 1.0, "x", None, None]), None, [MISSING, TYPE_MISMATCH], np.arange(4))
    {'missing': (0, 3), 'type_mismatch': (2,)}
    """
    values, mismatched = column.values[among], column.mismatched[among]
    found = {}
    for kind in kinds:
        if kind == MISSING:
            where = np.isnan(values) & ~mismatched
        elif kind == TYPE_MISMATCH:
            where = mismatched
        elif kind == NON_FINITE or feature is None:
            where = np.isinf(values)
        else:
            where = ((values < feature.low) | (values > feature.high)) & np.isfinite(values)
        found[kind] = ends(among[where])
    return found


def odd_categories(
    raw: Sequence[Any] | NDArray[Any], values: Sequence[str | None], kinds: Iterable[str], among: Rows
) -> dict[str, tuple[int, ...]]:
    """First and last row that is missing or of the wrong type, as ``kinds`` ask.

    Args:
        raw: the column as it came.
        values: the same, read as categories.
        kinds: ``missing``, ``type_mismatch``.
        among: rows to look at.

    >>> odd_categories([None, "red", [1], None], [None, "red", None, None], [MISSING, TYPE_MISMATCH], np.arange(4))
    {'missing': (0, 3), 'type_mismatch': (2,)}
    """

    def first(kind: str, rows: Rows) -> list[int]:
        odd = (row for row in rows.tolist() if values[row] is None and is_missing(raw[row]) == (kind == MISSING))
        return [row for row, _ in zip(odd, (0,), strict=False)]

    return {kind: tuple(dict.fromkeys(first(kind, among) + first(kind, among[::-1]))) for kind in kinds}


def latest_rows(values: Sequence[str | None], among: Rows) -> dict[str, int]:
    """Last row of each category.

    >>> latest_rows(["red", "blue", "red", None], np.arange(4))
    {'red': 2, 'blue': 1}
    """
    if among.size == len(values):
        latest: dict[str | None, int] = dict(zip(values, range(len(values)), strict=True))
    else:
        latest = {values[row]: row for row in among.tolist()}
    return {value: row for value, row in latest.items() if value is not None}


def by_label(latest: Mapping[str, int], place: Callable[[str], str]) -> dict[str, tuple[int, ...]]:
    """One or two rows by the label that categories are counted under.

    >>> by_label({"red": 2, "puce": 7, "mauve": 5}, lambda value: value if value == "red" else "_unseen")
    {'red': (2,), '_unseen': (5, 7)}
    """
    found: dict[str, tuple[int, ...]] = {}
    for value, row in latest.items():
        label = place(value)
        known = found.get(label)
        found[label] = (row,) if known is None else (min(known[0], row), max(known[-1], row))
    return found


def ends(rows: Sequence[int] | Rows) -> tuple[int, ...]:
    """The first and the last of ``rows``; one where they are the same, none where there is none."""
    return tuple(dict.fromkeys((int(rows[0]), int(rows[-1])))) if len(rows) else ()
