"""Exact tests of tables of two by two, for streams of all shapes at once: two cells, or one against the rest.

What happens in a single cell (a spike, a sentinel, a value never seen before or beyond the reference's range) is hidden
by pooling where the cell is rare, and drowned by all the others where it is not. So cells are also looked at one by
one: Fisher's exact test of the one with the largest excess against all the rest, its p-value times the number of
occupied cells (Bonferroni). Where pooling leaves two cells, Fisher's test of these two stands in the place of G and is
counted with the single ones. Two occupied cells are one table, whichever is looked at, and count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.pooling import Pooled
from tidegauge_processor.verdicts.comparisons import Comparisons
from tidegauge_processor.verdicts.fisher import fisher_exact

Floats = NDArray[np.float64]


class Exact(NamedTuple):
    """Results of ``k`` comparisons, each of shape ``(k,)``.

    Attributes:
        odds_ratio: of the table with the smallest p-value.
        p_value: the smallest, of one table.
        looks: how many tables it was chosen from.
    """

    odds_ratio: Floats
    p_value: Floats
    looks: NDArray[np.int64]


class Tables(NamedTuple):
    """Some comparisons as two cells.

    Attributes:
        places: which comparisons, shape ``(n,)``.
        reference: whole counts, shape ``(n, 2)``.
        window: counts, shape ``(n, 2)``.
    """

    places: NDArray[np.intp]
    reference: Floats
    window: Floats

    @property
    def odds_ratio(self) -> Floats:
        """Odds of the second cell in the window over those in the reference, half a row added to each (Haldane)."""
        a, b = self.reference + 0.5, self.window + 0.5
        return (b[:, 1] / b[:, 0]) * (a[:, 0] / a[:, 1])


def two_cells(compared: Comparisons) -> Tables:
    """Comparisons that have no more than two cells."""
    return Tables(np.arange(compared.rows.size), np.rint(compared.reference), compared.window)


def exact_tests(parts: Sequence[Comparisons], pooled: Sequence[Pooled | None]) -> list[Exact]:
    """Test comparisons of all shapes; the price of a call is paid once.

    Args:
        parts: comparisons, of one shape in each part.
        pooled: their cells after pooling; none where there are but two cells without an order.
    """
    asked: list[list[Tables]] = []
    for part, cells in zip(parts, pooled, strict=True):
        asked.append([two_cells(part)] if cells is None else [_single_cells(part), _pairs(cells)])
    p_values = iter(_p_values([tables for of_part in asked for tables in of_part]))
    results: list[Exact] = []
    for part, (every, *some) in zip(parts, asked, strict=True):
        odds, smallest = every.odds_ratio, next(p_values)
        occupied = (part.reference + part.window > 0).sum(axis=1)
        looks = np.where(occupied > 2, occupied, 1) if some else np.ones(odds.size, dtype=np.int64)
        for pairs in some:
            at, p_value = pairs.places, next(p_values)
            odds[at] = np.where(p_value < smallest[at], pairs.odds_ratio, odds[at])
            smallest[at] = np.minimum(p_value, smallest[at])
            looks[at] += occupied[at] > 2
        results.append(Exact(odds, smallest, looks))
    return results


def _p_values(asked: Sequence[Tables]) -> list[Floats]:
    if not asked:
        return []
    ends = np.cumsum([tables.places.size for tables in asked])[:-1]
    reference, window = (np.concatenate([tables[side] for tables in asked]) for side in (1, 2))
    return np.split(fisher_exact(reference, window), ends)


def _single_cells(compared: Comparisons) -> Tables:
    """The cell with the largest excess of each comparison, second, against all the rest."""
    reference, window = compared.reference, compared.window
    expected = (reference + window) * (compared.rows / np.maximum(compared.rows + compared.size, 1.0))[:, None]
    excess = window > expected
    ratio = np.where(excess, window, 1.0) / np.where(excess, expected, 1.0)
    surprise = np.where(excess, window * np.log(ratio) - window + expected, 0.0)
    cell = surprise.argmax(axis=1)[:, None]
    return Tables(
        np.arange(len(cell)),
        np.rint(_against_rest(reference, cell)),
        _against_rest(window, cell),
    )


def _pairs(pooled: Pooled) -> Tables:
    """Comparisons of which pooling has left two cells."""
    places = np.flatnonzero(pooled.cells == 2)
    return Tables(places, np.rint(pooled.reference[places, :2]), pooled.window[places, :2])


def _against_rest(counts: Floats, cell: NDArray[np.intp]) -> Floats:
    own = np.take_along_axis(counts, cell, 1)
    return np.concatenate([counts.sum(axis=1, keepdims=True) - own, own], axis=1)
