"""Blocks of the reference against the rest of it: how a baseline learns its own `wobble`.

A block is a stretch of one or several hours. It is compared as a window will be: with the other rows of its own season
slots, by the same statistics on the same cells. Merged windows end at any hour, and a stretch that climbs with the
season differs in other ways than one around its top; so blocks are cut at several phases, and the one that shows most
counts. Blocks that follow one another share more than distant ones; how many independent ones they are worth is told by
the means of runs of them, which vary more when neighbours are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.anderson_darling import anderson_darling
from tidegauge.statistics.g_test import g_statistic
from tidegauge.statistics.klotz import klotz
from tidegauge.statistics.pearson import pearson
from tidegauge.statistics.pooling import FEWEST_ROWS, enough_rows, pool_neighbours, pool_smallest
from tidegauge.statistics.season import mixture
from tidegauge.statistics.wobble import Excess, Wobble

Floats = NDArray[np.float64]

LENGTHS: Final = (1, 3, 6, 12, 24, 48, 72, 168)
"""Lengths of blocks, in hours."""
MOST_BLOCKS: Final = 512
"""Of one length; more are thinned out evenly."""

_DIGITS: Final = 6
_MOSTLY: Final = 0.5  # of the blocks, in which a cell must have enough rows
_PHASES: Final = 4
_APART: Final = 0.3125  # spread of their means by chance, as part of a mean's variance: blocks overlap those of others
_RUNS: Final = 8  # a mean of runs needs so many runs


class Blocks(NamedTuple):
    """Counts of ``J`` blocks and of what each is compared with, both of shape ``(J, K)``, in order of time."""

    reference: Floats
    window: Floats


class _Observed(NamedTuple):
    """One statistic on ``J`` blocks; all of shape ``(J,)``.

    Attributes:
        statistic: its values.
        mean: its mean if rows were independent; 0 where there was nothing to look at.
        variance: its variance, likewise.
        largest: the largest weight in it, as one of chi-squares.
    """

    statistic: Floats
    mean: Floats
    variance: Floats
    largest: Floats


def measure(
    hours: NDArray[np.int64], counts: NDArray[np.int64], slot: NDArray[np.intp], slots: int, *, ordered: bool
) -> Wobble:
    """Measure the wobble of one stream.

    Args:
        hours: hours since the epoch that have rows, ascending, shape ``(T,)``.
        counts: rows of each hour by cell, shape ``(T, K)``.
        slot: season slot of each hour, shape ``(T,)``.
        slots: number of season slots.
        ordered: whether the cells have an order.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> hours, slot = np.arange(480), np.zeros(480, dtype=np.intp)
        >>> alike = measure(hours, rng.multinomial(200, [0.25] * 4, size=480), slot, 1, ordered=True)
        >>> alike.blocks
        ((1, 480), (3, 160), (6, 80), (12, 40), (24, 20), (48, 10), (72, 7), (168, 3))
        >>> wild = measure(hours, rng.multinomial(200, rng.dirichlet([25.0] * 4, size=480)), slot, 1, ordered=True)
        >>> [round(wobble.found(1)["anderson_darling"].ratio, 1) for wobble in (alike, wild)]
        [1.0, 2.8]
    """
    methods: dict[str, Callable[[Floats, Floats], _Observed]]
    if counts.shape[1] == 2 and not ordered:
        methods = {"fisher_exact": _one_cell}
    else:
        methods = {"g_test": _likelihood(pool_neighbours if ordered else pool_smallest), "fisher_exact": _single_cells}
        if ordered:
            methods = {"anderson_darling": _quadratic, "klotz": _spread} | methods
    numbers: list[tuple[int, int]] = []
    excess: list[tuple[int, str, Excess]] = []
    for length in LENGTHS:
        phases = sorted({length * part // _PHASES for part in range(_PHASES)})
        cut = [leave_one_out(hours + phase, counts, slot, slots, length) for phase in phases]
        if not cut[0].window.shape[0]:
            continue
        numbers.append((length, cut[0].window.shape[0]))
        cut = [blocks for blocks in cut if blocks.window.shape[0]]  # of a thin reference, not every phase has some
        for method, observe in methods.items():
            found = [seen for blocks in cut if (seen := _excess(observe(*blocks), blocks)) is not None]
            if found:
                excess.append((length, method, _worst_phase(found)))
    return Wobble(tuple(numbers), tuple(excess))


def leave_one_out(
    hours: NDArray[np.int64], counts: NDArray[np.int64], slot: NDArray[np.intp], slots: int, length: int
) -> Blocks:
    """Blocks of ``length`` hours with enough rows, and the reference without each, mixed to its season slots."""
    block, place = np.unique(hours // length, return_inverse=True)
    rows = np.bincount(place, counts.sum(axis=1), block.size)
    chosen = np.flatnonzero(rows >= FEWEST_ROWS)
    if chosen.size > MOST_BLOCKS:
        chosen = chosen[np.linspace(0, chosen.size - 1, MOST_BLOCKS).astype(np.intp)]
    number = np.full(block.size, -1)
    number[chosen] = np.arange(chosen.size)
    within = number[place] >= 0
    cell = number[place[within]] * slots + slot[within]
    own = _totals(cell, counts[within], chosen.size * slots).reshape(chosen.size, slots, counts.shape[1])
    rest = _totals(slot, counts, slots) - own
    own[rest.sum(axis=2) == 0] = 0.0  # nothing to compare the rows of such a slot with
    window = own.sum(axis=1)
    reference = mixture(rest, own.sum(axis=2)[:, None])[:, 0]
    enough = np.minimum(window.sum(axis=1), reference.sum(axis=1)) >= FEWEST_ROWS
    return Blocks(reference[enough], window[enough])


def _totals(place: NDArray[np.intp], counts: NDArray[np.int64], places: int) -> Floats:
    """Sums of rows of counts by place, shape ``(places, K)``."""
    result = np.zeros((places, counts.shape[1]))
    if place.size:
        order = np.argsort(place, kind="stable")
        known, first = np.unique(place[order], return_index=True)
        result[known] = np.add.reduceat(counts[order], first, axis=0)
    return result


def _quadratic(reference: Floats, window: Floats) -> _Observed:
    found = anderson_darling(reference, window)
    # weights 1/2, 1/6, 1/12, ... of the mean, as in the limit of many cells
    return _Observed(found.statistic, found.mean, 0.58 * found.mean**2, 0.5 * found.mean)


def _spread(reference: Floats, window: Floats) -> _Observed:
    statistic = klotz(reference, window).statistic
    one = np.ones_like(statistic)
    return _Observed(statistic, one, 2 * one, one)


def _likelihood(
    pool: Callable[[Floats, Floats], Sequence[NDArray[np.generic]]],
) -> Callable[[Floats, Floats], _Observed]:
    def observe(reference: Floats, window: Floats) -> _Observed:
        first, second, *_ = pool(reference, window)
        found = g_statistic(first.astype(np.float64), second.astype(np.float64))
        mean = found.degrees * (1 + found.williams)
        return _Observed(found.statistic, mean, 2 * found.degrees, np.ones_like(mean))

    return observe


def _one_cell(reference: Floats, window: Floats) -> _Observed:
    return _summed(pearson(reference, window)[:, 1:])


def _single_cells(reference: Floats, window: Floats) -> _Observed:
    """The cell that differs most from block to block, or the rare ones together where these differ more."""
    pooled = reference + window
    squares = pearson(reference, window)
    filled = pooled >= enough_rows(reference, window)[:, None]
    rare = _summed(np.where(filled, np.nan, squares))
    filled &= np.isfinite(squares)  # all rows in one cell say nothing of it
    common = np.flatnonzero(filled.mean(axis=0) > _MOSTLY)
    if not common.size:
        return rare
    own = np.where(filled[:, common], squares[:, common], np.nan)
    means = np.nanmean(own, axis=0)
    drawn = _drawn_together(means, 2 * float((means**2).mean()) / window.shape[0])
    worst = int(drawn.argmax())
    found = _summed(own[:, [worst]])
    found = found._replace(statistic=found.statistic * (drawn[worst] / means[worst] if means[worst] > 0 else 1.0))
    return max(found, rare, key=lambda seen: float(seen.statistic.sum() / max(seen.mean.sum(), 1.0)))


def _worst_phase(found: Sequence[Excess]) -> Excess:
    """The phase that shows most."""
    ratios, degrees = (np.array([excess[field] for excess in found]) for field in (0, 2))
    drawn = _drawn_together(ratios, _APART * float((2 * ratios**2 / degrees).mean()))
    worst = int(drawn.argmax())
    return found[worst]._replace(ratio=_rounded(float(drawn[worst])))


def _drawn_together(means: Floats, chance: float) -> Floats:
    """Means drawn towards that of all, as far as their spread is no more than ``chance`` and its standard error.

    The largest of several means is large by chance as well; so drawn, it is not (James and Stein's estimator).
    """
    centre, spread = float(means.mean()), float(means.var())
    by_chance = chance * (1 + np.sqrt(2 / max(means.size - 1, 1)))
    return centre + max(1 - by_chance / spread, 0.0) * (means - centre) if spread > 0 else means


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _summed(squares: Floats) -> _Observed:
    cells = np.isfinite(squares).sum(axis=1).astype(np.float64)
    return _Observed(np.nansum(squares, axis=1), cells, 2 * cells, np.ones_like(cells))


def _excess(observed: _Observed, blocks: Blocks) -> Excess | None:
    some = observed.mean > 0
    if not some.any():
        return None
    statistic, mean, variance, largest = (values[some] for values in observed)
    n, m = blocks.reference[some].sum(axis=1), blocks.window[some].sum(axis=1)
    effective = n * m / (n + m)
    ratio = statistic.sum() / mean.sum()
    beyond = max(ratio - 1, 0.0) * mean.sum() / effective.sum() * effective
    # what blocks share has one direction at the worst, and then a single degree of freedom
    expected = variance + 4 * largest * beyond + 2 * beyond**2
    seen = (statistic - mean - beyond) ** 2
    spread = max(float(expected.mean()), float(seen.mean())) / float((mean + beyond).mean()) ** 2
    independent = statistic.size / _alike((statistic - mean) / effective)
    degrees = 2 * independent / spread
    return Excess(*(_rounded(float(value)) for value in (ratio, mean.sum() / effective.sum(), degrees)))


def _alike(values: Floats) -> float:
    """How many blocks count for one independent one: the variance of means of runs against that of single blocks."""
    spread = float(values.var())
    largest, length = 1.0, 2
    while spread > 0 and values.size // length >= _RUNS:
        runs = values[: values.size // length * length].reshape(-1, length).mean(axis=1)
        largest = max(largest, length * float(runs.var()) / spread)
        length *= 2
    return largest
