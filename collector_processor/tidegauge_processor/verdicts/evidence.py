"""All tests of one comparison, and whether they could have found anything.

| cells | tests |
|---|---|
| ordered | Anderson-Darling (shift, spread), G on pooled neighbours (spikes, tails) |
| others | G, the small cells pooled |
| two, or two left after pooling | Fisher's exact test in the place of G |
| one left after pooling | Fisher's exact test of the largest cell against the rest |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts.anderson_darling import anderson_darling
from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p
from tidegauge_processor.verdicts.g_test import g_test
from tidegauge_processor.verdicts.pooling import pool_neighbours, pool_smallest
from tidegauge_processor.verdicts.types import TestResult

Floats = NDArray[np.float64]


class Evidence(NamedTuple):
    """What the tests of one comparison say.

    Attributes:
        tests: their results.
        attainable: smallest p-value that a window of this size could have reached.
        blind: whether the only test looks at less than half of the rows.
    """

    tests: tuple[TestResult, ...]
    attainable: float
    blind: bool


def gather(reference: Floats, window: Floats, *, ordered: bool, fewest_rows: int) -> list[Evidence]:
    """Run the tests that fit.

    Args:
        reference: counts, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.
        ordered: whether the cells have an order.
        fewest_rows: with fewer rows on a side, only exact tests are run.

    Returns:
        One item for each of ``n`` comparisons.
    """
    enough = np.minimum(reference.sum(axis=1), window.sum(axis=1)) >= fewest_rows
    tests: list[list[TestResult]] = [[] for _ in range(enough.size)]
    if ordered and enough.any():
        found = anderson_darling(reference[enough], window[enough])
        _add(tests, enough, "anderson_darling", found.statistic, found.p_value)
    first, second, cells = reference, window, np.full(enough.size, 2)
    if reference.shape[1] > 2:
        first, second, cells = (pool_neighbours if ordered else pool_smallest)(reference, window)
    many = (cells > 2) & enough
    if many.any():
        likelihood = g_test(first[many], second[many])
        _add(tests, many, "g_test", likelihood.statistic, likelihood.p_value)
    attainable, blind = np.zeros(enough.size), np.zeros(enough.size, dtype=np.bool_)
    two = cells <= 2
    if two.any():
        largest = (reference + window)[two].argmax(axis=1)[:, None]
        alone = (cells[two] == 1)[:, None]
        tables = [
            np.rint(np.where(alone, _against_rest(whole[two], largest), pooled[two, :2]))
            for whole, pooled in ((reference, first), (window, second))
        ]
        _add(tests, two, "fisher_exact", _odds_ratio(*tables), fisher_exact(*tables))
        if not ordered:
            attainable[two] = smallest_p(*tables)
            both = tables[0] + tables[1]
            blind[two] = alone[:, 0] & (2 * both[:, 0] < both.sum(axis=1))
    return [Evidence(tuple(t), a, b) for t, a, b in zip(tests, attainable.tolist(), blind.tolist(), strict=True)]


def _against_rest(counts: Floats, cell: NDArray[np.intp]) -> Floats:
    own = np.take_along_axis(counts, cell, 1)
    return np.concatenate([own, counts.sum(axis=1, keepdims=True) - own], axis=1)


def _odds_ratio(reference: Floats, window: Floats) -> Floats:
    """Odds of the second cell in the window over those in the reference, half a row added to each cell (Haldane)."""
    a, b = reference + 0.5, window + 0.5
    return (b[:, 1] / b[:, 0]) * (a[:, 0] / a[:, 1])


def _add(
    tests: list[list[TestResult]], where: NDArray[np.bool_], method: str, statistic: Floats, p_value: Floats
) -> None:
    for place, value, p in zip(np.flatnonzero(where).tolist(), statistic.tolist(), p_value.tolist(), strict=True):
        tests[place].append(TestResult(method, value, p))
