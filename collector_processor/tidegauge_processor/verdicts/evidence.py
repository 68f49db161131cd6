"""All tests of one comparison, and whether they could have found anything.

| cells | tests |
|---|---|
| ordered | Anderson-Darling (shift, spread), G on pooled neighbours (spikes), the rare cells (tails) |
| others | G, the small cells pooled; the rare cells |
| two | Fisher's exact test |

Pooling hides what happens in one rare cell: a value never seen before, or a spike beyond the reference's range. So the
cells that expect too few rows for G are also looked at one by one: Fisher's exact test of the one with the largest
excess against all the rest, its p-value times the number of rare cells (Bonferroni). Where pooling leaves two cells,
Fisher's test of these two stands in the place of G and is counted with the rare ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts.anderson_darling import anderson_darling
from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p
from tidegauge_processor.verdicts.g_test import g_test
from tidegauge_processor.verdicts.pooling import enough_rows, pool_neighbours, pool_smallest
from tidegauge_processor.verdicts.types import TestResult

Floats = NDArray[np.float64]


class Evidence(NamedTuple):
    """What the tests of one comparison say.

    Attributes:
        tests: their results.
        attainable: smallest p-value that a window of this size could have reached.
        blind: whether all cells are rare, so that a change spread over many of them goes unseen.
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
    attainable, blind = np.zeros(enough.size), np.zeros(enough.size, dtype=np.bool_)
    if reference.shape[1] == 2 and not ordered:
        tables = np.rint(reference), window
        _add(tests, np.ones_like(enough), "fisher_exact", _odds_ratio(*tables), fisher_exact(*tables))
        attainable = smallest_p(*tables)
    else:
        first, second, cells = (pool_neighbours if ordered else pool_smallest)(reference, window)
        many = (cells > 2) & enough
        if many.any():
            likelihood = g_test(first[many], second[many])
            _add(tests, many, "g_test", likelihood.statistic, likelihood.p_value)
        pair = cells == 2
        odds, p_value, looks = _rare_cells(reference, window)
        if pair.any():
            tables = np.rint(first[pair, :2]), second[pair, :2]
            both = fisher_exact(*tables)
            odds[pair] = np.where(both < p_value[pair], _odds_ratio(*tables), odds[pair])
            p_value[pair] = np.minimum(both, p_value[pair])
            looks[pair] += 1
        _add(tests, looks > 0, "fisher_exact", odds[looks > 0], np.minimum(p_value * looks, 1.0)[looks > 0])
        if not ordered:
            pooled = reference + window
            blind = (cells == 1) & (2 * pooled.max(axis=1) < pooled.sum(axis=1))
    return [Evidence(tuple(t), a, b) for t, a, b in zip(tests, attainable.tolist(), blind.tolist(), strict=True)]


def _rare_cells(reference: Floats, window: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Odds ratio and p-value of the rare cell with the largest excess, and the number of rare cells."""
    pooled = reference + window
    rare = (pooled > 0) & (pooled < enough_rows(reference, window)[:, None])
    total = pooled.sum(axis=1)
    expected = pooled * (window.sum(axis=1) / np.where(total > 0, total, 1.0))[:, None]
    excess = rare & (window > expected)
    ratio = np.where(excess, window, 1.0) / np.where(excess, expected, 1.0)
    surprise = np.where(excess, window * np.log(ratio) - window + expected, 0.0)
    cell = surprise.argmax(axis=1)[:, None]
    tables = np.rint(_against_rest(reference, cell)), _against_rest(window, cell)
    odds, p_value = _odds_ratio(*tables), np.ones_like(total)
    some = excess.any(axis=1)
    p_value[some] = fisher_exact(tables[0][some], tables[1][some])
    return odds, p_value, rare.sum(axis=1)


def _against_rest(counts: Floats, cell: NDArray[np.intp]) -> Floats:
    own = np.take_along_axis(counts, cell, 1)
    return np.concatenate([counts.sum(axis=1, keepdims=True) - own, own], axis=1)


def _odds_ratio(reference: Floats, window: Floats) -> Floats:
    """Odds of the second cell in the window over those in the reference, half a row added to each cell (Haldane)."""
    a, b = reference + 0.5, window + 0.5
    return (b[:, 1] / b[:, 0]) * (a[:, 0] / a[:, 1])


def _add(
    tests: list[list[TestResult]], where: NDArray[np.bool_], method: str, statistic: Floats, p_value: Floats
) -> None:
    for place, value, p in zip(np.flatnonzero(where).tolist(), statistic.tolist(), p_value.tolist(), strict=True):
        tests[place].append(TestResult(method, value, p))
