"""p-values when windows differ by an amount that is itself estimated, and what streams learn from each other."""

import numpy as np
import pytest
from scipy import stats

from tidegauge.statistics.klotz import klotz
from tidegauge.statistics.wobble import Excess, Wobble
from tidegauge_processor.verdicts.linear import two_sided
from tidegauge_processor.verdicts.moderation import FEWEST_STREAMS, learn, moderate
from tidegauge_processor.verdicts.saddlepoint import Equal
from tidegauge_processor.verdicts.types import Reference, Stream
from tidegauge_processor.verdicts.uncertain import beyond, p_values, widened


def p_of(statistic, excess, effective, degrees=1.0):
    added = effective * beyond(excess)[None]
    return float(p_values(Equal(np.array([degrees])), np.array([statistic]), added)[0])


@pytest.mark.parametrize("degrees", [5.0, 20.0, 200.0])
@pytest.mark.parametrize("p", [0.3, 1e-2, 1e-4, 1e-6])
def test_where_blocks_differ_much_it_is_an_f(degrees, p):
    """One degree of freedom over an estimated scale: the square of Student's t."""
    excess = Excess(ratio=1e6, per_row=1e-3, degrees=degrees)
    statistic = 1e6 * stats.f.isf(p, 1, degrees)
    assert p_of(statistic, excess, effective=1_000.0) == pytest.approx(p, rel=0.02)


@pytest.mark.parametrize("degrees", [1.0, 8.0])
def test_where_they_do_not_it_is_that_of_independent_rows(degrees):
    none = Excess(ratio=0.5, per_row=1e-3, degrees=1e6)
    for p in (0.5, 1e-3, 1e-6):
        statistic = float(stats.chi2.isf(p, degrees))
        assert p_of(statistic, none, 1_000.0, degrees) == pytest.approx(p, rel=1e-6)


def test_what_the_blocks_cannot_rule_out_counts_more_with_more_traffic():
    some = Excess(ratio=1.0, per_row=1e-2, degrees=500.0)
    p = [p_of(30.0, some, rows) for rows in (10.0, 100.0, 1_000.0, 10_000.0)]
    assert p == sorted(p)
    assert p[0] < 1e-7 < 1e-4 < p[-1]


def test_an_exact_test_is_widened_in_the_same_way():
    excess = Excess(ratio=9.0, per_row=0.01, degrees=1e7)
    exact = np.array([0.2, 1e-5])
    wide = widened(exact, 100 * np.stack([beyond(excess)] * 2))
    assert wide == pytest.approx(stats.chi2.sf(stats.chi2.isf(exact, 1) / 9, 1), rel=0.01)
    assert widened(exact, np.zeros((2, beyond(excess).size))).tolist() == exact.tolist()


@pytest.mark.parametrize(("n", "m"), [(2_000, 20), (20_000, 50), (3_000, 3_000)])
def test_the_tail_of_klotz_follows_rows_dealt_at_random(n, m):
    """200,000 tables with the same margins; a normal law would be at 10 times nominal in the first."""
    rng = np.random.default_rng(n + m)
    edges = np.concatenate([[0, 0.001, 0.005, 0.01, 0.02], np.linspace(0.03, 0.97, 31), [0.98, 0.99, 0.995, 0.999, 1]])
    pooled = rng.multinomial(n + m, np.diff(edges))
    windows = rng.multivariate_hypergeometric(pooled, m, size=200_000, method="marginals").astype(float)
    found = klotz(pooled - windows, windows)
    assert found.statistic.mean() == pytest.approx(1.0, abs=0.02)
    (tail,) = np.nonzero(found.statistic > stats.chi2.isf(0.3, 1))  # so that one in ten is among them
    rows = np.full(tail.size, n * m / (n + m))
    p = np.ones(200_000)
    p[tail] = two_sided(found.difference[tail], found.scores[tail], found.shares[tail], rows)
    for level in (0.1, 0.01, 1e-3, 1e-4):
        below = (p <= level).mean()
        error = 4 * np.sqrt(level / 200_000)
        assert 0.85 * level - error <= below <= 1.15 * level + error


def test_nothing_lies_beyond_the_largest_score_and_nothing_is_said_of_equal_ones():
    scores, shares, rows = np.array([[0.0, 1.0]]), np.full((1, 2), 0.5), np.array([50.0])
    assert two_sided(np.array([0.6]), scores, shares, rows)[0] == 0.0
    assert two_sided(np.array([0.0]), np.ones((1, 2)), shares, rows)[0] == 1.0


def test_streams_that_are_alike_learn_from_each_other_and_others_do_not():
    rng = np.random.default_rng(1)
    alike = [Excess(ratio, 0.01, 9.0) for ratio in 2 * rng.chisquare(9, 100) / 9]
    unlike = [Excess(ratio, 0.01, 9.0) for ratio in rng.lognormal(1.0, 2.0, 100) * rng.chisquare(9, 100) / 9]
    near, far = learn(alike), learn(unlike)
    assert all(excess.degrees > 60 for excess in near)
    assert [excess.ratio for excess in near] == pytest.approx([2.0] * 100, rel=0.25)
    assert all(excess.degrees < 12 for excess in far)
    order = np.argsort([excess.ratio for excess in unlike])
    assert (np.argsort([excess.ratio for excess in far]) == order).all()


def test_streams_together_know_no_more_than_all_of_them():
    same = [Excess(1.0, 0.01, 9.0)] * 20
    assert learn(same)[0].degrees == pytest.approx(20 * 9 + 9)


def test_a_few_streams_say_too_little():
    few = [Excess(1.0 + i, 0.01, 9.0) for i in range(FEWEST_STREAMS - 1)]
    assert learn(few) == few


def test_only_streams_of_a_kind_learn_from_each_other():
    wobbles = [Wobble(((1, 60),), ((1, "g_test", Excess(1.0 + i / 50, 0.1, 30.0)),)) for i in range(20)]
    cells = np.array([[5, 5, 5]])
    references = {Stream("feature", f"f{i:02}"): Reference(cells, wobble=wobble) for i, wobble in enumerate(wobbles)}
    references[Stream("prediction", "")] = Reference(cells, wobble=wobbles[0])
    found = moderate(references)
    assert found[Stream("prediction", "")].wobble == wobbles[0]
    assert found[Stream("feature", "f00")].wobble.found(1)["g_test"].degrees > 30
