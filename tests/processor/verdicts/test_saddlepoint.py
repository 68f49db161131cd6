"""The tail of weighted chi-squares against chi-square itself and against inversion of its Laplace transform."""

import numpy as np
import pytest
from scipy import optimize, stats

from tidegauge_processor.verdicts.saddlepoint import Equal, Sums, survival


class Weights:
    """A law by its weights, one by one."""

    equal = False

    def __init__(self, weights):
        self._weights = weights
        self.weights = (weights > 0).sum(axis=1).astype(float)
        self.largest = weights.max(axis=1)
        self.mean = weights.sum(axis=1)

    def sums(self, s, at):
        inner = 1 - s[:, None] * self._weights[at]
        parts = self._weights[at] / inner
        return Sums(np.log(inner).sum(axis=1), parts.sum(axis=1), (parts**2).sum(axis=1))

    def slopes(self, s, at):
        return self.sums(s, at)[1:]


ANDERSON_DARLING = 1 / (np.arange(1, 39) * np.arange(2, 40))


def inverted(x, weights):
    """P(Q > x) by the Bromwich integral on a parabola through the saddle: exact to about ten digits, also far out."""
    saddle = optimize.brentq(
        lambda t: (weights / (1 - 2 * t * weights)).sum() - x - 1 / t, 1e-12, (0.5 - 1e-12) / weights.max()
    )
    curvature = (2 * weights**2 / (1 - 2 * saddle * weights) ** 2).sum() + 1 / saddle**2
    step = 0.02 / np.sqrt(curvature)
    y = np.arange(-20_000, 20_001) * step
    bend = 1 / (4 * saddle)
    t = saddle + bend * y**2 + 1j * y
    values = np.exp(-0.5 * np.log(1 - 2 * t[:, None] * weights).sum(axis=1) - t * x) / t * (2 * bend * y + 1j)
    return float((values.sum() * step / (2j * np.pi)).real)


def sf(x, weights, extra=0.0):
    law = Weights(np.asarray(weights, dtype=float)[None])
    return float(survival(law, np.array([x]), np.array([extra]), np.array([0]))[0])


@pytest.mark.parametrize("degrees", [1, 2, 5, 40])
@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 2.0, 5.0, 20.0])
def test_equal_weights_are_a_chi_square(degrees, factor):
    x = degrees * factor
    exact = survival(Equal(np.array([float(degrees)])), np.array([x]), np.zeros(1), np.array([0]))
    assert exact[0] == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-10)
    assert sf(0.3 * x, [0.3] * degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=0.05)


@pytest.mark.parametrize("extra", [1e-9, 0.01, 0.3, 5.0, 1e4])
def test_what_is_added_enlarges_the_largest_weight(extra):
    rest = [0.3, 0.2, 0.05]
    for x in (0.5, 2.0, 9.0 + 20 * extra):
        assert sf(x, [0.5, *rest], extra) == pytest.approx(sf(x, [0.5 + extra, *rest]), rel=1e-6)


def test_the_inversion_itself_is_right():
    for x in (0.5, 4.0, 30.0):
        assert inverted(x, np.ones(3)) == pytest.approx(stats.chi2.sf(x, 3), rel=1e-8)


@pytest.mark.parametrize(
    "weights",
    [[1.0, 0.5], [1.0, 0.1], [0.5, 1 / 6, 1 / 12], [1.0, 1.0, 0.2], [3.0, 2.0, 1.0, 0.5, 0.1], ANDERSON_DARLING],
    ids=["two", "two far apart", "three", "a pair", "five", "Anderson-Darling"],
)
@pytest.mark.parametrize("factor", [0.3, 0.7, 0.9999999, 1.0, 1.0000001, 1.3, 2.0, 4.0, 8.0, 16.0])
def test_the_tail_is_within_stated_bounds(weights, factor):
    """3 % too small at worst, near the mean; at most 10 % too large, far out."""
    weights = np.asarray(weights)
    x = float(weights.sum()) * factor
    assert 0.97 <= sf(x, weights) / inverted(x, weights) <= 1.10


def test_the_tail_is_smooth_at_the_mean():
    mean = ANDERSON_DARLING.sum()
    around = [sf(mean * (1 + shift), ANDERSON_DARLING) for shift in np.linspace(-1e-4, 1e-4, 41)]
    steps = -np.diff(around)
    assert steps.min() > 0
    assert steps.max() / steps.min() < 1.01


def test_zeros_among_the_weights_count_for_nothing():
    assert sf(3.0, [0.5, 0.2, 0.0, 0.0]) == sf(3.0, [0.5, 0.2])
    assert sf(3.0, [0.0, 0.0]) == 1.0


def test_the_bits_of_one_result_do_not_depend_on_its_neighbours():
    rng = np.random.default_rng(0)
    weights, x = rng.dirichlet(np.ones(30), 50), rng.exponential(2, 50)
    together = survival(Weights(weights), x, np.zeros(50), np.arange(50))
    assert [sf(x[i], weights[i]) for i in range(50)] == together.tolist()


@pytest.mark.parametrize("factor", [0.3, 0.9, 1.0, 1.5, 4.0, 30.0, 1e4])
@pytest.mark.parametrize("extra", [0.0, 0.1, 3.0, 1e3])
def test_a_root_takes_few_steps(factor, extra):
    law = Weights(ANDERSON_DARLING[None])
    asked = []
    slopes = law.slopes
    law.slopes = lambda s, at: asked.append(s) or slopes(s, at)
    survival(law, np.array([factor]), np.array([extra]), np.array([0]))
    assert len(asked) <= 12  # by bisection alone it takes 25
