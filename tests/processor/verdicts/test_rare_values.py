"""Numbers most of whose rows share one value: no test may find so rare a thing surprising more often than it should."""

import numpy as np
import pytest
from scipy import stats

from tidegauge.statistics.wobble import METHODS
from tidegauge_processor.verdicts.fisher import fisher_exact
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.likelihood import likelihood_anderson_darling
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Window

FLAG = Stream("feature", "flag")
BOUNDS = np.array([-5e-324, 0.0, 1.0])
REFERENCE_ROWS = 134_103


def judged(reference, window):
    """Counts of zeros and of ones, in the cells that a baseline gives them."""
    rows, set_ = reference
    known = Reference(np.array([[0, rows - set_, set_, 0]]), BOUNDS)
    rows, set_ = window
    counts = {FLAG: np.array([0, rows - set_, set_, 0])}
    (verdict,) = judge([Window(0, 1, counts, np.array([True]))], {FLAG: known}, Policy(scales=(1,)))
    return verdict, {test.method: test.p_value for test in verdict.tests}


@pytest.mark.parametrize(
    ("reference", "window"), [((134_103, 63), (586, 4)), ((134_103, 63), (204, 2)), ((10_000, 0), (500, 1))]
)
def test_where_a_handful_is_expected_the_exact_test_speaks_alone(reference, window):
    verdict, found = judged(reference, window)
    tables = [[rows - set_, set_] for rows, set_ in (reference, window)]
    assert list(found) == ["fisher_exact"]
    assert found["fisher_exact"] == pytest.approx(stats.fisher_exact(tables)[1], rel=1e-9)
    assert verdict.state is State.OK
    assert np.isnan(verdict.detectable_shift)


def test_a_flag_that_is_suddenly_set_is_found():
    assert judged((134_103, 63), (200, 20))[0].state is State.MATERIAL


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.005, 0.02, 0.05])
@pytest.mark.parametrize("rows", [20, 100, 500, 2_000, 10_000])
def test_no_p_value_is_below_a_third_of_the_exact_one(share, rows):
    """Down to 1e-7, above and below what is expected. (The smallest ratio that was met in 72 such cases: 0.38.)"""
    known = round(share * REFERENCE_ROWS)
    most = min(int(rows * share + 12 * np.sqrt(rows * share)) + 8, rows)
    tables = np.array([[[REFERENCE_ROWS - known, known], [rows - set_, set_]] for set_ in range(most + 1)])
    exact = fisher_exact(*tables.astype(float).transpose(1, 0, 2))
    streams = [Stream("feature", str(place)) for place in np.flatnonzero(exact > 1e-7)]
    references = {stream: Reference(np.array([[0, *tables[int(stream.name), 0], 0]]), BOUNDS) for stream in streams}
    counts = {stream: np.array([0, *tables[int(stream.name), 1], 0]) for stream in streams}
    for verdict in judge([Window(0, 1, counts, np.array([True]))], references, Policy(scales=(1,))):
        assert verdict.p_value >= exact[int(verdict.stream.name)] / 3


def test_the_same_holds_for_amounts_in_several_cells():
    """4,000 windows of 2,000 rows, one of a hundred not zero. Allowed is what is exceeded once in 1,000 times."""
    rng = np.random.default_rng(1)
    shares = np.array([0, 0.99, 0.005, 0.003, 0.0015, 0.0005])
    streams = [Stream("feature", str(place)) for place in range(4_000)]
    references = {s: Reference(rng.multinomial(REFERENCE_ROWS, shares)[None], np.arange(5.0)) for s in streams}
    counts = dict(zip(streams, rng.multinomial(2_000, shares, len(streams)), strict=True))
    verdicts = judge([Window(0, 1, counts, np.array([True]))], references, Policy(scales=(1,)))
    p_values = {method: [] for method in METHODS}
    for test in (test for verdict in verdicts for test in verdict.tests):
        p_values[test.method].append(test.p_value)
    for method, found in p_values.items():
        assert len(found) > 3_500, method
        for level in (0.01, 0.001):
            assert np.count_nonzero(np.array(found) <= level) <= stats.binom.ppf(0.999, len(found), level), method


def test_the_likelihood_twin_is_what_its_definition_says():
    reference, window = np.array([500.0, 300, 0, 200]), np.array([30.0, 30, 5, 35])
    expected = 0.0
    for edge in (1, 2, 3):
        table = np.array([[counts[:edge].sum(), counts[edge:].sum()] for counts in (reference, window)])
        ratio = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
        expected += (reference + window)[edge - 1] / 1_100 * ratio
    assert likelihood_anderson_darling(reference[None], window[None])[0] == pytest.approx(expected, rel=1e-12)


def test_the_likelihood_twin_of_nothing_is_zero():
    cells = np.array([[0.0, 0, 0], [4, 0, 0], [0, 0, 0]])
    assert likelihood_anderson_darling(cells, np.array([[1.0, 2, 3], [7, 0, 0], [0, 0, 0]])).tolist() == [0.0] * 3
