"""Tail of a weighted sum of chi-squares, by the saddlepoint.

Many quadratic statistics are, when nothing has changed, distributed as ``Q = sum_i w_i Z_i**2`` with standard normal
``Z_i``. With ``s = 2 t`` its cumulant generating function is ``K = -1/2 sum_i log(1 - s w_i)``. With the root ``s`` of
``sum_i w_i / (1 - s w_i) = x``, ``r = sign(s) sqrt(s x + sum_i log(1 - s w_i))`` and
``v = s sqrt(sum_i (w_i / (1 - s w_i))**2 / 2)``, Kuonen's approximation is

    P(Q > x) = 1 - Phi(r + log(v / r) / r)

Its error is relative, so it holds in the far tail, where inverting the characteristic function drowns in rounding: for
the weights met here it goes from -3 % near the mean to +10 % in the far tail, where it is on the safe side.

A law says how to compute the sums; it need not know its weights one by one (see `bridge`). The largest of them may be
enlarged by what windows share beyond independent rows (see `uncertain`): with a given mean, all of the excess in the
largest weight makes the heaviest tail.

Source: D. Kuonen (1999), Saddlepoint approximations for distributions of quadratic forms in normal variables,
Biometrika 86, 929-935.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_STEPS: Final = 60
_SETTLED: Final = 1e-7  # Newton doubles the digits once more, and the tail is stationary at the root
_AT_MEAN: Final = 1e-3  # below this |r| the limit is more accurate than the quotient of two small numbers
_FAR_BELOW: Final = 0.02  # of the mean: so small a statistic has a probability of one for all purposes


class Sums(NamedTuple):
    """Sums over the weights ``w`` of a law at ``s``, each of shape ``(k,)``."""

    log: Floats
    """``log(1 - s w)``"""
    first: Floats
    """``w / (1 - s w)``"""
    second: Floats
    """``(w / (1 - s w))**2``"""


class Law(Protocol):
    """``n`` weighted sums of chi-squares.

    Attributes:
        weights: how many weights each has, shape ``(n,)``.
        largest: the largest of them, shape ``(n,)``.
        mean: their sum, shape ``(n,)``.
        equal: whether the weights of each are equal, so that the tail is that of a chi-square.
    """

    @property
    def weights(self) -> Floats: ...  # noqa: D102
    @property
    def largest(self) -> Floats: ...  # noqa: D102
    @property
    def mean(self) -> Floats: ...  # noqa: D102
    @property
    def equal(self) -> bool: ...  # noqa: D102

    def sums(self, s: Floats, at: Places) -> Sums:
        """Sums of the laws ``at`` (shape ``(k,)``) for ``s`` below ``1 / largest``, shape ``(k,)``."""
        ...

    def slopes(self, s: Floats, at: Places) -> tuple[Floats, Floats]:
        """The first and second of these sums, which alone cost less."""
        ...


class Equal:
    """Chi-squares with equal weights of one: ``degrees`` of them, shape ``(n,)``."""

    equal = True

    def __init__(self, degrees: Floats) -> None:
        self.weights = self.mean = degrees
        self.largest = np.minimum(degrees, 1.0)

    def sums(self, s: Floats, at: Places) -> Sums:
        """See `Law`."""
        degrees = self.weights[at]
        one = 1 / (1 - s)
        return Sums(degrees * np.log1p(-s), degrees * one, degrees * one**2)

    def slopes(self, s: Floats, at: Places) -> tuple[Floats, Floats]:
        """See `Law`."""
        return self.sums(s, at)[1:]


def survival(law: Law, x: Floats, extra: Floats, at: Places) -> Floats:
    """Probability that a sum exceeds ``x``.

    Args:
        law: ``n`` laws.
        x: thresholds, shape ``(k,)``.
        extra: what to add to the largest weight, not negative, shape ``(k,)``.
        at: which law each is about, shape ``(k,)``.

    Returns:
        Probabilities, shape ``(k,)``; 1 where a law has no weight.

    Example:
        >>> four, x = Equal(np.array([4.0])), np.array([9.487729036781154])
        >>> [round(float(survival(four, x, np.array([extra]), np.array([0]))[0]), 4) for extra in (0.0, 1.0)]
        [0.05, 0.107]
    """
    result = np.ones_like(x)
    weights, mean = law.weights[at], law.mean[at]
    top = law.largest[at] + extra
    live = np.flatnonzero((top > 0) & (x > _FAR_BELOW * (mean + extra)))
    plain = (weights[live] == 1) | (law.equal & (extra[live] == 0))
    chi_square, several = live[plain], live[~plain]
    result[chi_square] = special.chdtrc(weights[chi_square], x[chi_square] / top[chi_square])
    if several.size:
        result[several] = _kuonen(law, x[several], extra[several], at[several])
    return result


def _kuonen(law: Law, x: Floats, extra: Floats, at: Places) -> Floats:
    s = _root(law, x, extra, at)
    log, _, second = law.sums(s, at)
    old, new = _largest_term(law, s, extra, at)
    log = log + np.log(new.kept / old.kept)
    second = second + (new.slope - old.slope) * (new.slope + old.slope)
    r = np.sign(s) * np.sqrt(np.maximum(s * x + log, 0.0))
    v = s * np.sqrt(second / 2)
    at_mean = np.abs(r) < _AT_MEAN
    quotient = np.log(np.where(at_mean, 1.0, v) / np.where(at_mean, 1.0, r)) / np.where(at_mean, 1.0, r)
    if at_mean.any():
        quotient[at_mean] = _skewness(law, extra[at_mean], at[at_mean]) / 6
    tails: Floats = special.ndtr(-(r + quotient))
    return tails


class _Term(NamedTuple):
    kept: Floats
    """``1 - s w``"""
    slope: Floats
    """``w / (1 - s w)``"""


def _largest_term(law: Law, s: Floats, extra: Floats, at: Places) -> tuple[_Term, _Term]:
    """What the largest weight adds to the sums, without ``extra`` and with it."""
    largest = law.largest[at]
    enlarged = largest + extra
    old, new = 1 - s * largest, 1 - s * enlarged
    return _Term(old, largest / old), _Term(new, enlarged / new)


def _slopes(law: Law, s: Floats, extra: Floats, at: Places) -> tuple[Floats, Floats]:
    first, second = law.slopes(s, at)
    (_, old), (_, new) = _largest_term(law, s, extra, at)
    return first + (new - old), second + (new - old) * (new + old)


def _skewness(law: Law, extra: Floats, at: Places) -> Floats:
    """Skewness of the sums; the third power by a difference of the second at the mean, where ``s`` is 0."""
    step = 1e-4 / (law.largest[at] + extra)
    (_, below), (_, second), (_, above) = (_slopes(law, s, extra, at) for s in (-step, 0 * step, step))
    result: Floats = np.sqrt(8.0) * (above - below) / (4 * step) / second**1.5
    return result


def _root(law: Law, x: Floats, extra: Floats, at: Places) -> Floats:
    """Solve ``first = x`` for ``s`` by Newton's method within a bracket.

    The reciprocal of the left side is nearly a straight line, hence Newton on reciprocals. A root that is found is
    left alone, so that the bits of one result do not depend on its neighbours.
    """
    top = law.largest[at] + extra
    low, high = 1 / top - law.weights[at] / x, 1 / top - 1 / x
    s: Floats = np.clip((1 - (law.mean[at] + extra) / x) / top, low, high)
    open_ = np.arange(x.size)
    for _ in range(_STEPS):
        here, wanted = s[open_], x[open_]
        found, slope = _slopes(law, here, extra[open_], at[open_])
        low[open_] = np.where(found < wanted, here, low[open_])
        high[open_] = np.where(found < wanted, high[open_], here)
        moved = here + found * (1 - found / wanted) / slope
        inside = (moved >= low[open_]) & (moved <= high[open_])
        moved = np.where(inside, moved, (low[open_] + high[open_]) / 2)
        s[open_] = moved
        open_ = open_[np.abs(moved - here) > _SETTLED * (1 / top[open_] - here)]
        if not open_.size:
            break
    return s
