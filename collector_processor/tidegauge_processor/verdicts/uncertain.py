"""p-values when windows differ beyond independent rows, by an amount that is itself only estimated.

The baseline's blocks say how large a statistic is on average: ``ratio`` times that of independent rows, with ``nu``
degrees of freedom (see `tidegauge.statistics.wobble`). So the true ratio is distributed as ``ratio nu / chi2(nu)``,
and what it exceeds one by adds ``w = (ratio - 1) per_row`` for each effective row to the mean of the statistic. The
p-value is the mean over that distribution of the tail given ``w``:

* where blocks differ much more than independent rows would, it is the tail of an F on ``nu`` degrees of freedom;
* where they do not, or no blocks are known, it is that of independent rows;
* where production has many times the rows of the reference, what the blocks cannot rule out counts as well.

The mean is taken by the trapezoidal rule in the normal score of ``chi2(nu)``, which converges geometrically; where the
p-value is far from any level, by its coarse half.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge.statistics.wobble import Excess
from tidegauge_processor.verdicts.saddlepoint import Law, survival

Floats = NDArray[np.float64]

_SCORES: Final = np.arange(-3.0, 8.0, 0.75)
NODES: Final = np.exp(-(_SCORES**2) / 2) / np.exp(-(_SCORES**2) / 2).sum()
"""Weights of the nodes."""

_COARSE: Final = np.flatnonzero(_SCORES <= 3.0)[::2]
_COARSE_NODES: Final = NODES[_COARSE] / NODES[_COARSE].sum()
_FAR: Final = 1e-3


@lru_cache(maxsize=65_536)
def beyond(excess: Excess) -> Floats:
    """What each effective row may have to add to the mean of a statistic, at the nodes: shape ``(nodes,)``.

    Example:
        >>> half = beyond(Excess(ratio=1.5, per_row=0.01, degrees=1e6))
        >>> half.round(5).tolist()[4]
        0.005
    """
    chi_square = 2 * special.gammaincinv(excess.degrees / 2, special.ndtr(-_SCORES))
    ratio = excess.ratio * excess.degrees / np.maximum(chi_square, np.finfo(np.float64).tiny)
    result: Floats = np.maximum(ratio - 1, 0.0) * excess.per_row
    result.flags.writeable = False
    return result


def least_p(statistic: Floats, largest: Floats, excess: Floats) -> Floats:
    """A lower bound of the p-value: the tail of the largest weight alone, shape ``(n,)``.

    Args:
        statistic: shape ``(n,)``.
        largest: at most the largest weight with independent rows, shape ``(n,)``.
        excess: what has to be added to the mean of the statistic, at the nodes, shape ``(n, nodes)``.
    """
    top = largest[:, None] + excess
    tails = special.erfc(np.sqrt(statistic[:, None] / np.where(top > 0, top, 1.0) / 2))
    result: Floats = np.where(largest > 0, (tails * NODES).sum(axis=1), 1.0)
    return result


def p_values(law: Law, statistic: Floats, excess: Floats) -> Floats:
    """Probability of a statistic at least as large when nothing has changed.

    Args:
        law: that of ``n`` statistics with independent rows.
        statistic: shape ``(n,)``.
        excess: what has to be added to the mean of the statistic, at the nodes, shape ``(n, nodes)``.

    Example:
        >>> from tidegauge_processor.verdicts.saddlepoint import Equal
        >>> nine = beyond(Excess(ratio=40.0, per_row=0.01, degrees=9.0))
        >>> p = p_values(Equal(np.ones(1)), np.array([40 * 25.0]), 100 * nine[None])
        >>> round(float(p[0]), 5)  # Student's t with 9 degrees of freedom at 5
        0.00074
    """
    uncertain = excess.any(axis=1)
    far = least_p(statistic, law.largest, excess) > _FAR
    groups = [
        (np.flatnonzero(~uncertain), np.arange(1), np.ones(1)),
        (np.flatnonzero(uncertain & far), _COARSE, _COARSE_NODES),
        (np.flatnonzero(uncertain & ~far), np.arange(NODES.size), NODES),
    ]
    # all in one call, whose price is that of its steps and hardly of their width
    at = np.concatenate([np.repeat(places, nodes.size) for places, nodes, _ in groups])
    extra = np.concatenate([excess[np.ix_(places, nodes)].ravel() for places, nodes, _ in groups])
    tails = survival(law, statistic[at], extra, at)
    result, done = np.ones_like(statistic), 0
    for places, nodes, weights in groups:
        here = tails[done : done + places.size * nodes.size].reshape(places.size, nodes.size)
        result[places] = (here * weights).sum(axis=1)
        done += here.size
    return result


def widened(p_value: Floats, excess: Floats) -> Floats:
    """p-values of exact tests with one degree of freedom, when windows differ beyond independent rows.

    Args:
        p_value: for independent rows, shape ``(n,)``.
        excess: of a statistic whose mean is one, at the nodes, shape ``(n, nodes)``.
    """
    squares = 2 * special.erfcinv(p_value) ** 2
    return np.where(excess.any(axis=1), np.maximum(least_p(squares, np.ones_like(squares), excess), p_value), p_value)
