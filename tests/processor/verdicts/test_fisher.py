"""Fisher's exact test against SciPy's, table by table."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from tidegauge_processor.verdicts import fisher
from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p


@pytest.mark.parametrize("most", [4, 30, 300, 3_000])
def test_p_values_are_those_of_scipy(most):
    rng = np.random.default_rng(most)
    tables = rng.integers(0, most, (200, 2, 2))
    found = fisher_exact(tables[:, 0].astype(float), tables[:, 1].astype(float))
    expected = np.array([stats.fisher_exact(table).pvalue for table in tables])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


def test_every_small_table_is_right():
    """All tables with up to five rows in each cell: ties between the two tails included."""
    cells = np.stack(np.meshgrid(*[np.arange(6)] * 4), axis=-1).reshape(-1, 2, 2)
    found = fisher_exact(cells[:, 0].astype(float), cells[:, 1].astype(float))
    expected = np.array([stats.fisher_exact(table).pvalue for table in cells])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def exact(table):
    """The definition in whole numbers; the columns are the draws, since few rows are marked."""
    (a, b), (c, d) = table
    marked, rows, total = b + d, c + d, a + b + c + d
    ways = [math.comb(rows, x) * math.comb(total - rows, marked - x) for x in range(marked + 1)]
    return float(Fraction(sum(way for way in ways if way <= ways[d]), math.comb(total, marked)))


@pytest.mark.parametrize(
    "table",
    [
        [[10_000_000, 1_000], [980_000, 130]],  # SciPy 1.17: right to nine digits
        [[5_000_000, 300], [1_000_000, 20]],
        [[10_000, 0], [10, 10]],
        [[99_999, 1], [199_990, 10]],
    ],
)
def test_millions_of_rows_lose_no_digits(table):
    found = fisher_exact(np.array(table[:1], dtype=float), np.array(table[1:], dtype=float))[0]
    assert found == pytest.approx(exact(table), rel=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.01])
@pytest.mark.parametrize("deviations", [0.1, 1, 5])
def test_of_a_thousand_million_rows_the_far_tail_is_an_integral(monkeypatch, share, deviations):
    rows = 2.0**29
    reference = np.array([[rows - np.floor(rows * share), np.floor(rows * share)]])
    more = np.floor(deviations * np.sqrt(rows * share * (1 - share) / 2))
    window = reference + np.array([[-more, more]])
    monkeypatch.setattr(fisher, "_MOST_BLOCKS", 16)  # a thousand terms
    found = fisher_exact(reference, window)[0]
    monkeypatch.setattr(fisher, "_MOST_BLOCKS", 10**9)
    assert found == pytest.approx(fisher_exact(reference, window)[0], rel=1e-7)


def test_as_many_rows_as_can_be_counted_take_no_longer():
    """All of them summed one by one would take minutes."""
    half, more = 2.0**49, 2.0**24
    found = fisher_exact(np.array([[half, half]]), np.array([[half - more, half + more]]))[0]
    deviation = (more / 2) / math.sqrt(4 * half / 16)  # half of what was added is expected in the reference
    assert found == pytest.approx(2 * stats.norm.sf(deviation), rel=1e-5)


def test_a_million_wrong_rows_have_no_chance():
    assert fisher_exact(np.array([[1e6, 0.0]]), np.array([[0.0, 1e6]]))[0] == 0.0


def test_the_smallest_p_value_is_that_of_all_rows_in_the_rarer_cell():
    reference, window = np.array([[95.0, 5]]), np.array([[3.0, 0]])
    assert smallest_p(reference, window)[0] == pytest.approx(
        fisher_exact(reference, np.array([[0.0, 3]]))[0], rel=1e-12
    )
    assert smallest_p(reference, np.array([[0.0, 0]]))[0] == 1.0
    assert smallest_p(np.array([[0.0, 0]]), window)[0] == 1.0


def test_the_bits_of_one_table_do_not_depend_on_its_neighbours():
    rng = np.random.default_rng(9)
    tables = np.concatenate([rng.integers(0, 40, (20, 2, 2)), rng.integers(0, 40_000, (20, 2, 2))]).astype(float)
    together = fisher_exact(tables[:, 0], tables[:, 1])
    assert [fisher_exact(table[:1], table[1:])[0] for table in tables] == together.tolist()
