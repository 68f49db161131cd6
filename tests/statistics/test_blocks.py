"""What blocks of the reference show: nothing when rows are independent, and the right amount when they are not."""

import numpy as np
import pytest
from scipy import stats

from tests.calibration import laws
from tests.calibration.month import World
from tidegauge.statistics.blocks import leave_one_out, measure
from tidegauge.statistics.klotz import klotz
from tidegauge.statistics.pearson import pearson
from tidegauge.statistics.wobble import UNKNOWN, Excess, Wobble

WEEKS = np.arange(28 * 24)
ONE_SLOT = np.zeros(WEEKS.size, dtype=np.intp)


def hours_of(world, seed):
    rng = np.random.default_rng(seed)
    law = laws.normal(rng, world.season)
    shares = law.shares(world.shifts(rng, WEEKS.size), np.ones(WEEKS.size))
    return rng.multinomial(world.reference_rows, shares)


@pytest.mark.parametrize("rows", [30, 200])
def test_independent_rows_show_no_excess(rows):
    found = measure(WEEKS, hours_of(World(rows, rows), 1), ONE_SLOT, 1, ordered=True)
    assert found.blocks == ((1, 512), (3, 224), (6, 112), (12, 56), (24, 28), (48, 14), (72, 10), (168, 4))
    for length, method, excess in found.excess:
        if length <= 24 and method != "fisher_exact":  # that one is of the cell that differs most
            assert excess.ratio == pytest.approx(1.0, abs=5 / np.sqrt(excess.degrees / 2))


def test_a_component_of_variance_is_the_same_at_any_traffic():
    """Twice as many rows show twice the excess, so that what a row adds stays the same."""
    per_row = []
    for rows in (200, 2_000):
        counts = hours_of(World(rows, rows, wobble=0.1, memory=0.0), 2)
        excess = measure(WEEKS, counts, ONE_SLOT, 1, ordered=True).found(1)["anderson_darling"]
        per_row.append((excess.ratio - 1) * excess.per_row)
    assert per_row[0] == pytest.approx(per_row[1], rel=0.2)
    # all rows moved by one standard deviation of the wobble add 0.96 / 2 of its square to each row's AD
    assert per_row[1] == pytest.approx(0.48 * 0.1**2, rel=0.2)


def test_a_season_that_the_slots_know_is_no_excess_and_one_that_they_do_not_is():
    counts = hours_of(World(200, 200, season=0.5), 3)
    known = measure(WEEKS, counts, WEEKS % 24, 24, ordered=True).found(1)["anderson_darling"]
    unknown = measure(WEEKS, counts, ONE_SLOT, 1, ordered=True).found(1)["anderson_darling"]
    assert known.ratio < 1.1 < 5 < unknown.ratio


def test_blocks_that_follow_each_other_are_worth_fewer():
    lasting, fleeting = (
        measure(WEEKS, hours_of(World(500, 500, wobble=0.1, memory=memory), 4), ONE_SLOT, 1, ordered=True)
        .found(1)["anderson_darling"]
        .degrees
        for memory in (0.95, 0.0)
    )
    assert lasting < fleeting / 3


def test_a_block_and_its_reference_share_no_row():
    counts = hours_of(World(50, 50), 5)
    blocks = leave_one_out(WEEKS, counts, ONE_SLOT, 1, 24)
    assert blocks.reference + blocks.window == pytest.approx(np.tile(counts.sum(axis=0), (28, 1)))


def test_hours_without_others_at_their_time_are_left_out():
    hours = np.array([0, 24, 48, 60])
    counts = np.full((4, 3), 30)
    blocks = leave_one_out(hours, counts, (hours % 24).astype(np.intp), 24, 1)
    assert blocks.window.shape[0] == 3


def test_violations_that_come_in_bursts_show():
    rng = np.random.default_rng(6)
    share = np.where(rng.random(WEEKS.size) < 0.05, 0.2, 0.01)
    bad = rng.binomial(200, share)
    found = measure(WEEKS, np.stack([200 - bad, bad], axis=1), ONE_SLOT, 1, ordered=False)
    assert found.found(1)["fisher_exact"].ratio > 5


def test_nothing_is_known_without_blocks():
    few = measure(np.array([5]), np.array([[3, 4]]), np.array([0]), 1, ordered=False)
    assert not few.measured
    assert not UNKNOWN.measured
    assert UNKNOWN.over(24) == 0


def test_a_stretch_takes_the_longest_blocks_that_are_not_longer():
    wobble = Wobble(((1, 600), (6, 100), (24, 7)))
    assert [wobble.over(hours) for hours in (0.25, 1, 5, 6, 24, 72)] == [1, 1, 1, 6, 6, 6]


@pytest.mark.parametrize(
    ("blocks", "excess"),
    [
        (((1, 0),), ()),
        (((6, 10), (1, 60)), ()),
        (((1, 60),), ((6, "g_test", Excess(1.0, 0.1, 5.0)),)),
        (((1, 60),), ((1, "guess", Excess(1.0, 0.1, 5.0)),)),
        (((1, 60),), ((1, "g_test", Excess(float("nan"), 0.1, 5.0)),)),
    ],
)
def test_what_cannot_be_is_refused(blocks, excess):
    with pytest.raises(ValueError, match=r"blocks|excess"):
        Wobble(blocks, excess)


def test_pearson_has_the_mean_one_however_rare_the_cell():
    rng = np.random.default_rng(7)
    pooled = np.array([3, 40, 500, 4_457])
    windows = rng.multivariate_hypergeometric(pooled, 200, size=40_000).astype(float)
    found = pearson(pooled - windows, windows).mean(axis=0)
    assert found == pytest.approx(np.ones(4), abs=0.06)


def test_pearson_is_that_of_scipy():
    reference, window = np.array([[900.0, 100]]), np.array([[70.0, 30]])
    expected = stats.chi2_contingency(np.concatenate([reference, window]), correction=False).statistic
    assert pearson(reference, window)[0] == pytest.approx([expected * 1_099 / 1_100] * 2, rel=1e-12)


def test_klotz_is_that_of_normal_scores_on_the_rows():
    """With a cell for each row the mean score of a cell is nearly the square of the normal score of its rank."""
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=3_000), rng.normal(scale=1.3, size=800)
    values = np.sort(np.concatenate([first, second]))
    reference, window = (np.isin(values, x).astype(float)[None] for x in (first, second))
    scores = stats.norm.ppf(np.arange(1, values.size + 1) / (values.size + 1)) ** 2
    ours = klotz(reference, window)
    gap = scores[window[0] > 0].mean() - scores[reference[0] > 0].mean()
    assert ours.difference[0] == pytest.approx(gap, rel=0.03)  # the outermost ranks of rows lie further out
    error = scores.std(ddof=1) * np.sqrt(1 / 3_000 + 1 / 800)
    assert ours.statistic[0] == pytest.approx((gap / error) ** 2, rel=0.06)


def test_klotz_does_not_see_a_shift_and_nothing_where_nothing_is():
    cells = np.diff(stats.norm.cdf(np.linspace(-3, 3, 31)), prepend=0, append=1)[None]
    moved = np.diff(stats.norm.cdf(np.linspace(-3.1, 2.9, 31)), prepend=0, append=1)[None]
    assert klotz(1e5 * cells, 1e3 * moved).statistic[0] < 0.1
    assert klotz(np.array([[0.0, 50, 0]]), np.array([[0.0, 9, 0]])).statistic[0] == 0.0
    assert klotz(np.zeros((1, 3)), np.array([[1.0, 2, 3]])).statistic[0] == 0.0


def test_a_thin_reference_is_measured_in_silence():
    """Ten rows an hour over five days: of some lengths, blocks with enough rows are there at one phase and not another.

    A warning is an error in these tests.
    """
    for seed in range(3):
        rng = np.random.default_rng(seed)
        for hours in (5 * 24, 7 * 24):
            counts = rng.multinomial(rng.poisson(10, hours), [0.3, 0.3, 0.4])
            slot = np.zeros(hours, dtype=np.intp)
            found = [measure(np.arange(hours), counts, slot, 1, ordered=ordered) for ordered in (True, False)]
            assert all(wobble.measured for wobble in found)
