"""What would have been found: the smallest shift that a comparison shows every other time.

A quiet window says little unless it is known what it could have seen. All rows moved by ``d`` standard deviations of
the reference add ``m_eff Q(d)`` to the mean of Anderson-Darling's statistic, with ``Q`` the sum over edges of the
squared gap between the reference and its shifted self, over the variance of a row. The shift that lifts the mean to the
critical value is exceeded every other time. Within a cell the rows are taken to be spread evenly; of a shift to the
left and one to the right, the one that is harder to see counts.

The critical value is that of the tail's leading term, ``C P(Z**2 > x / w)`` with ``w`` the largest weight and ``C`` the
product of ``(1 - w_i / w)**-1/2`` over the others; at the budget's levels nothing else is left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge_processor.verdicts.bridge import Bridge
from tidegauge_processor.verdicts.effects import points_of, standard_deviation
from tidegauge_processor.verdicts.saddlepoint import Places
from tidegauge_processor.verdicts.types import Reference
from tidegauge_processor.verdicts.uncertain import NODES

Floats = NDArray[np.float64]

_SHIFTS: Final = np.geomspace(0.005, 8.0, 60)
_JUST_BELOW: Final = 1e-6
_HALVINGS: Final = 25


def detectable_shifts(
    law: Bridge, excess: Floats, effective: Floats, level: Floats, references: Sequence[Reference]
) -> Floats:
    """Smallest shifts in standard deviations of the reference.

    Args:
        law: of Anderson-Darling's statistic in ``k`` comparisons.
        excess: what has to be added to its mean, at the nodes of `uncertain`, shape ``(k, nodes)``.
        effective: effective rows, shape ``(k,)``.
        level: of the comparisons, shape ``(k,)``.
        references: of the comparisons, all with ordered cells.

    Returns:
        Shape ``(k,)``; NaN where no shift would be found, or where there is no spread.
    """
    needed = (_critical(law, excess, level) - law.mean - (excess * NODES).sum(axis=1)) / effective
    shifts = np.full(effective.size, np.nan)
    for place in np.flatnonzero(law.weights > 0).tolist():
        shifts[place] = np.interp(needed[place], _sensitivity(references[place]), _SHIFTS, right=np.nan)
    return shifts


@lru_cache(maxsize=4096)
def _sensitivity(reference: Reference) -> Floats:
    """``Q`` at `_SHIFTS`, ascending."""
    if reference.bounds is None:
        raise ValueError("cells without an order do not shift")
    shares = reference.counts.sum(axis=0) / max(reference.counts.sum(), 1)
    spread = float(standard_deviation(shares, points_of(reference.bounds)))
    below = shares[:-1].cumsum()
    inside = (below > 0) & (below < 1)
    weight = np.where(inside, shares[:-1] / np.where(inside, below * (1 - below), 1.0), 0.0)
    moved = _SHIFTS[:, None] * spread
    gaps = [
        np.interp(reference.bounds + side * moved, reference.bounds, below, left=0.0, right=1.0) for side in (-1, 1)
    ]
    seen = np.minimum(*((weight * (gap - below) ** 2).sum(axis=1) for gap in gaps))
    ascending: Floats = np.maximum.accumulate(seen)
    return ascending if spread > 0 else np.full(_SHIFTS.size, np.nan)


def _critical(law: Bridge, excess: Floats, level: Floats) -> Floats:
    """Value that the statistic exceeds with probability ``level`` when nothing has changed: shape ``(k,)``."""
    uncertain = excess.any(axis=1)
    result = np.empty(level.size)
    for places, nodes, weights in (
        (np.flatnonzero(~uncertain), excess[~uncertain, :1], np.ones(1)),
        (np.flatnonzero(uncertain), excess[uncertain], NODES),
    ):
        if places.size:
            result[places] = _quantile(law, places, nodes, weights, level[places])
    return result


def _quantile(law: Bridge, at: Places, excess: Floats, nodes: Floats, level: Floats) -> Floats:
    """The same for the laws ``at``; it lies between the smallest and the largest of its value at the nodes."""
    largest = np.where(law.largest[at] > 0, law.largest[at], 1.0)
    top = largest[:, None] + excess
    s = np.minimum(1 / top, (1 - _JUST_BELOW) / largest[:, None])
    log = law.sums(s.ravel(), np.repeat(at, nodes.size)).log.reshape(s.shape) - np.log1p(-s * largest[:, None])
    factor = np.exp(-log / 2)
    each = 2 * top * special.erfcinv(np.minimum(level[:, None] / factor, 1.0)) ** 2
    low: Floats = each.min(axis=1)
    high: Floats = each.max(axis=1)
    weight = nodes * factor
    for _ in range(_HALVINGS if nodes.size > 1 else 0):
        middle = (low + high) / 2
        tail = (weight * special.erfc(np.sqrt(middle[:, None] / top / 2))).sum(axis=1)
        low, high = np.where(tail > level, middle, low), np.where(tail > level, high, middle)
    return high
