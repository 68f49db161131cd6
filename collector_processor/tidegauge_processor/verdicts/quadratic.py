"""Anderson-Darling's test and what it could have seen, for streams of all shapes at once.

Streams have different numbers of cells, but the law of the statistic is computed column by column, and a column that a
stream lacks adds nothing: so all streams of a model go through one pass, and the price of a pass is paid once.

The statistic that is reported is AD, as others compute it; its p-value is the tail at AD or at its `likelihood` twin,
whichever is smaller; where AD is not large, as in nine of ten quiet windows, at AD.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.anderson_darling import AndersonDarling, anderson_darling
from tidegauge_processor.verdicts.bridge import Bridge, joined
from tidegauge_processor.verdicts.comparisons import Comparisons
from tidegauge_processor.verdicts.detectable import detectable_shifts
from tidegauge_processor.verdicts.likelihood import likelihood_anderson_darling
from tidegauge_processor.verdicts.types import Reference
from tidegauge_processor.verdicts.uncertain import least_p, p_values

Floats = NDArray[np.float64]

_NEAR: Final = 2.0  # times its mean, from where on a p-value of AD may be small: a tenth of the quiet windows
_LEAST_SHARE: Final = 0.45  # of the mean of AD, that its largest weight has: a half with ever more cells, more with few


class Quadratic:
    """The statistics of comparisons of ordered cells.

    Args:
        parts: comparisons, of one shape in each part.
    """

    def __init__(self, parts: Sequence[Comparisons]) -> None:
        found = [anderson_darling(part.reference, part.window) for part in parts]
        self._found = joined(found)
        self._tested = np.concatenate([_tested(part, own) for part, own in zip(parts, found, strict=True)])
        self._effective = np.concatenate([part.effective for part in parts])
        self._excess = np.concatenate([part.beyond["anderson_darling"] for part in parts]) * self._effective[:, None]
        self._ends = np.cumsum([part.rows.size for part in parts])[:-1]

    @property
    def statistic(self) -> list[Floats]:
        """By part."""
        return np.split(self._found.statistic, self._ends)

    def p_values(self, exact_below: Sequence[Floats] | None = None) -> list[Floats]:
        """By part; where they are above ``exact_below`` a lower bound may stand for them."""
        found, tested, excess = self._found, self._tested, self._excess
        if exact_below is None:
            return np.split(p_values(self._law, tested, excess), self._ends)
        result = least_p(tested, _LEAST_SHARE * found.mean, excess)
        near = np.flatnonzero((result <= np.concatenate(exact_below)) & (found.mean > 0))
        if near.size:
            some = AndersonDarling(*(values[near] for values in found))
            result[near] = p_values(Bridge(some), tested[near], excess[near])
        return np.split(result, self._ends)

    def detectable_shifts(self, levels: Sequence[Floats], references: Sequence[Sequence[Reference]]) -> list[Floats]:
        """The smallest shift that would have been found every other time, by part; see `detectable`."""
        known = [reference for part in references for reference in part]
        shifts = detectable_shifts(self._law, self._excess, self._effective, np.concatenate(levels), known)
        return np.split(shifts, self._ends)

    @cached_property
    def _law(self) -> Bridge:
        return Bridge(self._found)


def _tested(part: Comparisons, found: AndersonDarling) -> Floats:
    """What the tail is taken at: shape ``(k,)``."""
    result = found.statistic.copy()
    near = np.flatnonzero(result > _NEAR * found.mean)
    result[near] = np.minimum(result[near], likelihood_anderson_darling(part.reference[near], part.window[near]))
    return result
