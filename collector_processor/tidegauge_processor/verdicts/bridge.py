"""The null law of the Anderson-Darling statistic, from the inverse of its covariance.

Given the pooled counts, ``F - G`` at the edges is a discrete Brownian bridge: covariance
``(min(H_i, H_j) - H_i H_j) (n + m) / (n m) * N / (N - 1)``. So AD is a weighted sum of chi-squares, whose weights are
the eigenvalues of that covariance scaled by the square roots of the weights of AD. A bridge has no memory beyond its
neighbours, so the inverse ``M`` of the scaled matrix is tridiagonal, and

    sum_i log(1 - s w_i) = log det(M - s) - log det(M)

is a product of pivots ``f_i = M_ii - s - M_ij**2 / f_j``, ``j = i - 1``. The pivots and their derivatives give all that
a saddlepoint needs without a single eigenvalue but the largest, which Laguerre's method finds; hundreds of laws are
computed at once, in a time that grows with the number of edges and not with its cube.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.anderson_darling import AndersonDarling
from tidegauge_processor.verdicts.saddlepoint import Places, Sums

Floats = NDArray[np.float64]

_STEPS: Final = 30
_SETTLED: Final = 1e-5  # each step cubes the distance
_SHORT: Final = 1 - 1e-6  # of a step, to stay below the root


def joined(parts: Sequence[AndersonDarling]) -> AndersonDarling:
    """Statistics over different numbers of cells in the same arrays: edges that one lacks have no weight."""
    width = max(part.weight.shape[1] for part in parts)
    statistic, mean = (np.concatenate([part[field] for part in parts]) for field in (0, 1))
    padded = [
        np.concatenate([np.pad(part[field], ((0, 0), (0, width - part[field].shape[1]))) for part in parts])
        for field in (2, 3, 4)
    ]
    return AndersonDarling(statistic, mean, *padded)


class Bridge:
    """Laws of ``n`` statistics (see `saddlepoint.Law`).

    Args:
        found: the statistics, with what their null law rests on.

    Example:
        >>> from tidegauge.statistics.anderson_darling import anderson_darling
        >>> cells = np.full((1, 32), 1000.0)
        >>> law = Bridge(anderson_darling(cells, cells / 10))
        >>> round(float(law.largest[0]), 2), round(float(law.mean[0]), 2)  # 1/2 and 1 with ever more cells
        (0.5, 0.97)
    """

    equal = False

    def __init__(self, found: AndersonDarling) -> None:
        self.mean = found.mean
        inside = found.weight > 0
        self.weights = inside.sum(axis=1).astype(np.float64)
        order = np.argsort(~inside, axis=1, kind="stable")  # edges that count come first
        below, above, weight = (
            np.take_along_axis(values, order, 1) for values in (found.below, found.above, found.weight)
        )
        total = np.maximum((below + above)[:, :1], 2.0)
        scale = (total - 1) / total * total
        edges = np.arange(inside.shape[1])
        present = edges < self.weights[:, None]
        gap = np.diff(np.where(present, below, 0.0), prepend=0.0)  # rows between an edge and the one before
        last = edges == self.weights[:, None] - 1
        following = np.where(last, above, np.roll(gap, -1, axis=1))
        root = np.where(present, weight, 1.0)
        diagonal = (1 / np.where(present, gap, 1.0) + 1 / np.where(present, following, 1.0)) / root
        square = 1 / np.where(present, gap, 1.0) ** 2 / (root * np.roll(root, 1, axis=1))
        # column by column, because the recursion runs along them
        self._diagonal = np.ascontiguousarray(np.where(present, scale * diagonal, 1.0).T)
        self._square = np.ascontiguousarray(np.where(present & (edges > 0), scale**2 * square, 0.0).T)
        everything = np.arange(self.mean.size)
        self._log_det = self._pivots(np.zeros(self.mean.size), everything, with_log=True).log
        self.largest = self._largest(everything)

    def sums(self, s: Floats, at: Places) -> Sums:
        """See `saddlepoint.Law`."""
        log, first, second = self._pivots(s, at, with_log=True)
        return Sums(log - self._log_det[at], first, second)

    def slopes(self, s: Floats, at: Places) -> tuple[Floats, Floats]:
        """See `saddlepoint.Law`."""
        _, first, second = self._pivots(s, at, with_log=False)
        return first, second

    def _pivots(self, s: Floats, at: Places, *, with_log: bool) -> Sums:
        """``log det(M - s)`` if asked for, and its first two derivatives less their sign."""
        order = np.argsort(-self.weights[at], kind="stable")  # so that those with edges left come first
        s, at = s[order], at[order]
        left = np.searchsorted(-self.weights[at], -np.arange(self._diagonal.shape[0], dtype=np.float64))
        log, first, second = np.zeros((3, s.size))
        pivot, slope, bend = np.ones_like(s), np.zeros_like(s), np.zeros_like(s)  # f, f'/f, f''/f
        product = np.ones_like(s)
        for step, (diagonal, square, n) in enumerate(zip(self._diagonal, self._square, left.tolist(), strict=True)):
            if not n:
                break
            own, slope = at[:n], slope[:n]
            coupling = square[own] / pivot[:n]
            pivot = diagonal[own] - s[:n] - coupling
            bend = coupling * (bend[:n] - 2 * slope**2) / pivot
            slope = (coupling * slope - 1) / pivot
            first[:n] -= slope
            second[:n] -= bend - slope**2
            if with_log:
                product[:n] *= pivot
                if step % 8 == 7:  # before the product leaves the range of doubles
                    log += np.log(product)
                    product = np.ones_like(s)
        sums = np.empty((3, s.size))
        sums[:, order] = log + np.log(product), first, second
        return Sums(*sums)

    def _largest(self, at: Places) -> Floats:
        """Largest weight: the reciprocal of the smallest root of ``det(M - s)``, approached from below."""
        s = np.zeros(at.size)
        size = np.maximum(self.weights, 1.0)
        open_ = np.flatnonzero(self.weights > 0)
        for _ in range(_STEPS):
            first, second = self.slopes(s[open_], at[open_])
            n = size[open_]
            spread = np.sqrt(np.maximum((n - 1) * (n * second - first**2), 0.0))
            step = n / (first + spread)
            s[open_] += step * _SHORT
            open_ = open_[step > _SETTLED * s[open_]]
            if not open_.size:
                break
        return np.where(self.weights > 0, 1 / np.where(s > 0, s, 1.0), 0.0)
