"""Effect sizes against SciPy, and the golden numbers of Evidently 0.7.23 and NannyML 0.13.1 on the same data.

The packages make their cells and shares in their own ways; the formula on them is ours.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tidegauge_processor.verdicts import effects


@pytest.fixture(scope="module")
def shares():
    rng = np.random.default_rng(11)
    return rng.dirichlet(np.ones(15)), rng.dirichlet(np.ones(15))


@pytest.fixture(scope="module")
def golden():
    rng = np.random.default_rng(7)
    x_ref, x_cur = rng.normal(0, 1, 800), rng.normal(0.25, 1.1, 500)
    c_ref = rng.choice(list("abcde"), 800, p=[0.4, 0.3, 0.2, 0.09, 0.01])
    c_cur = rng.choice(list("abcdef"), 500, p=[0.35, 0.3, 0.2, 0.1, 0.03, 0.02])
    return x_ref, x_cur, c_ref, c_cur


def without_zeros(shares):
    """Evidently's PSI: 0.0001 for zero, or a millionth of the smallest share when that is no larger."""
    smallest = shares[shares > 0].min()
    return np.where(shares == 0, 1e-4 if smallest > 1e-4 else smallest / 1e6, shares)


def by_category(c_ref, c_cur):
    return tuple(np.array([(values == category).mean() for category in "abcdef"]) for values in (c_ref, c_cur))


def by_value(x_ref, x_cur):
    points = np.unique(np.concatenate([x_ref, x_cur]))
    return np.isin(points, x_ref) / x_ref.size, np.isin(points, x_cur) / x_cur.size, points


def test_evidently_numeric(golden):
    x_ref, x_cur, _, _ = golden
    edges = np.histogram_bin_edges(np.concatenate([x_ref, x_cur]), "sturges")
    p, q = (np.histogram(x, edges)[0] / x.size for x in (x_ref, x_cur))
    assert float(effects.psi(without_zeros(p), without_zeros(q))) == pytest.approx(0.24011546956, abs=5e-12)
    assert float(effects.js_distance(p, q, base=np.e)) == pytest.approx(0.15968409864, abs=5e-12)
    assert float(effects.hellinger(p, q)) == pytest.approx(0.16861338, abs=5e-9)
    moved = float(effects.wasserstein(*by_value(x_ref, x_cur)))
    assert moved / x_ref.std() == pytest.approx(0.39545664202, abs=5e-12)


def test_evidently_categories(golden):
    p, q = by_category(*golden[2:])
    assert float(effects.psi(without_zeros(p), without_zeros(q))) == pytest.approx(0.23077462952, abs=5e-12)
    assert float(effects.js_distance(p, q, base=np.e)) == pytest.approx(0.13706708734, abs=5e-12)
    assert float(effects.hellinger(p, q)) == pytest.approx(0.15211466414, abs=5e-12)


def test_nannyml_numeric(golden):
    x_ref, x_cur, _, _ = golden
    edges = np.histogram_bin_edges(x_ref, "doane")
    p, q = (np.append(np.histogram(x, edges)[0], 0) / x.size for x in (x_ref, x_cur))
    p[-1], q[-1] = 1 - p.sum(), 1 - q.sum()  # one bin for what lies beyond the reference
    assert float(effects.js_distance(p, q)) == pytest.approx(0.18399731277, abs=5e-12)
    assert float(effects.hellinger(p, q)) == pytest.approx(0.16593091512, abs=5e-12)
    assert float(effects.wasserstein(*by_value(x_ref, x_cur))) == pytest.approx(0.37345801057, abs=5e-12)
    assert float(effects.ks_distance(*by_value(x_ref, x_cur)[:2])) == pytest.approx(0.17375, abs=5e-12)


def test_nannyml_categories(golden):
    p, q = by_category(*golden[2:])
    assert float(effects.js_distance(p, q)) == pytest.approx(0.16463435011, abs=5e-12)
    assert float(effects.hellinger(p, q)) == pytest.approx(0.15211466414, abs=5e-12)
    assert float(effects.l_infinity(p, q)) == pytest.approx(0.08975, abs=5e-12)


def test_the_same_data_as_our_variants_say_it(golden):
    """PSI is not one number: half a count in each cell gives another one than Evidently's replacement of zeros."""
    c_ref, c_cur = golden[2:]
    counts = [np.array([(values == category).sum() for category in "abcdef"]) for values in (c_ref, c_cur)]
    found = effects.effects_of(counts[0][None].astype(float), counts[1][None].astype(float), None)
    assert {name: round(float(value[0]), 6) for name, value in found.items()} == {
        "psi_half_count": 0.181516,
        "js_distance_base2": 0.164634,
        "hellinger": 0.152115,
        "l_infinity": 0.08975,
    }


def test_ks_is_that_of_scipy_when_values_lie_on_bounds():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 20, 500), rng.integers(2, 22, 300)
    p, q = (np.bincount(values, minlength=22) / values.size for values in (first, second))
    assert float(effects.ks_distance(p, q)) == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-12)


def test_wasserstein_is_that_of_scipy_on_the_points(shares):
    p, q = shares
    points = np.sort(np.random.default_rng(2).normal(0, 100, p.size))
    expected = stats.wasserstein_distance(points, points, p, q)
    assert float(effects.wasserstein(p, q, points)) == pytest.approx(expected, rel=1e-12)


def test_jensen_shannon_is_that_of_scipy(shares):
    p, q = shares
    assert float(effects.js_distance(p, q)) == pytest.approx(jensenshannon(p, q, base=2), rel=1e-12)


def test_binning_moves_the_wasserstein_distance_by_no_more_than_half_a_cell_on_each_side():
    rng = np.random.default_rng(3)
    first, second = rng.uniform(0, 10, 2_000), rng.beta(2, 3, 500) * 10
    bounds = np.linspace(0, 10, 21)
    counts = [np.bincount(np.searchsorted(bounds, x), minlength=22).astype(float)[None] for x in (first, second)]
    found = effects.effects_of(*counts, bounds[None])["wasserstein_normalised"][0]
    exact = stats.wasserstein_distance(first, second)
    spread = float(effects.standard_deviation(counts[0][0] / 2_000, effects.points_of(bounds)))
    assert abs(found * spread - exact) <= 0.25 + 0.25
    assert spread == pytest.approx(first.std(), rel=0.01)


def test_the_unit_of_a_feature_does_not_matter():
    counts = np.array([[10.0, 20, 30, 40]]), np.array([[40.0, 30, 20, 10]])
    small = effects.effects_of(*counts, np.array([[1.0, 2, 4]]))
    large = effects.effects_of(*counts, np.array([[1.0, 2, 4]]) * 2.0**1000)
    assert small["wasserstein_normalised"].tolist() == large["wasserstein_normalised"].tolist()


def test_a_reference_without_spread_has_no_normalised_distance():
    found = effects.effects_of(np.array([[0.0, 50, 0]]), np.array([[0.0, 10, 10]]), np.array([[1.0, 1.0]]))
    assert found["wasserstein_normalised"].tolist() == [0.0]
    assert found["ks_distance"].tolist() == [0.5]


def test_disjoint_shares_are_as_far_apart_as_can_be():
    found = effects.effects_of(np.array([[10.0, 0]]), np.array([[0.0, 10]]), None)
    assert [found[name][0] for name in ("js_distance_base2", "hellinger", "l_infinity")] == [1.0, 1.0, 1.0]


def test_the_golden_data_are_the_ones_that_the_packages_saw(golden):
    """NannyML's KS is SciPy's with its p-value, and its chi-square is SciPy's on the two-sample table."""
    x_ref, x_cur, c_ref, c_cur = golden
    found = stats.ks_2samp(x_ref, x_cur)
    assert found.statistic == pytest.approx(0.17375, abs=5e-12)
    assert found.pvalue == pytest.approx(1.394425e-08, rel=5e-7)
    table = np.array([[(values == category).sum() for category in "abcdef"] for values in (c_ref, c_cur)])
    assert stats.chi2_contingency(table).statistic == pytest.approx(45.45401979, abs=5e-9)
