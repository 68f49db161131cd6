"""Anderson-Darling's test and what it could have seen, for streams of all shapes at once.

Streams have different numbers of cells, but the law of the statistic is computed column by column, and a column that a
stream lacks adds nothing: so all streams of a model go through one pass, and the price of a pass is paid once.
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
from tidegauge_processor.verdicts.types import Reference
from tidegauge_processor.verdicts.uncertain import least_p, p_values

Floats = NDArray[np.float64]

_LEAST_SHARE: Final = 0.45  # of the mean of AD, that its largest weight has: a half with ever more cells, more with few


class Quadratic:
    """The statistics of comparisons of ordered cells.

    Args:
        parts: comparisons, of one shape in each part.
    """

    def __init__(self, parts: Sequence[Comparisons]) -> None:
        self._found = joined([anderson_darling(part.reference, part.window) for part in parts])
        self._effective = np.concatenate([part.effective for part in parts])
        self._excess = np.concatenate([part.beyond["anderson_darling"] for part in parts]) * self._effective[:, None]
        self._ends = np.cumsum([part.rows.size for part in parts])[:-1]

    @property
    def statistic(self) -> list[Floats]:
        """By part."""
        return np.split(self._found.statistic, self._ends)

    def p_values(self, exact_below: Sequence[Floats] | None = None) -> list[Floats]:
        """By part; where they are above ``exact_below`` a lower bound may stand for them."""
        found, excess = self._found, self._excess
        if exact_below is None:
            return np.split(p_values(self._law, found.statistic, excess), self._ends)
        result = least_p(found.statistic, _LEAST_SHARE * found.mean, excess)
        near = np.flatnonzero((result <= np.concatenate(exact_below)) & (found.mean > 0))
        if near.size:
            some = AndersonDarling(*(values[near] for values in found))
            result[near] = p_values(Bridge(some), some.statistic, excess[near])
        return np.split(result, self._ends)

    def detectable_shifts(self, levels: Sequence[Floats], references: Sequence[Sequence[Reference]]) -> list[Floats]:
        """The smallest shift that would have been found every other time, by part; see `detectable`."""
        known = [reference for part in references for reference in part]
        shifts = detectable_shifts(self._law, self._excess, self._effective, np.concatenate(levels), known)
        return np.split(shifts, self._ends)

    @cached_property
    def _law(self) -> Bridge:
        return Bridge(self._found)
