"""AD against a loop over raw rows, against SciPy, and its p-value against the law it is supposed to have."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from tidegauge.statistics import anderson_darling as statistics
from tidegauge_processor.verdicts.bridge import Bridge
from tidegauge_processor.verdicts.uncertain import NODES, p_values


class Found(NamedTuple):
    statistic: np.ndarray
    p_value: np.ndarray


def anderson_darling(reference, window):
    found = statistics.anderson_darling(reference, window)
    independent = np.zeros((len(reference), NODES.size))
    return Found(found.statistic, p_values(Bridge(found), found.statistic, independent))


def rows_of(counts):
    """One value a row: the number of its cell."""
    return np.repeat(np.arange(len(counts), dtype=float), counts)


def by_hand(first, second):
    """The definition, on raw rows, in plain Python."""
    pooled = np.concatenate([first, second])
    n, m = first.size, second.size
    total = 0.0
    for edge in np.unique(pooled)[:-1]:
        below = np.mean(pooled <= edge)
        gap = np.mean(first <= edge) - np.mean(second <= edge)
        total += np.mean(pooled == edge) * gap**2 / (below * (1 - below))
    return n * m / (n + m) * total


def scipy_statistic(first, second, variant):
    """SciPy reports (AD - 1) over its standard deviation; undo that with the variance of Scholz and Stephens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its table of p-values ends at 0.001
        reported = stats.anderson_ksamp([first, second], variant=variant, method=None).statistic
    n, m = first.size, second.size
    total = n + m
    harmonic = 1 / n + 1 / m
    inverse = 1 / np.arange(1, total)
    h = inverse.sum()
    tail = np.cumsum(1 / np.arange(total - 1, 1, -1))
    g = (tail / np.arange(2, total)).sum()
    k = 2
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * harmonic
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * harmonic - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * harmonic + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    variance = (a * total**3 + b * total**2 + c * total + d) / ((total - 1) * (total - 2) * (total - 3))
    return reported * np.sqrt(variance) + (k - 1)


def drawn(seed, cells, n, m):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(cells))
    return rng.multinomial(n, shares), rng.multinomial(m, rng.dirichlet(20 * shares + 0.1))


@pytest.mark.parametrize(
    ("seed", "cells", "n", "m"), [(1, 2, 30, 20), (2, 5, 100, 40), (3, 12, 50, 300), (4, 40, 900, 200)]
)
def test_the_statistic_is_that_of_the_raw_rows(seed, cells, n, m):
    reference, window = drawn(seed, cells, n, m)
    found = anderson_darling(reference[None].astype(float), window[None].astype(float)).statistic[0]
    first, second = rows_of(reference), rows_of(window)
    assert found == pytest.approx(by_hand(first, second), rel=1e-12)
    assert found == pytest.approx(scipy_statistic(first, second, "right"), rel=1e-11)


def test_the_midrank_variant_of_scipy_differs_only_by_the_width_of_the_cells():
    """Midranks look at both sides of a tie and divide by N - 1; on 1,500 cells the two agree within 1 %."""
    reference, window = drawn(5, 1_500, 4_000, 1_000)
    found = anderson_darling(reference[None].astype(float), window[None].astype(float)).statistic[0]
    assert found == pytest.approx(scipy_statistic(rows_of(reference), rows_of(window), "midrank"), rel=0.01)


@pytest.mark.parametrize(
    ("cells", "n", "m"),
    [(36, 2_000, 20), (36, 2_000, 50), (10, 500, 200), (4, 3_000, 100)],
)
def test_p_values_follow_the_law_of_rows_dealt_at_random(cells, n, m):
    """200,000 tables with the same margins: the p-value of the r-th largest AD is r / 200,000.

    Allowed are four standard errors of r and, beside them, 12 % below (the test says less than there is) and 25 % above
    (it is too careful: the saddlepoint's 10 %, and the steps of AD in small windows).
    """
    rng = np.random.default_rng(cells * m)
    edges = np.concatenate([[0, 0.001, 0.005, 0.01, 0.02], np.linspace(0.03, 1, cells - 4)]) if cells > 10 else None
    shares = np.diff(edges) if edges is not None else np.ones(cells) / cells
    pooled = rng.multinomial(n + m, shares)
    draws = 200_000
    windows = rng.multivariate_hypergeometric(pooled, m, size=draws, method="marginals")
    below = pooled.cumsum()[:-1] / (n + m)
    gaps = ((pooled - windows).cumsum(axis=1)[:, :-1] / n) - windows.cumsum(axis=1)[:, :-1] / m
    statistics = n * m / (n + m) * (pooled[:-1] / (n + m) * gaps**2 / (below * (1 - below))).sum(axis=1)
    order = np.argsort(-statistics)
    for share in (0.5, 0.1, 0.01, 1e-3, 1e-4):
        rank = int(share * draws)
        window = windows[order[rank - 1]]
        found = anderson_darling((pooled - window)[None].astype(float), window[None].astype(float))
        assert found.statistic[0] == pytest.approx(statistics[order[rank - 1]], rel=1e-9)
        as_large = (statistics >= statistics[order[rank - 1]] - 1e-9).sum()
        error = 4 * np.sqrt(as_large) / draws
        assert (as_large / draws - error) * 0.88 <= found.p_value[0] <= (as_large / draws + error) * 1.25


def test_equal_shares_are_no_evidence():
    reference = np.array([[10.0, 0, 30, 60], [7, 7, 7, 7]])
    found = anderson_darling(reference, reference / 1)
    assert found.statistic.tolist() == [0.0, 0.0]
    assert found.p_value.tolist() == [1.0, 1.0]


def test_without_rows_or_with_one_cell_there_is_nothing_to_say():
    reference = np.array([[10.0, 5, 5], [0, 20, 0], [0, 0, 0]])
    window = np.array([[0.0, 0, 0], [0, 30, 0], [1, 2, 3]])
    found = anderson_darling(reference, window)
    assert found.statistic.tolist() == [0.0, 0.0, 0.0]
    assert found.p_value.tolist() == [1.0, 1.0, 1.0]


def test_empty_cells_between_change_nothing():
    dense = anderson_darling(np.array([[50.0, 30, 20]]), np.array([[5.0, 9, 6]]))
    sparse = anderson_darling(np.array([[0.0, 50, 0, 30, 20, 0]]), np.array([[0.0, 5, 0, 9, 6, 0]]))
    assert sparse.statistic[0] == pytest.approx(dense.statistic[0], rel=1e-14)
    assert sparse.p_value[0] == pytest.approx(dense.p_value[0], rel=1e-10)


def test_two_cells_are_pearsons_chi_square():
    reference, window = np.array([[700.0, 300]]), np.array([[40.0, 60]])
    expected = stats.chi2_contingency(np.stack([reference[0], window[0]]), correction=False)
    found = anderson_darling(reference, window)
    # AD weights the one edge by the share below it; its p-value does not depend on a constant factor
    assert found.statistic[0] == pytest.approx(expected.statistic * 740 / 1100, rel=1e-12)
    assert found.p_value[0] == pytest.approx(stats.chi2.sf(expected.statistic * 1099 / 1100, 1), rel=1e-9)


@pytest.mark.parametrize("cells", [2, 3, 10, 44])
def test_the_bridge_has_the_sums_of_the_eigenvalues(cells):
    rng = np.random.default_rng(cells)
    shares = rng.dirichlet(np.ones(cells), 20)
    reference, window = (rng.multinomial(rows, shares).astype(float) for rows in (3_000, 200))
    found = statistics.anderson_darling(reference, window)
    law = Bridge(found)
    total = (found.below + found.above)[:, :1, None]
    upper = np.triu(found.below[:, :, None] * found.above[:, None, :])
    bridge = (upper + np.triu(upper, 1).transpose(0, 2, 1)) / (total * (total - 1))
    root = np.sqrt(found.weight)
    eigenvalues = np.linalg.eigvalsh(bridge * root[:, :, None] * root[:, None, :])
    assert law.largest == pytest.approx(eigenvalues[:, -1], rel=1e-9)
    assert law.mean == pytest.approx(eigenvalues.sum(axis=1), rel=1e-12)
    for part in (-3.0, 0.4, 0.95):
        s = part / law.largest
        inner = 1 - s[:, None] * eigenvalues
        found_sums = law.sums(s, np.arange(20))
        assert found_sums.log == pytest.approx(np.log(inner).sum(axis=1), rel=1e-8, abs=1e-10)
        assert found_sums.first == pytest.approx((eigenvalues / inner).sum(axis=1), rel=1e-8)
        assert found_sums.second == pytest.approx(((eigenvalues / inner) ** 2).sum(axis=1), rel=1e-8)


def test_the_largest_weight_has_at_least_the_share_of_the_mean_that_a_quick_bound_takes_it_to_have():
    rng = np.random.default_rng(1)
    for cells in (2, 5, 20, 60):
        for spread in (0.1, 1.0, 30.0):
            counts = rng.multinomial(5_000, rng.dirichlet(np.full(cells, spread), 50)).astype(float)
            found = statistics.anderson_darling(counts, counts / 10)
            law = Bridge(found)
            some = found.mean > 0
            assert (law.largest[some] >= 0.45 * found.mean[some]).all()


def test_on_the_golden_data_it_is_scipys_with_a_cell_for_each_value():
    rng = np.random.default_rng(7)
    x_ref, x_cur = rng.normal(0, 1, 800), rng.normal(0.25, 1.1, 500)
    values = np.unique(np.concatenate([x_ref, x_cur]))
    reference, window = (np.isin(values, x).astype(float)[None] for x in (x_ref, x_cur))
    found = anderson_darling(reference, window)
    assert found.statistic[0] == pytest.approx(scipy_statistic(x_ref, x_cur, "right"), rel=1e-11)
    assert found.statistic[0] == pytest.approx(by_hand(x_ref, x_cur), rel=1e-12)
