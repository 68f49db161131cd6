"""All tests of one comparison, and whether they could have found anything.

| cells | tests |
|---|---|
| ordered | Anderson-Darling (shift), Klotz (spread), G on pooled neighbours, single cells (spikes, tails) |
| others | G, the small cells pooled; single cells |
| two | Fisher's exact test |

What happens in a single cell (a spike, a sentinel, a value never seen before or beyond the reference's range) is hidden
by pooling where the cell is rare, and drowned by all the others where it is not. So cells are also looked at one by
one: Fisher's exact test of the one with the largest excess against all the rest, its p-value times the number of
occupied cells (Bonferroni). Where pooling leaves two cells, Fisher's test of these two stands in the place of G and is
counted with the single ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge.statistics.anderson_darling import AndersonDarling, anderson_darling
from tidegauge.statistics.klotz import Klotz, klotz
from tidegauge.statistics.pooling import FEWEST_ROWS, pool_neighbours, pool_smallest
from tidegauge.statistics.wobble import METHODS
from tidegauge_processor.verdicts.bridge import Bridge
from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p
from tidegauge_processor.verdicts.g_test import g_test
from tidegauge_processor.verdicts.linear import two_sided
from tidegauge_processor.verdicts.quadratic import Quadratic
from tidegauge_processor.verdicts.uncertain import least_p, p_values, widened

Floats = NDArray[np.float64]

_ANDERSON_DARLING, _KLOTZ, _G_TEST, _FISHER = range(len(METHODS))
_FAR: Final = 0.01
_LEAST_SHARE: Final = 0.45  # of the mean of AD, that its largest weight has: a half with ever more cells, more with few


class Evidence(NamedTuple):
    """What the tests of ``n`` comparisons say.

    Attributes:
        statistic: AD, Klotz, G and the odds ratio in the order of `METHODS`; NaN where not run. Shape ``(n, 4)``.
        p_value: likewise.
        attainable: smallest p-value that a window of this size could have reached, shape ``(n,)``.
        blind: whether all cells are rare, so that a change spread over many of them goes unseen, shape ``(n,)``.
    """

    statistic: Floats
    p_value: Floats
    attainable: Floats
    blind: NDArray[np.bool_]

    @property
    def smallest(self) -> Floats:
        """The smallest p-value of each comparison, 1 where no test was run: shape ``(n,)``."""
        result: Floats = np.fmin.reduce(self.p_value, axis=1, initial=1.0)
        return result


def gather(
    reference: Floats,
    window: Floats,
    beyond: Mapping[str, Floats],
    *,
    ordered: bool,
    exact_below: Floats | None = None,
    quadratic: Quadratic | None = None,
) -> Evidence:
    """Run the tests that fit.

    Args:
        reference: counts, shape ``(n, K)``; an effective size may make them fractions.
        window: counts, shape ``(n, K)``.
        beyond: what each effective row adds to the mean of a statistic, by method; see `uncertain`, shape
            ``(n, nodes)``.
        ordered: whether the cells have an order.
        exact_below: p-values above these, shape ``(n,)``, need not be exact: a bound or the law of many rows may stand
            for them. All are exact when left out.
        quadratic: what Anderson-Darling's test says, where it has been asked already.
    """
    if not ordered and reference.shape[1] > 2:  # the order of categories must not change anything, to the bit
        order = np.lexsort((window, reference + window), axis=-1)
        reference, window = np.take_along_axis(reference, order, 1), np.take_along_axis(window, order, 1)
    n, m = reference.sum(axis=1), window.sum(axis=1)
    enough = np.minimum(n, m) >= FEWEST_ROWS
    effective = (n * m / np.maximum(n + m, 1.0))[:, None]
    wanted = np.ones_like(n) if exact_below is None else exact_below
    statistic, p_value = np.full((2, n.size, len(METHODS)), np.nan)
    attainable, blind = np.zeros(n.size), np.zeros(n.size, dtype=np.bool_)

    def excess(method: int, where: NDArray[np.bool_]) -> Floats:
        more: Floats = beyond[METHODS[method]][where] * effective[where]
        return more

    if ordered and enough.any():
        if quadratic is not None:
            statistic[enough, _ANDERSON_DARLING] = quadratic.statistic[enough]
            p_value[enough, _ANDERSON_DARLING] = quadratic.p_value[enough]
        else:
            found = anderson_darling(reference[enough], window[enough])
            statistic[enough, _ANDERSON_DARLING] = found.statistic
            p_value[enough, _ANDERSON_DARLING] = _quadratic(found, excess(_ANDERSON_DARLING, enough), wanted[enough])
        found_spread = klotz(reference[enough], window[enough])
        statistic[enough, _KLOTZ] = found_spread.statistic
        rows = effective[enough, 0]
        p_value[enough, _KLOTZ] = _linear(found_spread, rows, excess(_KLOTZ, enough), wanted[enough])
    if reference.shape[1] == 2 and not ordered:
        tables = np.rint(reference), window
        more = excess(_FISHER, np.ones_like(enough))
        statistic[:, _FISHER] = _odds_ratio(*tables)
        p_value[:, _FISHER] = widened(fisher_exact(*tables), more)
        return Evidence(statistic, p_value, widened(smallest_p(*tables), more), blind)
    first, second, cells = (pool_neighbours if ordered else pool_smallest)(reference, window)
    many = (cells > 2) & enough
    if many.any():
        likelihood = g_test(first[many], second[many], excess(_G_TEST, many))
        statistic[many, _G_TEST], p_value[many, _G_TEST] = likelihood
    pair = cells == 2
    odds, exact, looks = _single_cells(reference, window)
    if pair.any():
        tables = np.rint(first[pair, :2]), second[pair, :2]
        both = fisher_exact(*tables)
        odds[pair] = np.where(both < exact[pair], _odds_ratio(*tables), odds[pair])
        exact[pair] = np.minimum(both, exact[pair])
        looks[pair] += 1
    looked = looks > 0
    statistic[looked, _FISHER] = odds[looked]
    wide = widened(exact[looked], excess(_FISHER, looked))
    p_value[looked, _FISHER] = np.minimum(wide * looks[looked], 1.0)
    if not ordered:
        pooled = reference + window
        blind = (cells == 1) & (2 * pooled.max(axis=1) < pooled.sum(axis=1))
    return Evidence(statistic, p_value, attainable, blind)


def _quadratic(found: AndersonDarling, excess: Floats, wanted: Floats) -> Floats:
    p_value = least_p(found.statistic, _LEAST_SHARE * found.mean, excess)
    near = np.flatnonzero((p_value <= wanted) & (found.mean > 0))
    if near.size:
        some = AndersonDarling(*(values[near] for values in found))
        p_value[near] = p_values(Bridge(some), some.statistic, excess[near])
    return p_value


def _linear(found: Klotz, effective: Floats, excess: Floats, wanted: Floats) -> Floats:
    p_value = special.erfc(np.sqrt(found.statistic / 2))  # the law of many rows; it will do where nothing is near
    near = np.flatnonzero((p_value <= np.maximum(wanted, _FAR)) & (found.statistic > 0))
    if near.size:
        exact = two_sided(found.difference[near], found.scores[near], found.shares[near], effective[near])
        p_value[near] = widened(exact, excess[near])
    return p_value


def _single_cells(reference: Floats, window: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Odds ratio and p-value of the cell with the largest excess, and the number of occupied cells."""
    pooled = reference + window
    total = pooled.sum(axis=1)
    expected = pooled * (window.sum(axis=1) / np.where(total > 0, total, 1.0))[:, None]
    excess = window > expected
    ratio = np.where(excess, window, 1.0) / np.where(excess, expected, 1.0)
    surprise = np.where(excess, window * np.log(ratio) - window + expected, 0.0)
    cell = surprise.argmax(axis=1)[:, None]
    tables = np.rint(_against_rest(reference, cell)), _against_rest(window, cell)
    odds, p_value = _odds_ratio(*tables), np.ones_like(total)
    some = excess.any(axis=1)
    p_value[some] = fisher_exact(tables[0][some], tables[1][some])
    return odds, p_value, (pooled > 0).sum(axis=1)


def _against_rest(counts: Floats, cell: NDArray[np.intp]) -> Floats:
    own = np.take_along_axis(counts, cell, 1)
    return np.concatenate([counts.sum(axis=1, keepdims=True) - own, own], axis=1)


def _odds_ratio(reference: Floats, window: Floats) -> Floats:
    """Odds of the second cell in the window over those in the reference, half a row added to each cell (Haldane)."""
    a, b = reference + 0.5, window + 0.5
    return (b[:, 1] / b[:, 0]) * (a[:, 0] / a[:, 1])
