"""All tests of one comparison, and whether they could have found anything.

| cells | tests |
|---|---|
| ordered | Anderson-Darling (shift), Klotz (spread), G on pooled neighbours, single cells (spikes, tails) |
| others | G, the small cells pooled; single cells |
| two | Fisher's exact test |

Of ordered cells nearly all of whose rows share one, as in a flag that is rarely set, sums over edges know only a few
steps: Anderson-Darling and Klotz are not run where the smaller sample expects fewer than five rows outside of the
fullest cell. The single cells then speak, with two occupied ones by Fisher's exact test.

Streams of all shapes are tested together: what a test needs of a comparison is a few numbers, however many cells they
come from, and most of the price of a call is that it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge.statistics.g_test import GStatistic, g_statistic
from tidegauge.statistics.klotz import klotz
from tidegauge.statistics.pooling import FEWEST_ROWS, Pooled, enough_rows, pool_neighbours, pool_smallest
from tidegauge.statistics.wobble import METHODS
from tidegauge_processor.verdicts.comparisons import Comparisons
from tidegauge_processor.verdicts.exact import exact_tests, two_cells
from tidegauge_processor.verdicts.fisher import smallest_p
from tidegauge_processor.verdicts.g_test import g_p_values
from tidegauge_processor.verdicts.linear import two_sided
from tidegauge_processor.verdicts.quadratic import Quadratic
from tidegauge_processor.verdicts.uncertain import widened

Floats = NDArray[np.float64]

_ANDERSON_DARLING, _KLOTZ, _G_TEST, _FISHER = range(len(METHODS))
_FAR: Final = 0.01


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

    def ran(self, method: str) -> NDArray[np.bool_]:
        """Where one of `METHODS` was run, shape ``(n,)``."""
        result: NDArray[np.bool_] = ~np.isnan(self.p_value[:, METHODS.index(method)])
        return result

    @property
    def smallest(self) -> Floats:
        """The smallest p-value of each comparison, 1 where no test was run: shape ``(n,)``."""
        result: Floats = np.fmin.reduce(self.p_value, axis=1, initial=1.0)
        return result


def gather(
    parts: Sequence[Comparisons], quadratic: Quadratic | None, exact_below: Sequence[Floats] | None = None
) -> list[Evidence]:
    """Run the tests that fit.

    Args:
        parts: comparisons, of one shape in each part.
        quadratic: Anderson-Darling's statistics of the parts with ordered cells; none where there are no such parts.
        exact_below: p-values above these, by part, need not be exact: a bound or the law of many rows may stand for
            them. All are exact when left out.

    Returns:
        What the tests say, by part.
    """
    pooled = [_pool(part) for part in parts]
    found = [_nothing_yet(part.rows.size) for part in parts]
    wanted = exact_below or [np.ones(part.rows.size) for part in parts]
    if quadratic is not None:
        ordered = [place for place, part in enumerate(parts) if part.ordered]
        p_values = quadratic.p_values([wanted[place] for place in ordered] if exact_below else None)
        for place, statistic, p_value in zip(ordered, quadratic.statistic, p_values, strict=True):
            enough = _enough(parts[place]) & _spread_out(parts[place])
            found[place].statistic[enough, _ANDERSON_DARLING] = statistic[enough]
            found[place].p_value[enough, _ANDERSON_DARLING] = p_value[enough]
            _ask_klotz(parts[place], found[place], np.flatnonzero(enough), wanted[place])
    _ask_g(parts, pooled, found)
    _ask_exact(parts, pooled, found)
    return found


def _pool(part: Comparisons) -> Pooled | None:
    if part.ordered:
        return pool_neighbours(part.reference, part.window)
    return pool_smallest(part.reference, part.window) if part.reference.shape[1] > 2 else None


def _nothing_yet(comparisons: int) -> Evidence:
    statistic, p_value = np.full((2, comparisons, len(METHODS)), np.nan)
    return Evidence(statistic, p_value, np.zeros(comparisons), np.zeros(comparisons, dtype=np.bool_))


def _enough(part: Comparisons) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = np.minimum(part.size, part.rows) >= FEWEST_ROWS
    return result


def _spread_out(part: Comparisons) -> NDArray[np.bool_]:
    """Whether enough rows lie outside of the fullest cell; that depends on the pooled counts alone."""
    pooled = part.reference + part.window
    result: NDArray[np.bool_] = pooled.sum(axis=1) - pooled.max(axis=1) >= enough_rows(part.reference, part.window)
    return result


def _excess(part: Comparisons, method: int, at: NDArray[np.intp]) -> Floats:
    result: Floats = part.beyond[METHODS[method]][at] * part.effective[at, None]
    return result


def _ask_klotz(part: Comparisons, found: Evidence, at: NDArray[np.intp], wanted: Floats) -> None:
    spread = klotz(part.reference[at], part.window[at])
    p_value = special.erfc(np.sqrt(spread.statistic / 2))  # the law of many rows; it will do where nothing is near
    near = np.flatnonzero((p_value <= np.maximum(wanted[at], _FAR)) & (spread.statistic > 0))
    if near.size:
        rows = part.effective[at[near]]
        exact = two_sided(spread.difference[near], spread.scores[near], spread.shares[near], rows)
        p_value[near] = widened(exact, _excess(part, _KLOTZ, at[near]))
    found.statistic[at, _KLOTZ], found.p_value[at, _KLOTZ] = spread.statistic, p_value


def _ask_g(parts: Sequence[Comparisons], pooled: Sequence[Pooled | None], found: Sequence[Evidence]) -> None:
    asked: list[tuple[int, NDArray[np.intp], GStatistic]] = []
    for place, cells in enumerate(pooled):
        if cells is not None:
            many = np.flatnonzero((cells.cells > 2) & _enough(parts[place]))
            asked.append((place, many, g_statistic(cells.reference[many], cells.window[many])))
    if not asked:
        return
    together = GStatistic(*(np.concatenate(values) for values in zip(*(each for _, _, each in asked), strict=True)))
    excess = np.concatenate([_excess(parts[place], _G_TEST, many) for place, many, _ in asked])
    ends = np.cumsum([many.size for _, many, _ in asked])[:-1]
    for (place, many, each), p_value in zip(asked, np.split(g_p_values(together, excess), ends), strict=True):
        found[place].statistic[many, _G_TEST], found[place].p_value[many, _G_TEST] = each.statistic, p_value


def _ask_exact(parts: Sequence[Comparisons], pooled: Sequence[Pooled | None], found: Sequence[Evidence]) -> None:
    for part, cells, evidence, exact in zip(parts, pooled, found, exact_tests(parts, pooled), strict=True):
        looked = np.flatnonzero(exact.looks > 0)
        excess = _excess(part, _FISHER, looked)
        evidence.statistic[looked, _FISHER] = exact.odds_ratio[looked]
        wide = widened(exact.p_value[looked], excess)
        evidence.p_value[looked, _FISHER] = np.minimum(wide * exact.looks[looked], 1.0)
        if cells is None:
            tables = two_cells(part)
            evidence.attainable[:] = widened(smallest_p(tables.reference, tables.window), excess)
        elif not part.ordered:
            counts = part.reference + part.window
            evidence.blind[:] = (cells.cells == 1) & (2 * counts.max(axis=1) < counts.sum(axis=1))
