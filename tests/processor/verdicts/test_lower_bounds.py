"""The confidence bounds of an effect: exact for one share from below, and rarely on the wrong side of the truth."""

import numpy as np
import pytest
from scipy import stats

from tidegauge_processor.verdicts.effects import ks_distance, l_infinity
from tidegauge_processor.verdicts.lower_bounds import greatest_distance, least_distance


def test_one_share_is_bounded_by_the_intervals_of_clopper_and_pearson():
    found = least_distance(np.array([[980.0, 20]]), np.array([[150.0, 50]]), np.array([0.04]), ordered=False)
    low = stats.binomtest(50, 200, alternative="two-sided").proportion_ci(1 - 2 * 0.01, "exact").low
    high = stats.binomtest(20, 1_000, alternative="two-sided").proportion_ci(1 - 2 * 0.01, "exact").high
    assert found[0] == pytest.approx(low - high, rel=1e-10)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(("n", "m"), [(500, 20), (5_000, 200), (300, 3_000)])
def test_the_truth_is_beyond_a_bound_no_more_often_than_agreed(ordered, n, m):
    rng = np.random.default_rng(n + m)
    p = rng.dirichlet(np.ones(8))
    q = rng.dirichlet(30 * p + 0.1)
    truth = float(ks_distance(p, q) if ordered else l_infinity(p, q))
    draws, error = 4_000, 0.05
    counts = rng.multinomial(n, p, draws).astype(float), rng.multinomial(m, q, draws).astype(float)
    least = least_distance(*counts, np.full(draws, error), ordered=ordered)
    most = greatest_distance(*counts, np.full(draws, error), ordered=ordered)
    assert (least > truth).mean() <= error
    assert (most < truth).mean() <= error
    assert least.max() > 0
    assert most.min() < 1
    assert (least < most).all()


def test_two_shares_of_a_million_rows_are_known_well():
    found = least_distance(np.array([[5e6, 5e6, 0, 0]]), np.array([[4e5, 5e5, 1e5, 0]]), np.array([1e-6]), ordered=True)
    assert 0.096 < found[0] < 0.1
    most = greatest_distance(
        np.array([[5e6, 5e6, 0, 0]]), np.array([[4e5, 5e5, 1e5, 0]]), np.array([1e-6]), ordered=True
    )
    assert 0.1 < most[0] < 0.104


def test_equal_counts_are_bounded_by_zero():
    counts = np.array([[10.0, 20, 30], [0, 0, 5]])
    for ordered in (True, False):
        assert least_distance(counts, counts, np.array([0.5, 0.5]), ordered=ordered).tolist() == [0.0, 0.0]
