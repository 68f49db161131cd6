"""An interval of 95 % covers the truth about 95 times in 100: seeded simulations, and golden numbers."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError

RUNS = 2_000
Random = np.random.Generator


def a_share(random: Random) -> Estimate:
    return intervals.share(int(random.binomial(150, 0.13)), 150)


def a_mean_of_scores(random: Random) -> Estimate:
    return intervals.mean(random.beta(1, 4, 40), 0.0, 1.0)


def a_log_loss(random: Random) -> Estimate:
    scores = random.beta(2, 5, 300)
    return intervals.mean(-np.log(np.where(random.random(300) < scores, scores, 1 - scores)), 0.0)


def a_mean_absolute_error(random: Random) -> Estimate:
    return intervals.mean(np.abs(random.standard_normal(60)), 0.0)


def a_root_mean_square(random: Random) -> Estimate:
    return intervals.root_mean_square(random.standard_normal(60))


def an_area(random: Random) -> Estimate:
    scores = np.concatenate([random.standard_normal(80), random.normal(1.0, 1.5, 40)])
    return intervals.area_under_roc(scores, np.arange(120) >= 80)


def an_area_of_few_and_many(random: Random) -> Estimate:
    scores = np.concatenate([random.standard_normal(300), random.normal(1.0, 1.0, 30)])
    return intervals.area_under_roc(scores, np.arange(330) >= 300)


def an_area_on_ten_scores(random: Random) -> Estimate:
    scores = np.concatenate([random.binomial(9, 0.4, 150), random.binomial(9, 0.5, 150)]) / 9
    return intervals.area_under_roc(scores, np.arange(300) >= 150)


SCORES = np.arange(10)
LOW, HIGH = stats.binom.pmf(SCORES, 9, 0.4), stats.binom.pmf(SCORES, 9, 0.5)


def entropy(scores: np.ndarray) -> np.ndarray:
    return -scores * np.log(scores) - (1 - scores) * np.log(1 - scores)


TRUTHS: list[tuple[Callable[[Random], Estimate], float]] = [
    (a_share, 0.13),
    (a_mean_of_scores, 0.2),
    (a_log_loss, float(stats.beta(2, 5).expect(entropy))),
    (a_mean_absolute_error, float(np.sqrt(2 / np.pi))),
    (a_root_mean_square, 1.0),
    (an_area, float(stats.norm.cdf(1 / np.sqrt(1 + 1.5**2)))),
    (an_area_of_few_and_many, float(stats.norm.cdf(1 / np.sqrt(2)))),
    (an_area_on_ten_scores, float((HIGH[:, None] * LOW * (np.sign(SCORES[:, None] - SCORES) + 1) / 2).sum())),
]


@pytest.mark.parametrize(("draw", "truth"), TRUTHS, ids=[draw.__name__ for draw, _ in TRUTHS])
def test_coverage(draw, truth):
    random = np.random.default_rng(2026)
    covered = sum(estimate.lower <= truth <= estimate.upper for estimate in (draw(random) for _ in range(RUNS)))
    assert 0.93 <= covered / RUNS <= 0.97


def test_a_large_area_of_few_rows_is_covered_as_often_as_documented():
    random = np.random.default_rng(2026)
    truth = stats.norm.cdf(2.5 / np.sqrt(2))
    covered = 0
    for _ in range(RUNS):
        scores = np.concatenate([random.standard_normal(300), random.normal(2.5, 1.0, 30)])
        found = intervals.area_under_roc(scores, np.arange(330) >= 300)
        covered += found.lower <= truth <= found.upper
    assert 0.90 <= covered / RUNS <= 0.94


@pytest.mark.parametrize("successes", [0, 1, 8, 40])
def test_a_share_has_scipys_wilson_interval(successes):
    expected = stats.binomtest(successes, 40).proportion_ci(method="wilson")
    found = intervals.share(successes, 40)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_mean_has_scipys_interval():
    values = np.random.default_rng(1).lognormal(size=25)
    expected = stats.t.interval(0.95, 24, values.mean(), stats.sem(values))
    found = intervals.mean(values)
    assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-10)


def test_delongs_variance_is_that_of_the_definition():
    random = np.random.default_rng(4)
    ups, downs = random.integers(2, 9, 25) / 8, random.integers(0, 7, 40) / 8
    won = (np.sign(ups[:, None] - downs) + 1) / 2  # DeLong et al. (1988), equations 2 to 4, pair by pair
    value = won.mean()
    parts = won.mean(axis=1).var(ddof=1) / 25, won.mean(axis=0).var(ddof=1) / 40
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 24 + parts[1] ** 2 / 39)
    error = np.sqrt(sum(parts))
    ends = np.log(value / (1 - value)) + stats.t.ppf([0.025, 0.975], freedom) * error / (value * (1 - value))
    found = intervals.area_under_roc(np.concatenate([ups, downs]), np.arange(65) < 25)
    assert (found.lower, found.upper) == pytest.approx(tuple(1 / (1 + np.exp(-ends))), rel=1e-10)


@pytest.mark.parametrize(
    ("scores", "positives", "expected"),
    [
        ([0.9, 0.1, 0.2], 1, (1.0, 0.0, 1.0)),
        ([0.9, 0.8, 0.1, 0.2], 2, (1.0, 0.342380, 1.0)),
        ([0.1, 0.2, 0.9, 0.8], 2, (0.0, 0.0, 0.657620)),
        ([0.5, 0.5, 0.5, 0.5], 2, (0.5, 0.094531, 0.905469)),
    ],
    ids=["one row of a class", "all pairs won", "all pairs lost", "all pairs tied"],
)
def test_an_area_without_a_variance_is_not_sure_of_itself(scores, positives, expected):
    found = intervals.area_under_roc(np.array(scores), np.arange(len(scores)) < positives)
    assert (found.value, found.lower, found.upper) == pytest.approx(expected, abs=1e-6)


def test_ends_do_not_leave_the_range_of_the_values():
    assert intervals.mean(np.array([0.0, 1.0]), 0.0, 1.0) == Estimate(0.5, 0.0, 1.0, 2)


def test_a_large_mean_does_not_swallow_a_small_spread():
    found = intervals.mean(1e9 + np.array([0.0, 1.0, 2.0]))
    assert found.upper - found.value == pytest.approx(4.302652729911275 / np.sqrt(3), rel=1e-6)


@pytest.mark.parametrize("call", [lambda: intervals.share(0, 0), lambda: intervals.mean(np.empty(0))])
def test_no_rows_are_no_estimate(call):
    with pytest.raises(UndefinedMetricError, match=r"^no labels yet$"):
        call()


def test_a_weighted_mean_by_hand() -> None:
    rows = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])
    found, kept = intervals.weighted_mean(*rows), intervals.weighted_mean(*rows, least=0.5, most=3.5)
    error = (1.25**2 + 0.25**2 + (2 * 0.75) ** 2) ** 0.5 / 4
    half = stats.t.ppf(0.975, 16 / 6 - 1) * error  # 16 / 6 rows of equal weight tell as much
    assert (found.value, found.labels) == (2.25, 3)
    assert (found.lower, found.upper) == pytest.approx((2.25 - half, 2.25 + half))
    assert kept == Estimate(2.25, 0.5, 3.5, 3)
