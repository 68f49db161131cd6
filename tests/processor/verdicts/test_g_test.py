"""G against SciPy, its p-value against the exact law, and the pooling of small cells."""

import numpy as np
import pytest
from scipy import stats

from tidegauge.statistics.g_test import g_statistic
from tidegauge.statistics.pooling import pool_neighbours, pool_smallest
from tidegauge_processor.verdicts.g_test import g_p_values
from tidegauge_processor.verdicts.types import TestResult
from tidegauge_processor.verdicts.uncertain import NODES


def g_test(reference, window):
    found = g_statistic(reference, window)
    (p_value,) = g_p_values(found, np.zeros((1, NODES.size)))
    return TestResult("g_test", float(found.statistic[0]), float(p_value))


@pytest.mark.parametrize(("cells", "n", "m"), [(2, 50, 40), (5, 1_000, 200), (40, 20_000, 3_000), (3, 200, 5_000)])
def test_the_statistic_is_that_of_scipy(cells, n, m):
    rng = np.random.default_rng(cells)
    table = np.stack([rng.multinomial(n, np.ones(cells) / cells), rng.multinomial(m, np.ones(cells) / cells)])
    expected = stats.chi2_contingency(table, lambda_="log-likelihood", correction=False)
    found = g_test(table[:1].astype(float), table[1:].astype(float))
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.15)


def exact_tail(expected, step=0.01, top=110.0):
    """P(G >= g) of a multinomial window with these expected counts, by convolution on a grid of G."""
    rows, grid = round(sum(expected)), int(top / step)
    law = np.zeros((rows + 1, grid + 1))
    law[0, 0] = 1.0
    for mean in expected:
        added = np.zeros_like(law)
        for count in range(rows + 1):
            p = stats.poisson.pmf(count, mean)
            if p < 1e-17:
                continue
            term = 2 * ((count * np.log(count / mean) if count else 0.0) - count + mean)
            shift = min(round(term / step), grid)
            added[count:, shift:] += p * law[: rows + 1 - count, : grid + 1 - shift]
        law = added
    conditional = law[rows] / law[rows].sum()
    return np.arange(grid + 1) * step, conditional[::-1].cumsum()[::-1]


def williams_excess(expected):
    """Williams' factor less one, for a window against a reference without error."""
    rows = expected.sum()
    return ((rows / expected).sum() - 1) / (6 * rows * (expected.size - 1))


@pytest.mark.parametrize("expected", [[5.0] * 10, [10.0] * 8, [5.0] * 6 + [20.0], [5.0] * 4])
def test_the_tail_is_not_above_nominal(expected):
    """At 1e-4 ... 1e-7, within 6 %; without the correction the first case is at 1.9 of nominal."""
    grid, tail = exact_tail(expected)
    excess = williams_excess(np.array(expected))
    for level in (1e-4, 1e-5, 1e-6, 1e-7):
        critical = stats.chi2.isf(level, len(expected) - 1) * (1 + 1.5 * excess)
        assert tail[np.searchsorted(grid, critical)] <= 1.06 * level


def test_the_p_value_carries_that_correction():
    expected = np.array([5.0, 5, 10, 20])
    window = np.array([1.0, 9, 18, 12])
    found = g_test(expected[None] * 1e8, window[None])
    statistic = stats.power_divergence(window, expected, lambda_="log-likelihood").statistic
    assert found.statistic == pytest.approx(statistic, rel=1e-5)
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic / (1 + 1.5 * williams_excess(expected)), 3), rel=1e-4)


def test_neighbours_are_pooled_until_each_expects_five_in_the_smaller_sample():
    reference = np.array([[2, 30, 400, 500, 60, 6, 2]], dtype=float)
    window = np.array([[0, 3, 40, 45, 10, 1, 1]], dtype=float)
    pooled = pool_neighbours(reference, window)
    # of 1,100 rows 100 are in the window: a cell needs 55
    assert pooled.cells.tolist() == [3]
    assert pooled.reference[0, :3].tolist() == [432, 500, 68]
    assert pooled.window[0, :3].tolist() == [43, 45, 12]


def test_pooling_depends_on_the_pooled_counts_alone():
    """Otherwise the test would choose its cells by what it looks at."""
    rng = np.random.default_rng(3)
    pooled = rng.integers(1, 60, 20)
    windows = rng.multivariate_hypergeometric(pooled, 150, size=50).astype(float)
    found = pool_neighbours(pooled - windows, windows)
    totals = found.reference + found.window
    assert np.unique(found.cells).size == 1
    assert (totals == totals[0]).all()


def test_small_categories_are_pooled_into_one_and_the_next_joins_when_it_is_too_small():
    reference = np.array([[400, 3, 300, 2, 250]], dtype=float)
    window = np.array([[40, 1, 30, 0, 24]], dtype=float)
    pooled = pool_smallest(reference, window)
    assert pooled.cells.tolist() == [3]
    assert pooled.window[0, :3].tolist() == [25, 30, 40]
    all_rare = pool_smallest(np.full((1, 50), 20.0), np.full((1, 50), 0.4))
    assert all_rare.cells.tolist() == [1]


def test_pooling_loses_no_row():
    rng = np.random.default_rng(4)
    reference, window = rng.integers(0, 30, (100, 12)).astype(float), rng.integers(0, 6, (100, 12)).astype(float)
    for pool in (pool_neighbours, pool_smallest):
        pooled = pool(reference, window)
        assert (pooled.reference.sum(axis=1) == reference.sum(axis=1)).all()
        assert (pooled.window.sum(axis=1) == window.sum(axis=1)).all()


def test_on_the_golden_data_it_is_scipys():
    rng = np.random.default_rng(7)
    rng.normal(0, 1, 800), rng.normal(0.25, 1.1, 500)  # drawn first, and not needed here
    c_ref = rng.choice(list("abcde"), 800, p=[0.4, 0.3, 0.2, 0.09, 0.01])
    c_cur = rng.choice(list("abcdef"), 500, p=[0.35, 0.3, 0.2, 0.1, 0.03, 0.02])
    table = np.array([[(values == category).sum() for category in "abcdef"] for values in (c_ref, c_cur)])
    expected = stats.chi2_contingency(table, lambda_="log-likelihood", correction=False)
    found = g_test(table[:1].astype(float), table[1:].astype(float))
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
